"""Freeing a slot: the one place where something in ArcGIS is deleted, and the proof that it asks for."""

import logging
from collections.abc import Callable
from contextlib import closing

from notebook_archive.archive import ArchiveReader, CaptureRecord, RunId
from notebook_archive.backup.job import NotebookJob
from notebook_archive.backup.outcome import Outcome
from notebook_archive.backup.staging import stage
from notebook_archive.errors import (
    ArcGISError,
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
from notebook_archive.models import Snapshot, SnapshotListing, VerifiedCopy

_log = logging.getLogger(__name__)

PREFIX = "Notebook Archive "
"""The names of all snapshots that this system makes begin so; a person's may too, so more than the name is asked."""


_LASTING = (ArchiveConflict, ArchiveDamaged, ArchiveDenied, NotebookNotFound, RequestRejected, SnapshotInvalid)
"""What keeps one copy from being proved, and waiting does not mend."""


def capture_name(run: RunId) -> str:
    """Return the name of the snapshots that a run makes, the same each time that the run is tried: at most 108
    characters."""
    return f"{PREFIX}{run}"


def is_ours(snapshot: Snapshot, made: CaptureRecord | None) -> bool:
    """Return whether this system made the snapshot: a run has noted so, and the snapshot has that run's name."""
    return made is not None and snapshot.name == capture_name(made.run)


def free_slot(
    job: NotebookJob,
    listed: SnapshotListing,
    reader: ArchiveReader,
    made: Outcome,
    report: Callable[[NotebookArchiveError], None],
) -> SnapshotListing | None:
    """Delete the oldest listed snapshot that this system made and of which the archive has a whole copy; return what is
    listed then, None where there is none such.  ``made`` notes which one it was.

    One whose copy is damaged or cannot be read, or that ArcGIS does not serve as it was, stays, is told to ``report``,
    and the next is looked at.  Raises any ArcGISError where a copy could not be proved just now, or the snapshot is not
    gone after all.
    """
    for snapshot in sorted(listed.snapshots, key=lambda each: each.created):
        try:
            copy = verified_copy(job, snapshot, reader)
        except _LASTING as error:
            report(error)
        else:
            if copy:
                return _delete(job, copy, listed, made)
    return None


def verified_copy(job: NotebookJob, snapshot: Snapshot, reader: ArchiveReader) -> VerifiedCopy | None:
    """Return the proof that the archive holds what ArcGIS serves now; None for a snapshot that this system did not
    provably make, or of which the archive has no copy.

    Reads both copies to their ends.  Raises ArchiveDamaged or ArchiveConflict where they differ.
    """
    item_id, key = job.item_id, snapshot.resource_key
    if not snapshot.name.startswith(PREFIX):
        return None
    if not is_ours(snapshot, job.context.archive.read_capture_record(item_id, key)):
        return None
    archived = reader.verify(item_id, key)
    if archived is None:
        return None
    what, limit = f"Snapshot {key} of item {item_id}", job.context.max_snapshot_bytes
    served = job.access.read_snapshot(item_id, key, limit, lambda chunks: stage(chunks, what))
    with closing(served.file):
        if (served.size, served.digest) != (archived.size, archived.digest):
            raise ArchiveConflict(f"{what}: ArcGIS serves other bytes than the archive holds; it was not deleted.")
    return VerifiedCopy(item_id, key, served.digest.hex())


def _delete(job: NotebookJob, copy: VerifiedCopy, listed: SnapshotListing, made: Outcome) -> SnapshotListing:
    """Delete the snapshot and return the listing that proves it gone, whatever the answer was.

    It is told before it is done, so that nothing that goes wrong afterwards hides it.
    """
    refused: ArcGISError | None = None
    what = f"Snapshot {copy.resource_key} of item {copy.item_id}"
    _log.warning("%s is deleted in ArcGIS to free a slot; the archive has it, SHA-256 %s", what, copy.sha256)
    made["freed"] = copy.resource_key
    try:
        job.access.delete_snapshot(copy)
    except ArcGISError as error:
        refused = error
        if isinstance(error, RequestRejected):
            del made["freed"]  # if it is gone all the same, another deleted it
    remaining = job.access.list_snapshots(copy.item_id)
    if copy.resource_key in (snapshot.resource_key for snapshot in remaining.snapshots):
        made.pop("freed", None)
        raise refused or UnexpectedAnswer(f"{what} was said to be deleted and is still listed.")
    missed = {each.resource_key for each in listed.snapshots} - {each.resource_key for each in remaining.snapshots}
    if missed != {copy.resource_key}:
        raise UnexpectedAnswer(f"{what}: {len(missed) - 1} more snapshots are gone than were to be deleted.")
    if remaining.is_doubtful:
        raise ListingIncomplete(f"{what}: the listing does not prove that it is gone.")
    return remaining
