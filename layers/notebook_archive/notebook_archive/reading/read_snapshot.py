"""Read one snapshot for a caller: from the archive if the snapshot is archived, or else from ArcGIS.

A copy of a notebook's content is read from the archive only, because ArcGIS has no copies.
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal

from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchiveReader, CopyId, RunId, StoreRecord
from notebook_archive.backup.staging import Staged, stage
from notebook_archive.backup.storing import ItemReference, Provenance, make_metadata, record_stored, store_snapshot
from notebook_archive.errors import ArcGISError, NotebookNotFound, PermissionDenied, RequestRejected
from notebook_archive.models import ItemId, ResourceKey, Snapshot
from notebook_archive.models.file_names import make_download_name
from notebook_archive.reading.authorization import Rights, may_read_archived

# The labels that a page shows for a snapshot, and the metadata fields that contain their values.
_LABELS = {
    "Title": "title",
    "Owner": "owner",
    "Snapshot": "snapshot-name",
    "Created": "snapshot-created",
    "Changed": "modified",
    "Kernel": "kernel",
    "Runtime": "runtime",
    "Runtime version": "runtime-version",
    "SHA-256": "sha256",
}


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """A snapshot for a caller. `size` is in bytes, and `digest` is the SHA-256 of the bytes.

    `body` is None if the snapshot is larger than the request's `max_body_bytes`. `file_name` is the name for a
    download. `link` is a URL from which to download the file, or None if the bytes fit into a response.
    """

    source: Literal["archive", "arcgis"]
    size: int
    digest: bytes
    details: Mapping[str, str]
    body: bytes | None
    file_name: str
    link: str | None


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """The snapshot or copy that a caller asks for.

    The body is returned if it has at most `max_body_bytes`. If it has more than `max_inline_bytes`, a link to a file is
    returned. A snapshot must be in the archive for such a link, so it is stored there under `run` if it is not.
    `from_arcgis` reads from ArcGIS even if the archive has the snapshot. `is_for_person` asks ArcGIS also for what a
    page shows: the title, the owner, and the name and time of the snapshot.
    """

    item_id: ItemId
    version: ResourceKey | CopyId
    max_body_bytes: int
    max_inline_bytes: int
    run: RunId
    from_arcgis: bool = False
    is_for_person: bool = False

    @property
    def resource_key(self) -> str:
        """The name of the version in requests, reports and events."""
        return self.version.resource_key if isinstance(self.version, CopyId) else self.version

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
    if archived:
        return archived
    if isinstance(wanted.version, CopyId):
        raise NotebookNotFound(f"The archive has no copy {wanted.version} of item {wanted.item_id} for this caller.")
    return _read_from_arcgis(wanted, wanted.version, rights, source)


def _read_archived(wanted: SnapshotRequest, rights: Rights, source: SnapshotSource) -> SnapshotRead | None:
    """Return the archived snapshot, or None if there is none or the caller may not read it.

    The rights are checked before the size and the bytes are read, so that a caller without rights learns neither.
    """
    item_id, archive_reader = wanted.item_id, source.archive_reader
    opened = archive_reader.open(item_id, wanted.version)
    if opened is None:
        return None
    with opened:
        if not may_read_archived(rights, item_id, opened, archive_reader):
            return None
        archived = opened.read(wanted.max_body_bytes)
    name = _name_file(wanted, archived.metadata)
    is_large = archived.size > wanted.max_inline_bytes
    link = archive_reader.link(item_id, wanted.version, name) if is_large else None
    return SnapshotRead("archive", archived.size, archived.digest, _label(archived.metadata), archived.body, name, link)


def _read_from_arcgis(
    wanted: SnapshotRequest, key: ResourceKey, rights: Rights, source: SnapshotSource
) -> SnapshotRead:
    """Return the snapshot that ArcGIS serves. If it is too large for a response, archive it and return a link."""
    item_id = wanted.item_id
    access = rights.open_snapshots(item_id)
    try:
        staged = access.read_snapshot(item_id, key, source.max_bytes, lambda chunks: stage(chunks, str(wanted)))
    except (NotebookNotFound, PermissionDenied, RequestRejected) as error:
        raise _classify_refusal(wanted.item_id, key, rights, access, error) from None
    with closing(staged.file):
        provenance = Provenance(access.route, wanted.run, source.portal_url)
        is_large = staged.size > wanted.max_inline_bytes
        metadata = {"kernel": staged.facts.kernel, "runtime": staged.facts.runtime}
        if is_large:
            item, snapshot = _find_item(item_id, rights), _find_snapshot(item_id, key, access)
            _archive(item, snapshot, staged, provenance, source.archive)
            metadata = make_metadata(item, snapshot, staged, provenance)
            staged.file.seek(0)
        elif wanted.is_for_person:
            with suppress(ArcGISError):  # the snapshot can be shown without its title and time
                item = _find_item(item_id, rights)
                metadata = make_metadata(item, Snapshot(key), staged, provenance)
                metadata = make_metadata(item, _find_snapshot(item_id, key, access), staged, provenance)
        body = staged.file.read() if staged.size <= wanted.max_body_bytes else None
    name = _name_file(wanted, metadata)
    link = source.archive_reader.link(item_id, key, name) if is_large else None
    return SnapshotRead("arcgis", staged.size, staged.digest, _label(metadata), body, name, link)


def _find_item(item_id: ItemId, rights: Rights) -> ItemReference:
    item = rights.portal.get_item(item_id)
    return ItemReference(item_id, item.title, item.owner)


def _find_snapshot(item_id: ItemId, key: ResourceKey, access: SnapshotAccess) -> Snapshot:
    """Return the snapshot with its name and time, if ArcGIS lists it."""
    listed = {each.resource_key: each for each in access.list_snapshots(item_id).snapshots}
    return listed.get(key, Snapshot(key))


def _archive(item: ItemReference, snapshot: Snapshot, staged: Staged, provenance: Provenance, archive: Archive) -> None:
    """Archive a snapshot as an archive run would, with its store record."""
    result = store_snapshot(item, snapshot, staged, provenance, archive)
    if result.state == "archived":
        record_stored(provenance.run, [StoreRecord(result.key, staged.size, staged.digest.hex())], archive)


def _name_file(wanted: SnapshotRequest, metadata: Mapping[str, str]) -> str:
    """Return the name of a download: the title and the day of the content, or the key if the title is not known."""
    moment = metadata.get("modified") or metadata.get("snapshot-created") or ""
    title = metadata.get("title", "")
    if not title:
        return make_download_name(wanted.resource_key.rpartition("/")[2].rpartition(".")[0], "")
    return make_download_name(title, moment[:10])


def _classify_refusal(
    item_id: ItemId,
    key: ResourceKey,
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
            listed = access.list_snapshots(item_id).snapshots
        except (NotebookNotFound, PermissionDenied, RequestRejected):
            return NotebookNotFound(str(error))
        if key not in (snapshot.resource_key for snapshot in listed):
            return NotebookNotFound(str(error))
    return error


def _label(noted: Mapping[str, str]) -> dict[str, str]:
    """Return what a page shows about a snapshot in addition to its content."""
    return {label: noted[name] for label, name in _LABELS.items() if noted.get(name)}
