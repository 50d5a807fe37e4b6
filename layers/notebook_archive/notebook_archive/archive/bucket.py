"""Call S3 for the archive, and check that each response comes from S3 itself."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.archive.s3_errors import S3_ERRORS, is_absent, is_no_version, translate_s3_error
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

# Number of bytes in a piece of an object that is read in pieces.
PIECE_BYTES = 1_048_576
# The result of a conditional write. "conflict" means that another write to the same key was under way.
type PutResult = Literal["written", "exists", "conflict"]
_REFUSED_WRITES: dict[int | None, PutResult] = {409: "conflict", 412: "exists"}


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing of the bucket. `size` is in bytes."""

    key: str
    written: datetime
    size: int


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One S3 version of a key. `size` is in bytes.

    `version_id` is `null` in a bucket without versioning. A delete marker has no size and no ETag.
    """

    version_id: str
    size: int
    etag: str
    written: datetime
    is_marker: bool
    is_latest: bool


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key with all its S3 versions, the latest first."""

    key: str
    versions: tuple[ListedVersion, ...]

    @property
    def current(self) -> ListedVersion | None:
        """The version that a GET without a version id returns, or None if the object was deleted."""
        latest = self.versions[0]
        return None if latest.is_marker else latest


class OpenedObject:
    """An object whose bytes are not read yet. Close it.

    The two ways to read it raise ArchiveDamaged if the bytes do not match the checksum that S3 keeps of them, and
    ArchiveDenied or ArchiveUnavailable.
    """

    def __init__(self, bucket: str, key: str, answer: "GetObjectOutputTypeDef") -> None:
        self._bucket, self.key, self._body = bucket, key, answer["Body"]
        self.size = answer["ContentLength"]
        self.metadata: Mapping[str, str] = answer["Metadata"]
        # The SHA-256 that S3 keeps, in base64, or an empty text.
        self.checksum = answer.get("ChecksumSHA256", "")

    def read(self) -> bytes:
        """Return all bytes."""
        try:
            return self._body.read()
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._bucket, self.key) from None

    def read_pieces(self) -> Iterator[bytes]:
        """Yield all bytes in pieces of PIECE_BYTES."""
        try:
            yield from self._body.iter_chunks(PIECE_BYTES)
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._bucket, self.key) from None

    def close(self) -> None:
        """Release the connection."""
        self._body.close()


class Bucket:
    """One bucket. Every method may raise ArchiveDenied or ArchiveUnavailable. Threads may share it.

    Every call names the account that must own the bucket, so a bucket of the same name in another account is never
    used.
    """

    def __init__(self, s3: "S3Client", name: str, owner: str) -> None:
        self._s3, self._name = s3, name
        self._address: Any = {"Bucket": name, "ExpectedBucketOwner": owner}

    def put(self, key: str, body: bytes | IO[bytes], digest: bytes, **parameters: Any) -> None:  # noqa: ANN401 - for put_object
        """Write an object with this SHA-256. Other parameters are those of PutObject."""
        try:
            self._put(key, body, digest, parameters)
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._name, key) from None

    def put_if_absent(self, key: str, body: bytes | IO[bytes], digest: bytes, **parameters: Any) -> PutResult:  # noqa: ANN401 - for put_object
        """Write an object with this SHA-256 unless the key exists."""
        try:
            self._put(key, body, digest, {**parameters, "IfNoneMatch": "*"})
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status not in _REFUSED_WRITES:
                raise translate_s3_error(error, self._name, key) from None
            return _REFUSED_WRITES[status]
        except BotoCoreError as error:
            raise translate_s3_error(error, self._name, key) from None
        return "written"

    def _put(self, key: str, body: bytes | IO[bytes], digest: bytes, parameters: Mapping[str, Any]) -> None:
        """Write an object, and return after S3 has confirmed its SHA-256.

        If the response contains no checksum, for example because a proxy sent it, a HEAD request reads the checksum.
        Raises S3_ERRORS if the PUT request fails. Raises an ArchiveError if the HEAD request fails, or if S3 does not
        have the object with this SHA-256.
        """
        checksum = b64encode(digest).decode()
        answer = self._s3.put_object(
            **self._address,
            Key=key,
            Body=body,
            ChecksumAlgorithm="SHA256",  # without it an Object Lock bucket refuses the PUT
            ChecksumSHA256=checksum,
            **{"ContentType": "application/json", **parameters},
        )
        confirmed = answer.get("ChecksumSHA256")
        if confirmed is None and (head := self.head(key)):
            confirmed = head.get("ChecksumSHA256")
        if confirmed != checksum:
            raise ArchiveUnavailable(f"S3 reported that it stored {key}, but does not confirm its SHA-256.")

    def head(self, key: str, version_id: str = "") -> "HeadObjectOutputTypeDef | None":
        """Return an object's headers and metadata, or None if the object does not exist.

        If a version id is given, those of that S3 version are returned.
        """
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            head = self._s3.head_object(**self._address, Key=key, ChecksumMode="ENABLED", **version)
        except S3_ERRORS as error:
            if is_absent(error) or (version_id and is_no_version(error)):
                return None
            raise translate_s3_error(error, self._name, key) from None
        _check_answer(head, "ETag", key)
        return head

    def open(self, key: str, version_id: str = "") -> OpenedObject | None:
        """Return an object whose bytes are not read yet, or None if it does not exist. Makes one call.

        If a version id is given, that S3 version of the object is returned.
        """
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            answer = self._s3.get_object(**self._address, Key=key, ChecksumMode="ENABLED", **version)
        except S3_ERRORS as error:
            if is_absent(error) or (version_id and is_no_version(error)):
                return None
            raise translate_s3_error(error, self._name, key) from None
        _check_answer(answer, "ETag", key)
        return OpenedObject(self._name, key, answer)

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it does not exist.

        Raises ArchiveDamaged if the bytes do not match the checksum that S3 stores with them.
        """
        opened = self.open(key)
        if opened is None:
            return None
        with closing(opened):
            return opened.read()

    def make_link(self, key: str, seconds: int, **parameters: str) -> str:
        """Return a URL. Anyone who has it can download the object. Other parameters are those of GetObject.

        The URL does not name the bucket's account, because a browser would have to send that as a header.
        """
        address = {"Bucket": self._name, "Key": key}
        return self._s3.generate_presigned_url("get_object", Params={**address, **parameters}, ExpiresIn=seconds)

    def list_objects(self, prefix: str, after: str = "", deadline: Deadline | None = None) -> Iterator[ListedObject]:
        """Yield the objects with keys that begin with the prefix and come after `after`, in key order.

        One call returns up to 1,000 objects. Raises ArchiveUnavailable if another call would begin after the deadline.
        """
        start: dict[str, Any] = {"StartAfter": after} if after else {}
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(**self._address, Prefix=prefix, **start):
                _check_answer(page, "IsTruncated", prefix)
                if page["IsTruncated"] and deadline and deadline.remaining() <= 0:
                    raise listing_timeout(prefix, self._name)
                for entry in page.get("Contents", ()):
                    yield ListedObject(entry["Key"], entry["LastModified"], entry["Size"])
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._name, prefix) from None

    def list_versions(self, prefix: str, after: str, last: str) -> Iterator[ListedKey]:
        """Yield the keys that begin with the prefix, come after `after` and not after `last`, with all their versions.

        They come in key order. An empty `after` or `last` sets no limit. One call returns up to 1,000 versions. The
        versions of a key are read as S3 sends them, so a key with millions of versions takes as much memory.
        """
        for key, group in groupby(self._list_versions(prefix, after), key=lambda entry: entry[0]):
            if last and key > last:
                return
            versions = sorted((version for _, version in group), key=_rank_version)
            yield ListedKey(key, tuple(versions))

    def _list_versions(self, prefix: str, after: str) -> Iterator[tuple[str, ListedVersion]]:
        """Yield all S3 versions and delete markers in key order. Those of one key are in no particular order."""
        start: dict[str, Any] = {"KeyMarker": after} if after else {}
        try:
            for page in self._s3.get_paginator("list_object_versions").paginate(
                **self._address, Prefix=prefix, **start
            ):
                _check_answer(page, "IsTruncated", prefix)
                found = [
                    *((entry["Key"], _describe_version(entry)) for entry in page.get("Versions", ())),
                    *((entry["Key"], _describe_version(entry)) for entry in page.get("DeleteMarkers", ())),
                ]
                yield from sorted(found, key=lambda entry: entry[0])
        except S3_ERRORS as error:
            raise translate_s3_error(error, self._name, prefix) from None


def _describe_version(entry: Mapping[str, Any]) -> ListedVersion:
    """Return a version or a delete marker as a page of the listing describes it."""
    return ListedVersion(
        entry["VersionId"],
        entry.get("Size", 0),
        entry.get("ETag", ""),
        entry["LastModified"],
        is_marker="ETag" not in entry,
        is_latest=entry["IsLatest"],
    )


def _rank_version(version: ListedVersion) -> tuple[bool, float]:
    """Return a sort key that puts the latest version first, and then later ones before earlier ones."""
    return not version.is_latest, -version.written.timestamp()


def listing_timeout(prefix: str, bucket: str) -> ArchiveUnavailable:
    """Return the error that a listing did not end before the deadline."""
    return ArchiveUnavailable(f"There was not enough time to list all keys below {prefix} in bucket {bucket}.")


def _check_answer(answer: Mapping[str, Any], member: str, subject: str) -> None:
    """Raise ArchiveUnavailable if a response does not contain a member that S3 always sends.

    Such a response may come from a proxy.
    """
    if member not in answer:
        raise ArchiveUnavailable(f"The response for {subject} is not from S3, because it has no {member}.")
