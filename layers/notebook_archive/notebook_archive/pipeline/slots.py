"""Freeing a slot: the one place where something in ArcGIS is deleted, and the proof that it asks for."""

from collections.abc import Callable
from contextlib import closing

from notebook_archive.arcgis.routes import Access
from notebook_archive.archive import ArchivedSnapshot, RunId, Shelf
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArchiveConflict,
    ArchiveDamaged,
    ListingIncomplete,
    NotebookArchiveError,
    SettingsInvalid,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, Listing, Snapshot, VerifiedCopy
from notebook_archive.pipeline.staging import stage

PREFIX = "Notebook Archive "
"""The names of all snapshots that this system makes begin so; a person's may too, so more than the name is asked."""


def capture_name(run: RunId) -> str:
    """Return the name of the snapshots that a run makes, the same each time that the run is tried: at most 108
    characters."""
    return f"{PREFIX}{run}"


def free_slot(
    item_id: ItemId,
    listed: Listing,
    access: Access,
    shelf: Shelf,
    limit: int,
    deadline: Deadline,
    report: Callable[[NotebookArchiveError], None],
) -> Listing | None:
    """Delete the oldest listed snapshot that this system made and of which the archive has a whole copy; return what is
    listed then, None where there is none such.

    One whose copy is damaged, or is not what ArcGIS serves, stays, is told to ``report``, and the next is looked at.
    Raises any ArcGISError where the snapshot is not gone after all.
    """
    for snapshot in sorted(listed.snapshots, key=lambda each: each.created):
        try:
            copy = verified_copy(item_id, snapshot, access, shelf, limit, deadline)
        except (ArchiveConflict, ArchiveDamaged) as error:
            report(error)
        else:
            if copy:
                return _delete(copy, listed, access, deadline)
    return None


def verified_copy(
    item_id: ItemId, snapshot: Snapshot, access: Access, shelf: Shelf, limit: int, deadline: Deadline
) -> VerifiedCopy | None:
    """Return the proof that the archive holds what ArcGIS serves now; None for a snapshot that this system did not
    provably make, or of which the archive has no copy.

    Reads both copies to their ends.  Raises ArchiveDamaged or ArchiveConflict where they differ.
    """
    if not snapshot.name.startswith(PREFIX):
        return None
    key = snapshot.resource_key
    archived = shelf.reread(item_id, key)
    if archived is None or not _made_here(item_id, snapshot, archived):
        return None
    what = f"Snapshot {key} of item {item_id}"
    served = access.download(item_id, key, limit, lambda chunks: stage(chunks, what), deadline)
    with closing(served.file):
        if (served.size, served.digest) != (archived.size, archived.digest):
            raise ArchiveConflict(f"{what}: ArcGIS serves other bytes than the archive holds; it was not deleted.")
    return VerifiedCopy(item_id, key, served.digest.hex())


def _made_here(item_id: ItemId, snapshot: Snapshot, archived: ArchivedSnapshot) -> bool:
    """Return whether the archive says that the run which archived the snapshot made it too, under the name that it
    has."""
    noted = archived.metadata
    try:
        run = RunId.parse(noted.get("run-id", ""))
    except SettingsInvalid:
        return False
    return (
        noted.get("captured") == "true"
        and (noted.get("item-id"), noted.get("resource-key")) == (item_id, snapshot.resource_key)
        and noted.get("snapshot-name") == snapshot.name == capture_name(run)
    )


def _delete(copy: VerifiedCopy, listed: Listing, access: Access, deadline: Deadline) -> Listing:
    """Delete the snapshot and return the listing that proves it gone, whatever the answer was."""
    refused: ArcGISError | None = None
    try:
        access.delete(copy, deadline)
    except ArcGISError as error:
        refused = error
    what = f"Snapshot {copy.resource_key} of item {copy.item_id}"
    remaining = access.snapshots(copy.item_id, deadline)
    if copy.resource_key in (snapshot.resource_key for snapshot in remaining.snapshots):
        raise refused or UnexpectedAnswer(f"{what} was said to be deleted and is still listed.")
    missed = {each.resource_key for each in listed.snapshots} - {each.resource_key for each in remaining.snapshots}
    if missed != {copy.resource_key}:
        raise UnexpectedAnswer(f"{what}: {len(missed) - 1} more snapshots are gone than were to be deleted.")
    if remaining.doubtful:
        raise ListingIncomplete(f"{what}: the listing does not prove that it is gone.")
    return remaining
