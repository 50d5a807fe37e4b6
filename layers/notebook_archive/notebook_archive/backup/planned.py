"""What the plan says of one notebook: its item, and what the archive holds of it."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from notebook_archive.arcgis.portal import Organization
from notebook_archive.archive import ArchivedNotebook, CapturedNote, ContentNotes, CopyId
from notebook_archive.models import NotebookItem, ResourceKey, join_digests

MAX_PLANNED_SNAPSHOTS = 5000
"""Archived snapshots of one notebook that its line tells, the latest.  An older one that ArcGIS still has costs one
download a run, and ends as unchanged."""
REWRITE_MS = 30 * 86_400_000
"""An item's properties are written again after this long, for changes that its ``modified`` does not tell."""
CLOCK_MARGIN_MS = 86_400_000
"""The portal's clock and S3's are trusted to agree within a day when an item's properties are compared."""
# Sizes that a line of the plan holds, the latest. A snapshot has one, and one more for each altered body beside it;
# those of a snapshot that has none here are not compared.
MAX_SIZES = 6000
BATCH_BYTES = 150_000
"""A line of the plan is the input of a child execution, and Step Functions allows 262,144 bytes."""
SETTLED_MS = 600_000
"""What was noted sooner after the item's ``modified`` is compared once more by a later run: that a portal shows new
content and its new time at once is documented nowhere, and two clocks are compared."""
_TIMES = range(1, 10**13)
"""What fits into a key as a time."""


class PlannedContent(TypedDict):
    """What decides whether a notebook's current content is fetched.

    ``modified`` is the item's, in epoch milliseconds, 0 where the portal told none.  ``held`` is the id of the copy
    that was archived last, ``captured`` the short digest of the content that a snapshot was last found to hold, both
    empty where there is none.  ``settled`` is the content's short digest, where that is known; ``held`` and
    ``captured`` are then of this content.  ``empty``: the portal counts no bytes of the item.
    """

    modified: int
    held: str
    captured: str
    settled: NotRequired[str]
    empty: NotRequired[bool]


class Planned(TypedDict):
    """One notebook in a line of the plan.

    ``archived`` is the digests of the resource keys that the archive holds.  `sizes` are, in the same order, the bytes
    of each snapshot and of the altered bodies beside it.  ``item`` is the properties to be written as ``item.json``, if
    they are new or have changed.  ``hidden``: the administrator's account may not see its private snapshots.
    """

    itemId: str
    title: str
    owner: str
    archived: str
    sizes: NotRequired[list[list[int]]]
    hidden: NotRequired[bool]
    content: NotRequired[PlannedContent]
    item: NotRequired[Mapping[str, Any]]


def plan_notebook(item: NotebookItem, held: ArchivedNotebook | None, organisation: Organization) -> Planned:
    """Return a notebook's line of the plan; ``held`` is what the archive has of it."""
    line: Planned = {
        "itemId": item.item_id,
        "title": item.title,
        "owner": item.owner,
        "archived": join_digests(held.snapshots[-MAX_PLANNED_SNAPSHOTS:]) if held else "",
        "content": plan_content(item, held),
    }
    if held and held.snapshots:
        line["sizes"] = _sizes(held, held.snapshots[-MAX_PLANNED_SNAPSHOTS:])
    if not organisation.can_update_items and item.owner != organisation.username:
        line["hidden"] = True
    written = held.item_written.timestamp() * 1000 if held and held.item_written else 0
    is_back = held is not None and held.is_deleted  # writing it again overrules the note that it was deleted
    if is_back or item.modified > written - CLOCK_MARGIN_MS or written < time.time() * 1000 - REWRITE_MS:
        line["item"] = _fitting(item.properties)
    return line


def _sizes(held: ArchivedNotebook, snapshots: Sequence[ResourceKey]) -> list[list[int]]:
    """Return the sizes of each snapshot, none for the earliest if there are more than MAX_SIZES in all."""
    sizes: list[list[int]] = []
    left = MAX_SIZES
    for key in reversed(snapshots):
        left -= len(held.sizes[key])
        sizes.append(list(held.sizes[key]) if left >= 0 else [])
    return sizes[::-1]


def _fitting(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties, without the longest where they would not fit into a line: free text, in all likelihood."""
    sizes = {name: len(json.dumps({name: value})) for name, value in properties.items()}
    while sum(sizes.values()) > BATCH_BYTES // 2:
        del sizes[max(sizes, key=sizes.__getitem__)]
    return {name: properties[name] for name in sizes}


def plan_content(item: NotebookItem, held: ArchivedNotebook | None) -> PlannedContent:
    """Return what decides whether the item's content is fetched; ``held`` is what the archive has of the item."""
    present = held.content_notes if held else ContentNotes()
    modified = item.modified if item.modified in _TIMES else 0
    known = present.find_by_modified(modified) if modified else None
    settled = known[1].short_digest if known and known[0].timestamp() * 1000 > modified + SETTLED_MS else ""
    copy, captured = present.find_latest(CopyId, settled), present.find_latest(CapturedNote, settled)
    line: PlannedContent = {
        "modified": modified,
        "held": copy[1] if copy else "",
        "captured": captured[1].short_digest if captured else "",
    }
    if settled:
        line["settled"] = settled
    if item.size is not None and item.size <= 0:
        line["empty"] = True
    return line


def is_planned_as_archived(planned: PlannedContent | None) -> bool:
    """Return whether the plan says that the archive has the content as of the item's `modified`.

    Either the content at that time is known, and a copy or a captured snapshot holds it; or there is a copy of exactly
    that time. Such a copy may have been taken too soon after the change to be trusted for good.
    """
    if planned is None:
        return False
    if planned.get("settled") and (planned["held"] or planned["captured"]):
        return True
    return (
        bool(planned["held"] and planned["modified"]) and CopyId.parse(planned["held"]).modified == planned["modified"]
    )
