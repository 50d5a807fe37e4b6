"""The present state of one notebook: its current content, which no snapshot need hold."""

import time
from collections.abc import Iterable
from contextlib import closing

from notebook_archive.arcgis.routes import Access
from notebook_archive.archive import Archive, CopyId, Holding
from notebook_archive.deadline import Deadline
from notebook_archive.errors import ArcGISUnavailable, NoContent
from notebook_archive.models import NotebookItem
from notebook_archive.pipeline.outcomes import PlannedCurrent, StoredSnapshot
from notebook_archive.pipeline.staging import Staged, stage
from notebook_archive.pipeline.storing import How, Whose, store_copy

SETTLED_MS = 600_000
"""A copy that was taken sooner after the item's ``modified`` is compared once more by a later run: that a portal shows
new content and its new time at once is documented nowhere, and two clocks are compared."""
_TIMES = range(1, 10**13)
"""What fits into a key as a time."""


def planned_current(item: NotebookItem, held: Holding | None) -> PlannedCurrent:
    """Return what decides whether the item's content is fetched; ``held`` is what the archive has of the item."""
    present = held.present if held else None
    modified = item.modified if item.modified in _TIMES else 0
    line: PlannedCurrent = {"modified": modified, "held": present.copy if present else ""}
    if (
        present
        and modified
        and (present.seen.modified, present.seen.short_digest) == (modified, present.copy.short_digest)
        and present.seen_at.timestamp() * 1000 > modified + SETTLED_MS
    ):
        line["settled"] = True
    if item.size is not None and item.size <= 0:
        line["empty"] = True
    return line


def archive_current(
    current: PlannedCurrent,
    whose: Whose,
    access: Access,
    how: How,
    archive: Archive,
    limit: int,
    deadline: Deadline,
) -> StoredSnapshot | None:
    """Return what was stored, None where the archive holds the notebook's content.

    Costs no call where the plan says so.  Raises NoContent where there is nothing yet: that is proved by ArcGIS's
    answer together with a size of none.  Else any ArcGISError, SnapshotInvalid or ArchiveError.
    """
    if current.get("settled"):
        return None
    item_id = whose.item_id
    what = f"The current content of item {item_id}"

    def read(chunks: Iterable[bytes]) -> Staged:
        try:
            return stage(chunks, what)
        except ArcGISUnavailable as error:
            if error.code == 500 and current.get("empty"):
                raise NoContent(f"Item {item_id} has no content.") from None
            raise

    staged = access.current(item_id, limit, read, deadline)
    with closing(staged.file):
        copy = CopyId.of(current["modified"], staged.digest)
        held = CopyId.parse(current["held"]) if current["held"] else None
        if not (held and held.short_digest == copy.short_digest and archive.has_copy(item_id, held, staged.digest)):
            stored = store_copy(whose, copy, staged, how, archive)
            if stored.state == "archived":
                sha256 = staged.digest.hex()
                return {"resourceKey": copy.resource_key, "key": stored.key, "bytes": staged.size, "sha256": sha256}
    if copy.modified and time.time() * 1000 > copy.modified + SETTLED_MS:
        archive.put_sighting(item_id, copy, how.run)  # so that the next run need not ask
    return None
