"""Read one snapshot for a caller: from the archive if the snapshot is archived, or else from ArcGIS."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchiveReader, RunId, StoreRecord
from notebook_archive.backup.staging import Staged, stage
from notebook_archive.backup.storing import ItemReference, Provenance, make_metadata, record_stored, store_snapshot
from notebook_archive.errors import ArcGISError, NotebookNotFound, PermissionDenied, RequestRejected
from notebook_archive.models import ItemId, ResourceKey, Snapshot
from notebook_archive.reading.authorization import Rights, may_read_archived

# The labels that a page shows for a snapshot, and the metadata fields that contain their values.
_LABELS = {
    "Title": "title",
    "Owner": "owner",
    "Snapshot": "snapshot-name",
    "Created": "snapshot-created",
    "Kernel": "kernel",
    "Runtime": "runtime",
    "Runtime version": "runtime-version",
    "SHA-256": "sha256",
}


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """A snapshot for a caller. `size` is in bytes, and `digest` is the SHA-256 of the bytes.

    `body` is None if the snapshot is larger than the request's `max_body_bytes`. `link` is a URL from which to download
    the file, or None if the bytes fit into a response.
    """

    source: Literal["archive", "arcgis"]
    size: int
    digest: bytes
    details: Mapping[str, str]
    body: bytes | None
    link: str | None


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """The snapshot that a caller asks for.

    The body is returned if it has at most `max_body_bytes`. If it has more than `max_inline_bytes`, a link to a file
    called `file_name` is returned. A snapshot must be in the archive for such a link, so it is stored there under
    `run` if it is not. `from_arcgis` reads from ArcGIS even if the archive has the snapshot. `with_item` asks for the
    notebook's title and owner too, if they are available.
    """

    item_id: ItemId
    resource_key: ResourceKey
    max_body_bytes: int
    max_inline_bytes: int
    file_name: str
    run: RunId
    from_arcgis: bool = False
    with_item: bool = False

    def __str__(self) -> str:
        return f"Snapshot {self.resource_key} of item {self.item_id}"


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """Where snapshots are read. A snapshot from ArcGIS that is larger than `max_bytes` is refused."""

    archive: Archive
    archive_reader: ArchiveReader
    portal_url: str
    max_bytes: int


def read_snapshot(wanted: SnapshotRequest, rights: Rights, source: SnapshotSource) -> SnapshotRead:
    """Return one verified snapshot. A copy from the archive matches its checksum. One from ArcGIS has passed the gate.

    If the caller may not read an archived snapshot, ArcGIS is asked, exactly as if the snapshot were not archived. So
    the response never shows what the archive contains. Raises NotebookNotFound if neither the archive nor ArcGIS has
    the snapshot, or if the caller may not read it. May raise any other ArcGISError, SnapshotInvalid or ArchiveError.
    """
    archived = None if wanted.from_arcgis else _read_archived(wanted, rights, source)
    return archived or _read_from_arcgis(wanted, rights, source)


def _read_archived(wanted: SnapshotRequest, rights: Rights, source: SnapshotSource) -> SnapshotRead | None:
    """Return the archived snapshot, or None if there is none or the caller may not read it.

    The rights are checked before the size and the bytes are read, so that a caller without rights learns neither.
    """
    item_id, key, archive_reader = wanted.item_id, wanted.resource_key, source.archive_reader
    opened = archive_reader.open(item_id, key)
    if opened is None:
        return None
    with opened:
        if not may_read_archived(rights, item_id, opened, archive_reader):
            return None
        archived = opened.read(wanted.max_body_bytes)
    is_large = archived.size > wanted.max_inline_bytes
    link = archive_reader.link(item_id, key, wanted.file_name) if is_large else None
    return SnapshotRead("archive", archived.size, archived.digest, _label(archived.metadata), archived.body, link)


def _read_from_arcgis(wanted: SnapshotRequest, rights: Rights, source: SnapshotSource) -> SnapshotRead:
    """Return the snapshot that ArcGIS serves. If it is too large for a response, archive it and return a link."""
    item_id, key = wanted.item_id, wanted.resource_key
    access = rights.open_snapshots(item_id)
    try:
        staged = access.read_snapshot(item_id, key, source.max_bytes, lambda chunks: stage(chunks, str(wanted)))
    except (NotebookNotFound, PermissionDenied, RequestRejected) as error:
        raise _classify_refusal(wanted, rights, access, error) from None
    with closing(staged.file):
        link = None
        details = {"kernel": staged.facts.kernel, "runtime": staged.facts.runtime}
        if staged.size > wanted.max_inline_bytes:
            details = _archive(wanted, rights, access, staged, source)
            link = source.archive_reader.link(item_id, key, wanted.file_name)
            staged.file.seek(0)
        elif wanted.with_item:
            details |= _describe_item(item_id, rights)
        body = staged.file.read() if staged.size <= wanted.max_body_bytes else None
    return SnapshotRead("arcgis", staged.size, staged.digest, _label(details), body, link)


def _describe_item(item_id: ItemId, rights: Rights) -> dict[str, str]:
    try:
        item = rights.portal.get_item(item_id)
    except ArcGISError:
        return {}  # the snapshot can be shown without its title and owner
    return {"title": item.title, "owner": item.owner}


def _archive(
    wanted: SnapshotRequest, rights: Rights, access: SnapshotAccess, staged: Staged, source: SnapshotSource
) -> dict[str, str]:
    """Archive a snapshot as an archive run would, with its store record. Return its metadata."""
    item = rights.portal.get_item(wanted.item_id)
    listed = {each.resource_key: each for each in access.list_snapshots(wanted.item_id).snapshots}
    snapshot = listed.get(wanted.resource_key, Snapshot(wanted.resource_key))
    item_ref = ItemReference(wanted.item_id, item.title, item.owner)
    provenance = Provenance(access.route, wanted.run, source.portal_url)
    result = store_snapshot(item_ref, snapshot, staged, provenance, source.archive)
    if result.state == "archived":
        record_stored(wanted.run, [StoreRecord(result.key, staged.size, staged.digest.hex())], source.archive)
    return make_metadata(item_ref, snapshot, staged, provenance)


def _classify_refusal(
    wanted: SnapshotRequest,
    rights: Rights,
    access: SnapshotAccess,
    error: NotebookNotFound | PermissionDenied | RequestRejected,
) -> ArcGISError:
    """Return the error to raise for a refused download: NotebookNotFound if the snapshot is not listed either.

    Esri does not document how ArcGIS responds for an unknown key, an unknown item, or another owner's item.
    """
    if isinstance(error, NotebookNotFound) or (rights.hides_denials and isinstance(error, PermissionDenied)):
        return NotebookNotFound(str(error))
    if isinstance(error, RequestRejected):
        try:
            listed = access.list_snapshots(wanted.item_id).snapshots
        except (NotebookNotFound, PermissionDenied, RequestRejected):
            return NotebookNotFound(str(error))
        if wanted.resource_key not in (snapshot.resource_key for snapshot in listed):
            return NotebookNotFound(str(error))
    return error


def _label(noted: Mapping[str, str]) -> dict[str, str]:
    """Return what a page shows about a snapshot in addition to its content."""
    return {label: noted[name] for label, name in _LABELS.items() if noted.get(name)}
