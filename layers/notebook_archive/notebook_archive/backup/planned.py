"""The plan of one notebook: its item, and what the archive already contains."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from notebook_archive.arcgis.portal import Organization
from notebook_archive.archive import ArchivedNotebook, CapturedNote, ContentNotes, CopyId
from notebook_archive.models import DIGEST_LENGTH, NotebookItem

# Maximum number of archived snapshots in the line of one notebook. The latest ones are kept. If ArcGIS still has an
# older snapshot, every run downloads it and counts it as unchanged.
MAX_PLANNED_SNAPSHOTS = 5000
# After this time an item's properties are written again, because some changes do not change its `modified`.
REWRITE_MS = 30 * 86_400_000
# Maximum difference between the clocks of the portal and S3 that is allowed for when an item's properties are compared.
CLOCK_MARGIN_MS = 86_400_000
# Maximum number of sizes in a line. Those of the latest snapshots are kept. A snapshot has one size, and one more for
# each altered body. If the line contains no size of a snapshot, its size is not compared.
MAX_SIZES = 6000
# Maximum size of a line in bytes. A line is the input of a child execution. Step Functions allows 262,144 bytes.
BATCH_BYTES = 150_000
# Notes written within this time after the item's `modified` are checked again by a later run. Esri does not document
# that a portal shows new content and its new time together. Also, the two times come from the clocks of two systems.
SETTLED_MS = 600_000
# The times that fit into a key.
_TIMES = range(1, 10**13)


class PlannedContent(TypedDict):
    """The facts that decide whether a notebook's current content is fetched.

    `modified` is the item's, in epoch milliseconds, or 0 if the portal gave none. `held` is the id of the copy that was
    archived last, or empty. `captured` is the short digest of the content that a snapshot was last found to contain,
    or empty. `settled` is the short digest of the content, if it is known. `held` and `captured` then belong to this
    content. `empty` means that the portal reports an item size of 0 bytes.
    """

    modified: int
    held: str
    captured: str
    settled: NotRequired[str]
    empty: NotRequired[bool]


class PlannedNotebook(TypedDict):
    """One notebook in a line of the plan.

    `archived` contains the digests of the archived resource keys. `sizes` are, in the same order, the sizes in bytes of
    each snapshot and of its altered bodies. `item` contains the properties to write as `item.json`, if they are new or
    have changed. `hidden` means that the administrator's account may not see the notebook's private snapshots.
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
    """Return the plan of a notebook. `held` describes what the archive already contains."""
    line: PlannedNotebook = {
        "itemId": item.item_id,
        "title": item.title,
        "owner": item.owner,
        "archived": held.key_digests[-MAX_PLANNED_SNAPSHOTS * DIGEST_LENGTH :] if held else "",
        "content": plan_content(item, held),
    }
    if held and held.sizes:
        line["sizes"] = _list_sizes(held.sizes[-MAX_PLANNED_SNAPSHOTS:])
    if not organization.can_update_items and item.owner != organization.username:
        line["hidden"] = True
    written = held.item_written.timestamp() * 1000 if held and held.item_written else 0
    is_restored = held is not None and held.is_deleted  # a newer `item.json` cancels the note that it was deleted
    if is_restored or item.modified > written - CLOCK_MARGIN_MS or written < time.time() * 1000 - REWRITE_MS:
        line["item"] = _drop_longest(item.properties)
    return line


def plan_unknown(item_id: str) -> PlannedNotebook:
    """Return the plan of a notebook if only its id is known."""
    return {"itemId": item_id, "title": "", "owner": "", "archived": ""}


def _list_sizes(held: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Return the sizes of each snapshot. Leave out those of the earliest if there are more than MAX_SIZES in all."""
    sizes: list[list[int]] = []
    left = MAX_SIZES
    for each in reversed(held):
        left -= len(each)
        sizes.append(list(each) if left >= 0 else [])
    return sizes[::-1]


def _drop_longest(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties. If they do not fit into a line, drop the longest, which are most likely free text."""
    sizes = {name: len(json.dumps({name: value})) for name, value in properties.items()}
    while sum(sizes.values()) > BATCH_BYTES // 2:
        del sizes[max(sizes, key=sizes.__getitem__)]
    return {name: properties[name] for name in sizes}


def plan_content(item: NotebookItem, held: ArchivedNotebook | None) -> PlannedContent:
    """Return what decides whether the item's content is fetched. `held` describes what the archive contains."""
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

    This is so in two cases. The content at that time is known, and a copy or a captured snapshot contains it. Or the
    archive has a copy of exactly that time. If such a copy was taken too soon after the change, a later run checks it
    again.
    """
    if planned is None:
        return False
    if planned.get("settled") and (planned["held"] or planned["captured"]):
        return True
    return (
        bool(planned["held"] and planned["modified"]) and CopyId.parse(planned["held"]).modified == planned["modified"]
    )
