"""The plan of one notebook: its item, and what the archive holds of it."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from notebook_archive.arcgis.portal import Organization
from notebook_archive.archive import ArchivedNotebook, CapturedNote, ContentNotes, CopyId
from notebook_archive.models import NotebookItem, ResourceKey, join_digests

# Maximum archived snapshots of one notebook in its line: the latest. An older one that ArcGIS still has costs one
# download in each run, and ends as unchanged.
MAX_PLANNED_SNAPSHOTS = 5000
# After this time an item's properties are written again, for changes that do not change its `modified`.
REWRITE_MS = 30 * 86_400_000
# The clocks of the portal and of S3 may differ by this much when an item's properties are compared.
CLOCK_MARGIN_MS = 86_400_000
# Maximum sizes in a line: the latest. A snapshot has one, and one more for each altered body beside it. If a snapshot
# has none here, its size is not compared.
MAX_SIZES = 6000
# Maximum bytes of a line. It is the input of a child execution, for which Step Functions allows 262,144 bytes.
BATCH_BYTES = 150_000
# Notes written within this time after the item's `modified` are checked again by a later run. Esri does not document
# that a portal shows new content and its new time at once, and the clocks of two systems are compared.
SETTLED_MS = 600_000
# The times that fit into a key.
_TIMES = range(1, 10**13)


class PlannedContent(TypedDict):
    """What decides whether a notebook's current content is fetched.

    `modified` is the item's, in epoch milliseconds, or 0 if the portal gave none. `held` is the id of the copy that was
    archived last. `captured` is the short digest of the content that a snapshot was last found to hold. Both are empty
    if there is none. `settled` is the content's short digest, if that is known; `held` and `captured` are then of this
    content. `empty` means that the portal counts no bytes of the item.
    """

    modified: int
    held: str
    captured: str
    settled: NotRequired[str]
    empty: NotRequired[bool]


class PlannedNotebook(TypedDict):
    """One notebook in a line of the plan.

    `archived` holds the digests of the resource keys that the archive holds. `sizes` are, in the same order, the bytes
    of each snapshot and of the altered bodies beside it. `item` holds the properties to write as `item.json`, if they
    are new or have changed. `hidden` means that the administrator's account may not see its private snapshots.
    """

    itemId: str
    title: str
    owner: str
    archived: str
    sizes: NotRequired[list[list[int]]]
    hidden: NotRequired[bool]
    content: NotRequired[PlannedContent]
    item: NotRequired[Mapping[str, Any]]


def plan_notebook(item: NotebookItem, held: ArchivedNotebook | None, organization: Organization) -> PlannedNotebook:
    """Return the plan of a notebook. `held` is what the archive has of it."""
    line: PlannedNotebook = {
        "itemId": item.item_id,
        "title": item.title,
        "owner": item.owner,
        "archived": join_digests(held.snapshots[-MAX_PLANNED_SNAPSHOTS:]) if held else "",
        "content": plan_content(item, held),
    }
    if held and held.snapshots:
        line["sizes"] = _list_sizes(held, held.snapshots[-MAX_PLANNED_SNAPSHOTS:])
    if not organization.can_update_items and item.owner != organization.username:
        line["hidden"] = True
    written = held.item_written.timestamp() * 1000 if held and held.item_written else 0
    is_restored = held is not None and held.is_deleted  # a newer `item.json` cancels the note that it was deleted
    if is_restored or item.modified > written - CLOCK_MARGIN_MS or written < time.time() * 1000 - REWRITE_MS:
        line["item"] = _drop_longest(item.properties)
    return line


def plan_unknown(item_id: str) -> PlannedNotebook:
    """Return the plan of a notebook of which only the id is known."""
    return {"itemId": item_id, "title": "", "owner": "", "archived": ""}


def _list_sizes(held: ArchivedNotebook, snapshots: Sequence[ResourceKey]) -> list[list[int]]:
    """Return the sizes of each snapshot. The earliest get none if there are more than MAX_SIZES in all."""
    sizes: list[list[int]] = []
    left = MAX_SIZES
    for key in reversed(snapshots):
        left -= len(held.sizes[key])
        sizes.append(list(held.sizes[key]) if left >= 0 else [])
    return sizes[::-1]


def _drop_longest(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties without the longest ones, most likely free text, if all would not fit into a line."""
    sizes = {name: len(json.dumps({name: value})) for name, value in properties.items()}
    while sum(sizes.values()) > BATCH_BYTES // 2:
        del sizes[max(sizes, key=sizes.__getitem__)]
    return {name: properties[name] for name in sizes}


def plan_content(item: NotebookItem, held: ArchivedNotebook | None) -> PlannedContent:
    """Return what decides whether the item's content is fetched. `held` is what the archive has of the item."""
    notes = held.content_notes if held else ContentNotes()
    modified = item.modified if item.modified in _TIMES else 0
    note = notes.find_by_modified(modified) if modified else None
    settled = note[1].short_digest if note and note[0].timestamp() * 1000 > modified + SETTLED_MS else ""
    copy, captured = notes.find_latest(CopyId, settled), notes.find_latest(CapturedNote, settled)
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

    Either the content at that time is known, and a copy or a captured snapshot holds it, or there is a copy of exactly
    that time. A later run checks such a copy again if it was taken too soon after the change.
    """
    if planned is None:
        return False
    if planned.get("settled") and (planned["held"] or planned["captured"]):
        return True
    return (
        bool(planned["held"] and planned["modified"]) and CopyId.parse(planned["held"]).modified == planned["modified"]
    )
