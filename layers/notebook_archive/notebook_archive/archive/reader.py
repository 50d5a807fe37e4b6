"""Read archived snapshots and verify their checksums."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket, OpenedObject
from notebook_archive.archive.keys import CopyId
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.models import ItemId, ResourceKey
from notebook_archive.models.file_names import format_attachment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Time for which a link to an archived snapshot is valid. The link is a credential: whoever has it can read that object.
LINK_SECONDS = 300


@dataclass(frozen=True, slots=True)
class ArchivedSnapshot:
    """One archived snapshot.

    `size` is in bytes. `digest` is its SHA-256. `metadata` is the user metadata that was stored with it. `body`
    contains its bytes, which match the digest. It is None if the caller did not request the bytes, or if the snapshot
    is larger than the caller's limit.
    """

    size: int
    digest: bytes
    metadata: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """What S3 says of one version of an object without its bytes.

    `size` is in bytes. `checksum` is the SHA-256 that S3 keeps, in base64, or an empty text. `metadata` is encoded.
    """

    size: int
    checksum: str
    metadata: Mapping[str, str]


class OpenedSnapshot:
    """An archived snapshot that is open for reading. Use it in a `with` statement, which closes it.

    `read` and `verify` raise ArchiveDamaged if the bytes do not have the SHA-256 in the metadata. They raise
    ArchiveUnavailable if S3 does not send all bytes.
    """

    def __init__(self, stored: OpenedObject) -> None:
        self._stored = stored
        self.metadata = decode_metadata(stored.metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stored.close()

    @property
    def owner(self) -> str:
        """The owner that was recorded when the snapshot was archived, or an empty string."""
        return self.metadata.get("owner", "")

    def read(self, max_bytes: int) -> ArchivedSnapshot:
        """Return the snapshot, with its bytes if there are at most `max_bytes`.

        If there are more, they are not read, and the checksum that S3 stores is compared instead.
        """
        if self._stored.size > max_bytes:
            return self._describe(self._stored.checksum, None)
        body = self._stored.read()
        return self._describe(_encode_checksum(hashlib.sha256(body).digest()), body)

    def verify(self) -> ArchivedSnapshot:
        """Read all bytes, one piece at a time, and return the snapshot without its bytes."""
        sha256 = hashlib.sha256()
        for piece in self._stored.read_pieces():
            sha256.update(piece)
        return self._describe(_encode_checksum(sha256.digest()), None)

    def _describe(self, checksum: str, body: bytes | None) -> ArchivedSnapshot:
        """Return the snapshot, or raise ArchiveDamaged if the checksum differs from the SHA-256 in the metadata."""
        noted = self.metadata.get("sha256", "")
        if not _is_sha256(noted) or checksum != _encode_checksum(bytes.fromhex(noted)):
            raise ArchiveDamaged(
                f"{self._stored.key} does not have the SHA-256 that was recorded when it was archived."
            )
        return ArchivedSnapshot(self._stored.size, bytes.fromhex(noted), self.metadata, body)


class ArchiveReader:
    """Reads one bucket. Every method may raise ArchiveDenied or ArchiveUnavailable. Threads may share it."""

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self._bucket = Bucket(s3, bucket, owner)

    def open(self, item_id: ItemId, name: ResourceKey | CopyId) -> OpenedSnapshot | None:
        """Open a snapshot or a copy with one call, and return it, or None if the archive does not have it."""
        stored = self._bucket.open(keys.content_key(item_id, name))
        return OpenedSnapshot(stored) if stored else None

    def open_version(self, key: str, version_id: str = "") -> OpenedObject | None:
        """Open a snapshot, an altered snapshot or a copy by its S3 key, or return None if it does not exist.

        If a version id is given, that S3 version of the object is opened. The caller must close it.
        """
        return self._bucket.open(key, version_id)

    def describe_version(self, key: str, version_id: str = "") -> DescribedVersion | None:
        """Return what S3 says of an object without its bytes, or None if it does not exist. Makes one HEAD request."""
        head = self._bucket.head(key, version_id)
        if head is None:
            return None
        return DescribedVersion(head["ContentLength"], head.get("ChecksumSHA256", ""), head["Metadata"])

    def verify(self, item_id: ItemId, key: ResourceKey) -> ArchivedSnapshot | None:
        """Verify all bytes of a snapshot, and return it without them, or None if the archive does not have it."""
        opened = self.open(item_id, key)
        if opened is None:
            return None
        with opened:
            return opened.verify()

    def read_owner(self, item_id: ItemId) -> str:
        """Return the item's owner according to its archived properties, or an empty string if there are none.

        Raises what `read_properties` raises.
        """
        owner = self.read_properties(item_id).get("owner")
        return owner if isinstance(owner, str) else ""

    def read_properties(self, item_id: ItemId) -> dict[str, Any]:
        """Return the item's archived properties, or an empty object if it has none.

        Raises ArchiveDamaged if the properties do not match the checksum that S3 stores, or are not JSON.
        """
        path = keys.item_key(item_id)
        document = self._bucket.read(path)
        if document is None:
            return {}
        try:
            item = json.loads(document)
        except (ValueError, RecursionError):
            raise ArchiveDamaged(f"{path} is not JSON.") from None
        return item if isinstance(item, dict) else {}

    def link(self, item_id: ItemId, name: ResourceKey | CopyId, file_name: str) -> str:
        """Return a URL from which anybody can download a snapshot or a copy. It is valid for LINK_SECONDS.

        The URL expires earlier if the function's AWS credentials do (AWS re:Post,
        "presigned-url-s3-bucket-expiration").
        """
        return self._bucket.make_link(
            keys.content_key(item_id, name),
            LINK_SECONDS,
            ResponseContentDisposition=format_attachment(file_name),
            ResponseContentType="application/json",
        )


def _encode_checksum(digest: bytes) -> str:
    """Return a SHA-256 as S3 writes it."""
    return b64encode(digest).decode()


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)
