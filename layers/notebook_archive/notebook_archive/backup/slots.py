"""Free a slot. Only this module deletes snapshots in ArcGIS, and decides which may be deleted.

A snapshot may be deleted only if this system made it, and if the archive has the same bytes as ArcGIS. `prove_copy`
checks both. `capture` calls this module, and only if ArcGIS refused a new snapshot because no slot is free.
"""

import logging
from contextlib import closing
from dataclasses import dataclass

from notebook_archive.archive import ArchiveReader, CaptureRecord, RunId
from notebook_archive.backup.job import NotebookJob
from notebook_archive.backup.staging import stage
from notebook_archive.errors import (
    ArchiveConflict,
    ArchiveDamaged,
    ArchiveDenied,
    ListingIncomplete,
    NotebookArchiveError,
    NotebookNotFound,
    RequestRejected,
    SnapshotInvalid,
    UnexpectedAnswer,
)
from notebook_archive.models import ResourceKey, Snapshot, SnapshotListing, VerifiedCopy

_log = logging.getLogger(__name__)

# The names of all snapshots that this system makes begin with this prefix. A person may use it too, so the name alone
# proves nothing.
CAPTURE_PREFIX = "Notebook Archive "

# Errors that prevent the proof of one copy, and that waiting does not cure.
_LASTING_ERRORS = (ArchiveConflict, ArchiveDamaged, ArchiveDenied, NotebookNotFound, RequestRejected, SnapshotInvalid)


@dataclass(frozen=True, slots=True)
class FreedSlot:
    """The result of an attempt to free a slot.

    `listed` is what ArcGIS lists afterwards, or None if no slot was freed. `freed` is the key of the deleted snapshot.
    It may be set even if an `error` ended the attempt later. `kept` contains an error for each older snapshot of ours
    that could not be deleted.
    """

    listed: SnapshotListing | None = None
    freed: ResourceKey | None = None
    error: NotebookArchiveError | None = None
    kept: tuple[NotebookArchiveError, ...] = ()


def capture_name(run: RunId) -> str:
    """Return the name of the snapshots that a run makes.

    It has at most 108 characters, and is the same in each attempt of the run.
    """
    return f"{CAPTURE_PREFIX}{run}"


def is_capture(snapshot: Snapshot, record: CaptureRecord | None) -> bool:
    """Return whether this system made a snapshot: it has a capture record, and the name of the run in that record."""
    return record is not None and snapshot.name == capture_name(record.run)


def free_slot(job: NotebookJob, listed: SnapshotListing, reader: ArchiveReader) -> FreedSlot:
    """Delete the oldest listed snapshot that may be deleted. Never raises a NotebookArchiveError.

    A snapshot is kept if its copy is damaged or cannot be read, or if ArcGIS serves other bytes. Then the next oldest
    is checked. If a copy cannot be checked because of a temporary error, nothing is deleted.
    """
    kept: list[NotebookArchiveError] = []
    for snapshot in sorted(listed.snapshots, key=lambda each: each.created):
        try:
            copy = prove_copy(job, snapshot, reader)
        except _LASTING_ERRORS as error:
            kept.append(error)
        except NotebookArchiveError as error:
            return FreedSlot(error=error, kept=tuple(kept))
        else:
            if copy:
                return _delete(job, copy, listed, tuple(kept))
    return FreedSlot(kept=tuple(kept))


def prove_copy(job: NotebookJob, snapshot: Snapshot, reader: ArchiveReader) -> VerifiedCopy | None:
    """Return the proof that a snapshot may be deleted: this system made it, and the archive has the same bytes.

    Returns None if it is not proved that this system made the snapshot, or if the archive has no copy. Reads both
    copies to their ends. Raises ArchiveConflict if they differ, and ArchiveDamaged if the archived copy does not match
    its checksum.
    """
    item_id, key = job.item_id, snapshot.resource_key
    if not snapshot.name.startswith(CAPTURE_PREFIX):
        return None
    if not is_capture(snapshot, job.context.archive.read_capture_record(item_id, key)):
        return None
    archived = reader.verify(item_id, key)
    if archived is None:
        return None
    what, limit = f"Snapshot {key} of item {item_id}", job.context.max_snapshot_bytes
    served = job.access.read_snapshot(item_id, key, limit, lambda chunks: stage(chunks, what))
    with closing(served.file):
        if (served.size, served.digest) != (archived.size, archived.digest):
            raise ArchiveConflict(
                f"{what}: ArcGIS serves other bytes than the archive contains, so it was not deleted."
            )
    return VerifiedCopy(item_id, key, served.digest.hex())


def _delete(
    job: NotebookJob, copy: VerifiedCopy, listed: SnapshotListing, kept: tuple[NotebookArchiveError, ...]
) -> FreedSlot:
    """Delete a snapshot, then list the snapshots again. Only the new list proves that the snapshot is gone."""
    what = f"Snapshot {copy.resource_key} of item {copy.item_id}"
    # Log this before the call, so that the log contains it whatever happens later.
    _log.warning("%s is deleted in ArcGIS to free a slot; the archive has it, SHA-256 %s", what, copy.sha256)
    refusal: NotebookArchiveError | None = None
    try:
        job.access.delete_snapshot(copy)
    except NotebookArchiveError as error:
        refusal = error
    # If ArcGIS rejected the request and the snapshot is gone, somebody else deleted it.
    freed = None if isinstance(refusal, RequestRejected) else copy.resource_key
    try:
        remaining = job.access.list_snapshots(copy.item_id)
    except NotebookArchiveError as error:
        return FreedSlot(None, freed, error, kept)
    keys = {snapshot.resource_key for snapshot in remaining.snapshots}
    if copy.resource_key in keys:
        answered = UnexpectedAnswer(f"ArcGIS reported that {what} was deleted, but still lists it.")
        return FreedSlot(error=refusal or answered, kept=kept)
    missing = {each.resource_key for each in listed.snapshots} - keys
    if missing != {copy.resource_key}:
        others = "1 other is" if len(missing) == 2 else f"{len(missing) - 1} others are"
        more = UnexpectedAnswer(f"{what} was deleted, and {others} no longer listed.")
        return FreedSlot(None, freed, more, kept)
    if remaining.is_doubtful:
        incomplete = ListingIncomplete(f"{what} was deleted, but the new list is incomplete, so it may still exist.")
        return FreedSlot(None, freed, incomplete, kept)
    return FreedSlot(remaining, freed, None, kept)
