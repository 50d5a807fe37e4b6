"""One snapshot for a caller: from the archive if it holds it, from ArcGIS otherwise."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchiveReader, RunId
from notebook_archive.backup.staging import Staged, stage
from notebook_archive.backup.storing import ItemReference, Provenance, make_metadata, store_snapshot
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArcGISError, NotebookNotFound, PermissionDenied, RequestRejected
from notebook_archive.models import ItemId, ResourceKey, Snapshot
from notebook_archive.reading.readers import Reader


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """A snapshot for a caller.  ``size`` is in bytes, ``digest`` its SHA-256.

    ``body`` is None where it is larger than was asked for.  ``link`` is a URL that gives the bytes, where they are more
    than fits into an answer.
    """

    source: Literal["archive", "arcgis"]
    size: int
    digest: bytes
    details: Mapping[str, str]
    body: bytes | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants.

    Of a snapshot of up to ``body_bytes`` the bytes are returned; one larger than ``inline_bytes`` gets a link, under
    ``file_name``, and is archived for it.  ``run`` is noted as what archived it.  ``from_arcgis`` asks ArcGIS even for
    what the archive holds.  ``described`` asks for the notebook's title and owner too, where they can be had.
    """

    item_id: ItemId
    resource_key: ResourceKey
    body_bytes: int
    inline_bytes: int
    file_name: str
    run: RunId
    from_arcgis: bool = False
    described: bool = False

    def __str__(self) -> str:
        return f"Snapshot {self.resource_key} of item {self.item_id}"


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """Where snapshots are handed out.  One of more than ``most_bytes`` is not taken from ArcGIS."""

    archive: Archive
    reader: ArchiveReader
    portal_url: str
    max_bytes: int


def read_snapshot(wanted: Wanted, reader: Reader, snapshot_source: SnapshotSource, deadline: Deadline) -> SnapshotRead:
    """Return one snapshot, verified: against its checksum from the archive, through the gate from ArcGIS.

    What the reader may not have from the archive is asked of ArcGIS, like what the archive lacks: so the answer is the
    same, whatever state ArcGIS is in.
    Raises NotebookNotFound for what is in neither, or not the reader's, and any other error by name.
    """
    item_id, key, archive_reader = wanted.item_id, wanted.resource_key, snapshot_source.reader

    def admits(noted: str) -> bool:
        return reader.may_read(item_id, lambda: archive_reader.owner(item_id) or noted, deadline)

    held = None if wanted.from_arcgis else archive_reader.snapshot(item_id, key, wanted.body_bytes, admits)
    if held:
        link = archive_reader.link(item_id, key, wanted.file_name) if held.size > wanted.inline_bytes else None
        return SnapshotRead("archive", held.size, held.digest, _details(held.metadata), held.body, link)
    access = reader.access(item_id, deadline)
    try:
        staged = access.read_snapshot(
            item_id, key, snapshot_source.max_bytes, lambda chunks: stage(chunks, str(wanted))
        )
    except (NotebookNotFound, PermissionDenied, RequestRejected) as error:
        raise _absent(wanted, reader, access, error) from None
    with closing(staged.file):
        link = None
        details = {"kernel": staged.facts.kernel, "runtime": staged.facts.runtime}
        if staged.size > wanted.inline_bytes:
            details = _archive(wanted, reader, access, staged, snapshot_source, deadline)
            link = archive_reader.link(item_id, key, wanted.file_name)
            staged.file.seek(0)
        elif wanted.described:
            details |= _described(wanted.item_id, reader, deadline)
        body = staged.file.read() if staged.size <= wanted.body_bytes else None
    return SnapshotRead("arcgis", staged.size, staged.digest, _details(details), body, link)


def _described(item_id: ItemId, reader: Reader, deadline: Deadline) -> dict[str, str]:
    try:
        item = reader.item(item_id, deadline)
    except ArcGISError:
        return {}  # the snapshot is there all the same
    return {"title": item.title, "owner": item.owner}


def _archive(
    wanted: Wanted,
    reader: Reader,
    access: SnapshotAccess,
    staged: Staged,
    snapshot_source: SnapshotSource,
    deadline: Deadline,
) -> dict[str, str]:
    """Archive what is too large for an answer, as an archive run would, and return what was noted with it."""
    item = reader.item(wanted.item_id, deadline)
    listed = {each.resource_key: each for each in access.list_snapshots(wanted.item_id).snapshots}
    snapshot = listed.get(wanted.resource_key, Snapshot(wanted.resource_key))
    whose = ItemReference(wanted.item_id, item.title, item.owner)
    how = Provenance(access.route, wanted.run, snapshot_source.portal_url)
    store_snapshot(whose, snapshot, staged, how, snapshot_source.archive)
    return make_metadata(whose, snapshot, staged, how)


def _absent(
    wanted: Wanted,
    reader: Reader,
    access: SnapshotAccess,
    error: NotebookNotFound | PermissionDenied | RequestRejected,
) -> ArcGISError:
    """Return the error to raise for a refused download: NotebookNotFound where the listing does not have it either.

    What ArcGIS answers for an unknown key, an unknown item and somebody else's is documented nowhere.
    """
    if isinstance(error, NotebookNotFound) or reader.hides(error):
        return NotebookNotFound(str(error))
    if isinstance(error, RequestRejected):
        try:
            listed = access.list_snapshots(wanted.item_id).snapshots
        except (NotebookNotFound, PermissionDenied, RequestRejected):
            return NotebookNotFound(str(error))
        if wanted.resource_key not in (snapshot.resource_key for snapshot in listed):
            return NotebookNotFound(str(error))
    return error


def _details(noted: Mapping[str, str]) -> dict[str, str]:
    """Return what a page shows of a snapshot beside itself."""
    labels = {
        "Title": "title",
        "Owner": "owner",
        "Snapshot": "snapshot-name",
        "Created": "snapshot-created",
        "Kernel": "kernel",
        "Runtime": "runtime",
        "Runtime version": "runtime-version",
        "SHA-256": "sha256",
    }
    return {label: noted[name] for label, name in labels.items() if noted.get(name)}
