"""Read one S3 version of an archived object, and find out whether it is what it should be."""

from base64 import b64decode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256

from notebook_archive.archive import ArchiveReader, CopyId, keys
from notebook_archive.archive.bucket import OpenedObject
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.backup.staging import stage
from notebook_archive.errors import ArcGISError, ArchiveDamaged, NotANotebook
from notebook_archive.models import ResourceKey
from notebook_archive.notebook.schema import MAX_BYTES, is_valid
from notebook_archive.verification.checks import Check
from notebook_archive.verification.findings import FindingKind


class CountedReader:
    """Reads the archive, and counts the requests and the bytes that were read for one check."""

    def __init__(self, reader: ArchiveReader) -> None:
        self._reader = reader
        self.requests = self.size = 0

    def open(self, key: str, version_id: str) -> OpenedObject | None:
        """Open an object, or return None if it does not exist. The caller must close it."""
        self.requests += 1
        opened = self._reader.open_version(key, version_id)
        self.size += opened.size if opened else 0
        return opened

    def examine_head(self, key: str, version_id: str) -> "Examination | None":
        """Return what S3 says of a version without its bytes, or None if it does not exist."""
        self.requests += 1
        described = self._reader.describe_version(key, version_id)
        if described is None:
            return None
        checksum, metadata = _decode_checksum(described.checksum), decode_metadata(described.metadata)
        return Examination(described.size, checksum, checksum, metadata)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about one version. `size` is in bytes.

    `sha256` is that of the bytes that were read, in hexadecimal digits. It is empty if the bytes did not match S3's
    checksum. If only the headers were read, it is S3's checksum. `checksum` is S3's checksum, or empty if S3 has none.
    `is_notebook` is False if the bytes are not a notebook. `valid` says whether it is valid for nbformat's schema.
    """

    size: int
    sha256: str
    checksum: str
    metadata: Mapping[str, str]
    is_notebook: bool = True
    valid: bool | None = None

    def find_fault(self, check: Check) -> tuple[FindingKind, str] | None:
        """Return the kind of the fault and what differs, or None if the version is as it was recorded."""
        key, noted = check["key"], self.metadata.get("sha256", "")
        if self.sha256 == "" or self.checksum not in ("", self.sha256):
            return "damaged", f"The bytes of {key} do not match the checksum that S3 keeps of them."
        if noted != self.sha256:
            return "damaged", f"The bytes of {key} do not have the SHA-256 that is in their metadata."
        if "sha256" in check and (check["sha256"], check["bytes"]) != (self.sha256, self.size):
            return "replaced", f"{key} is undamaged, but has other bytes than the store record says."
        if not self._belongs_to(key):
            return "replaced", f"{key} is undamaged, but has the content or the metadata of another object."
        if not self.is_notebook:
            return "not-a-notebook", f"{key} is undamaged, but it is not a notebook."
        return None

    def _belongs_to(self, key: str) -> bool:
        """Return whether the digits in the key and the ids in the metadata are those of this version."""
        parsed = keys.parse_version(key)
        if parsed is None:
            return True
        item_id, name = parsed
        if self.metadata.get("item-id", item_id) != item_id:
            return False
        if isinstance(name, ResourceKey):
            return self.metadata.get("resource-key", name) == name
        if isinstance(name, CopyId) or self.metadata.get("resource-key", name.resource_key) == name.resource_key:
            return self.sha256.startswith(name.short_digest)
        return False


def examine(key: str, version_id: str, reader: CountedReader) -> Examination | None:
    """Read a version whole and return what was found out, or None if it does not exist.

    May raise ArchiveDenied, ArchiveUnavailable or SnapshotTooLarge.
    """
    opened = reader.open(key, version_id)
    if opened is None:
        return None
    checksum, metadata = _decode_checksum(opened.checksum), decode_metadata(opened.metadata)
    with closing(opened):
        try:
            staged = stage(opened.read_pieces(), key)
        except ArchiveDamaged:
            return Examination(opened.size, "", checksum, metadata)
        except (ArcGISError, NotANotebook):  # an archived error message raises the error that it is
            staged = None
    if staged is None:
        return _examine_bytes(key, version_id, reader)
    with closing(staged.file):
        valid = is_valid(staged.view()) if staged.size <= MAX_BYTES else None
    return Examination(staged.size, staged.digest.hex(), checksum, metadata, valid=valid)


def _examine_bytes(key: str, version_id: str, reader: CountedReader) -> Examination | None:
    """Return what was found out about a version that is not a notebook. Its bytes may be damaged as well."""
    opened = reader.open(key, version_id)
    if opened is None:
        return None
    digest, size = sha256(), 0
    with closing(opened):
        try:
            for piece in opened.read_pieces():
                digest.update(piece)
                size += len(piece)
            digits = digest.hexdigest()
        except ArchiveDamaged:
            digits = ""
    checksum, metadata = _decode_checksum(opened.checksum), decode_metadata(opened.metadata)
    return Examination(size, digits, checksum, metadata, is_notebook=False)


def _decode_checksum(checksum: str) -> str:
    """Return a SHA-256 in hexadecimal digits. S3 writes it in base64.

    The checksum of a multipart upload contains a hyphen. It is not that of the bytes, so it counts as none.
    """
    return "" if "-" in checksum else b64decode(checksum).hex()
