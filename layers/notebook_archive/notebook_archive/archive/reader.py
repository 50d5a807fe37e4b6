"""Read archived snapshots and verify their checksums."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from notebook_archive.archive import keys
from notebook_archive.archive.s3_errors import S3_ERRORS, is_absent, translate_s3_error
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.models import ItemId, ResourceKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

# Time for which a link to an archived snapshot is valid. The link is a credential: whoever has it can read that object.
LINK_SECONDS = 300

PIECE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class ArchivedSnapshot:
    """One archived snapshot.

    `size` is in bytes. `digest` is its SHA-256. `metadata` is the user metadata that was stored with it. `body`
    contains its bytes, which match the digest. It is None if the snapshot is larger than the caller allows.
    """

    size: int
    digest: bytes
    metadata: Mapping[str, str]
    body: bytes | None


class OpenedSnapshot:
    """An archived snapshot that is open for reading. Use it in a `with` statement, which closes it."""

    def __init__(self, bucket: str, path: str, found: "GetObjectOutputTypeDef") -> None:
        self._bucket, self._path, self._found = bucket, path, found
        self.metadata = {name: unquote(value) for name, value in found["Metadata"].items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._found["Body"].close()

    @property
    def owner(self) -> str:
        """The owner that was recorded when the snapshot was archived, or an empty string."""
        return self.metadata.get("owner", "")

    def read(self, max_bytes: int) -> ArchivedSnapshot:
        """Return the snapshot, with its bytes if there are at most `max_bytes`.

        Raises ArchiveDamaged if the bytes do not have the SHA-256 in the metadata. If the bytes are not read, the
        checksum that S3 stores is compared instead. Raises ArchiveUnavailable if S3 does not send all bytes.
        """
        size, noted = self._found["ContentLength"], self.metadata.get("sha256", "")
        digest = bytes.fromhex(noted) if _is_sha256(noted) else b""
        if size > max_bytes:
            body, is_intact = None, self._found.get("ChecksumSHA256") == b64encode(digest).decode()
        else:
            body = self._read_body()
            is_intact = hashlib.sha256(body).digest() == digest
        if not is_intact:
            raise ArchiveDamaged(f"{self._path} does not have the SHA-256 that was recorded when it was archived.")
        return ArchivedSnapshot(size, digest, self.metadata, body)

    def _read_body(self) -> bytes:
        try:
            return self._found["Body"].read()
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._bucket, self._path) from None


class ArchiveReader:
    """Reads one bucket. Every method may raise ArchiveDenied or ArchiveUnavailable. Threads may share it."""

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        self._s3, self.bucket = s3, bucket
        self._bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}

    def open(self, item_id: ItemId, key: ResourceKey) -> OpenedSnapshot | None:
        """Open a snapshot with one call, and return it, or None if the archive does not have it."""
        path = keys.snapshot_key(item_id, key)
        try:
            found = self._s3.get_object(**self._bucket, Key=path, ChecksumMode="ENABLED")
        except S3_ERRORS as error:
            if is_absent(error):
                return None
            raise translate_s3_error(error, self.bucket, path) from None
        return OpenedSnapshot(self.bucket, path, found)

    def verify(self, item_id: ItemId, key: ResourceKey) -> ArchivedSnapshot | None:
        """Read and verify all bytes of a snapshot, one piece at a time.

        Return the snapshot without its bytes, or None if the archive does not have it. Raises ArchiveDamaged if the
        bytes do not have the SHA-256 in the metadata.
        """
        path = keys.snapshot_key(item_id, key)
        sha256, size = hashlib.sha256(), 0
        try:
            found = self._s3.get_object(**self._bucket, Key=path, ChecksumMode="ENABLED")
            with closing(found["Body"]) as body:
                for piece in body.iter_chunks(PIECE_BYTES):
                    sha256.update(piece)
                    size += len(piece)
        except S3_ERRORS as error:
            if is_absent(error):
                return None
            raise translate_s3_error(error, self.bucket, path) from None
        metadata = {name: unquote(value) for name, value in found["Metadata"].items()}
        if sha256.hexdigest() != metadata.get("sha256"):
            raise ArchiveDamaged(f"{path} does not have the SHA-256 that was recorded when it was archived.")
        return ArchivedSnapshot(size, sha256.digest(), metadata, None)

    def owner(self, item_id: ItemId) -> str:
        """Return the item's owner according to its archived properties, or an empty string if there are none.

        Raises ArchiveDamaged if the properties do not match the checksum that S3 stores, or are not JSON.
        """
        path = keys.item_key(item_id)
        try:
            item = json.loads(self._s3.get_object(**self._bucket, Key=path, ChecksumMode="ENABLED")["Body"].read())
        except S3_ERRORS as error:
            if is_absent(error):
                return ""
            raise translate_s3_error(error, self.bucket, path) from None
        except ValueError:
            raise ArchiveDamaged(f"{path} is not JSON.") from None
        owner = item.get("owner") if isinstance(item, dict) else None
        return owner if isinstance(owner, str) else ""

    def link(self, item_id: ItemId, key: ResourceKey, file_name: str) -> str:
        """Return a URL from which anybody can download the snapshot as a file. It is valid for LINK_SECONDS.

        The URL expires earlier if the function's AWS credentials do (AWS re:Post,
        "presigned-url-s3-bucket-expiration").
        """
        how = {
            "ResponseContentDisposition": f'attachment; filename="{file_name}"',
            "ResponseContentType": "application/json",
        }
        params = {"Bucket": self.bucket, "Key": keys.snapshot_key(item_id, key), **how}
        return self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_SECONDS)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)
