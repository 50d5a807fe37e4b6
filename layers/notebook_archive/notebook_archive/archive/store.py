"""Reading and writing the bucket."""

import hashlib
import json
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.archive import keys
from notebook_archive.archive.listing import Holding, ListedObject, group_holdings
from notebook_archive.archive.metadata import encode_metadata, encode_tags
from notebook_archive.archive.s3_errors import S3_ERRORS, is_absent, translate_s3_error
from notebook_archive.errors import ArchiveConflict, ArchiveUnavailable, NotAnId, SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

SCHEMA = "1"
"""Version of the archive format, a tag of every snapshot."""
CONFLICT_ATTEMPTS = 5
"""Tries at a write that S3 answers with 409; botocore does not retry those."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How a snapshot came to be in the archive: by this call, or by an earlier one with the same bytes.

    ``run`` is the run that stored it.
    """

    state: Literal["archived", "unchanged"]
    key: str
    run: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A snapshot or a copy in the archive, as S3 has it.  `resource_key` names it in reports, `size` is in bytes."""

    resource_key: str
    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """That a run made a snapshot, of what it took the content to be, and when, in epoch milliseconds."""

    run: keys.RunId
    content: keys.CopyId
    at: int

    @classmethod
    def parse(cls, noted: Mapping[str, Any]) -> Self:
        """Return what was noted; raise KeyError, NotAnId, SettingsInvalid, TypeError or ValueError."""
        return cls(keys.RunId.parse(noted["runId"]), keys.CopyId.parse(noted["content"]), int(noted["at"]))


class Archive:
    """One bucket.  Every method may raise ArchiveDenied or ArchiveUnavailable.  Threads may share it.

    Every call names the account that the bucket must belong to, so that a bucket of the same name elsewhere is never
    written.
    """

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        owner: str,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._s3 = s3
        self._bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
        self.bucket = bucket
        self._sleep, self._jitter = sleep, jitter

    def put_snapshot(
        self,
        item_id: ItemId,
        key: ResourceKey,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Stored:
        """Store a snapshot unless it is there, and return how it came to be there.

        ``body`` is bytes or a file at its beginning, ``digest`` its SHA-256.  S3 checks the digest.  Raises
        ArchiveConflict where the key holds other bytes; they stay as they are.
        """
        return self._put_once(keys.snapshot_key(item_id, key), body, digest, metadata, {**tags, "kind": "snapshot"})

    def put_altered(
        self,
        item_id: ItemId,
        key: ResourceKey,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Stored:
        """Store another body of an archived snapshot beside it, exactly as `put_snapshot` stores the first."""
        path = keys.altered_key(item_id, keys.AlteredSnapshot(key, digest.hex()[:12]))
        return self._put_once(path, body, digest, metadata, {**tags, "kind": "snapshot"})

    def put_copy(
        self,
        item_id: ItemId,
        copy: keys.CopyId,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Stored:
        """Store a copy of a notebook's content, exactly as ``put_snapshot`` stores a snapshot."""
        return self._put_once(keys.copy_key(item_id, copy), body, digest, metadata, {**tags, "kind": "current"})

    def put_note(self, item_id: ItemId, note: keys.Sighting | keys.CaptureMark, run: keys.RunId) -> None:
        """Note what was found out about the content."""
        self.put_new(keys.copy_key(item_id, note), {"runId": run})

    def has_copy(self, item_id: ItemId, copy: keys.CopyId, digest: bytes) -> bool:
        """Return whether the copy is there and has this SHA-256 as a whole."""
        return self._digest(keys.copy_key(item_id, copy)) == digest

    def has_mark(self, item_id: ItemId, copy: keys.CopyId) -> bool:
        """Return whether it is marked that a snapshot holds, or once held, this content of this time."""
        return self._digest(keys.copy_key(item_id, keys.CaptureMark(copy))) is not None

    def digest(self, item_id: ItemId, key: ResourceKey) -> bytes | None:
        """Return the SHA-256 of an archived snapshot, as S3 has it; None where the archive lacks it."""
        return self._digest(keys.snapshot_key(item_id, key))

    def put_capture_record(self, item_id: ItemId, key: ResourceKey, made: CaptureRecord) -> None:
        """Note that a run made this snapshot, as ArcGIS answered it."""
        noted = {"runId": made.run, "content": made.content, "at": made.at}
        if not self.put_new(keys.capture_record_key(item_id, key), noted) and self.made(item_id, key) is None:
            raise ArchiveUnavailable(f"S3 did not take the note who made snapshot {key} of item {item_id}.")

    def made(self, item_id: ItemId, key: ResourceKey) -> CaptureRecord | None:
        """Return which run made a snapshot, None where that is not noted."""
        noted = self.get(keys.capture_record_key(item_id, key))
        try:
            return CaptureRecord.parse(json.loads(noted)) if noted else None
        except (KeyError, NotAnId, SettingsInvalid, TypeError, ValueError):
            return None

    def _digest(self, path: str) -> bytes | None:
        head = self._head(path)
        return None if head is None else b64decode(head.get("ChecksumSHA256", ""))

    def _head(self, path: str) -> "HeadObjectOutputTypeDef | None":
        try:
            head = self._s3.head_object(**self._bucket, Key=path, ChecksumMode="ENABLED")
        except S3_ERRORS as error:
            if is_absent(error):
                return None
            raise translate_s3_error(error, self.bucket, path) from None
        _refuse_foreign(head, "ETag", path)
        return head

    def _put_once(
        self, path: str, body: bytes | IO[bytes], digest: bytes, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> Stored:
        described = {"Metadata": encode_metadata(metadata), "Tagging": encode_tags({**tags, "schema": SCHEMA})}
        for failed in range(1, CONFLICT_ATTEMPTS + 1):
            if not isinstance(body, bytes):
                body.seek(0)
            try:
                self._write(path, body, digest, IfNoneMatch="*", **described)
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if status == 412:
                    return self._compare(path, b64encode(digest).decode(), metadata.get("run-id", ""))
                if status != 409 or failed == CONFLICT_ATTEMPTS:
                    raise translate_s3_error(error, self.bucket, path) from None
                self._sleep(0.1 * 2**failed * self._jitter())
            except BotoCoreError as error:
                raise translate_s3_error(error, self.bucket, path) from None
            else:
                return Stored("archived", path, metadata.get("run-id", ""))
        raise AssertionError  # the last attempt returned or raised

    def _compare(self, path: str, checksum: str, run: str) -> Stored:
        """Tell a write of ours whose answer was lost, or an earlier run's, from a conflict: S3 answers 412 to all
        three."""
        try:
            head = self._s3.head_object(**self._bucket, Key=path, ChecksumMode="ENABLED")
        except S3_ERRORS as error:
            raise translate_s3_error(error, self.bucket, path) from None
        if head.get("ChecksumSHA256") != checksum:
            raise ArchiveConflict(f"{path} holds other bytes than ArcGIS sends now; it was left as it is.")
        by = head["Metadata"].get("run-id", "")
        return Stored("archived" if run and by == run else "unchanged", path, by)

    def put_item(self, item_id: ItemId, properties: Mapping[str, Any]) -> None:
        """Write the item's properties over those that are there; the bucket's versioning keeps the earlier ones."""
        self._put(keys.item_key(item_id), _json(properties), Tagging=encode_tags({"kind": "item", "schema": SCHEMA}))

    def put_deletion(self, item_id: ItemId, noted: Mapping[str, Any]) -> None:
        """Note that the portal no longer has the item, over an earlier note."""
        self._put(keys.deletion_key(item_id), _json(noted))

    def holdings(self) -> Iterator[Holding]:
        """Yield what the archive holds, notebook by notebook in the order of their ids, 1,000 keys a call."""
        yield from group_holdings(self._listing(keys.NOTEBOOKS))

    def holding(self, item_id: ItemId) -> Holding:
        """Return what the archive holds of one notebook, in one call."""
        found = list(group_holdings(self._listing(f"{keys.NOTEBOOKS}{item_id}/")))
        return found[0] if found else Holding(item_id, (), None)

    def list_stored_by(self, run: keys.RunId, item_id: ItemId, since: datetime) -> Iterator[StoredObject]:
        """Yield the snapshots, altered snapshots and copies of a notebook that a run stored.

        Needs one HEAD for each that was written since then.
        """
        for listed in self._listing(f"{keys.NOTEBOOKS}{item_id}/"):
            name = (keys.parse(listed.key) or (item_id, None))[1]
            if listed.written < since or not (
                isinstance(name, ResourceKey | keys.AlteredSnapshot) or type(name) is keys.CopyId
            ):
                continue
            head = self._head(listed.key)
            if head and head["Metadata"].get("run-id") == run:
                resource_key = name if isinstance(name, ResourceKey) else name.resource_key
                sha256 = head["Metadata"].get("sha256", "")
                yield StoredObject(resource_key, listed.key, head["ContentLength"], sha256)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with the prefix, in order."""
        return [listed.key for listed in self._listing(prefix)]

    def _listing(self, prefix: str) -> Iterator[ListedObject]:
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(**self._bucket, Prefix=prefix):
                _refuse_foreign(page, "IsTruncated", prefix)
                for entry in page.get("Contents", ()):
                    yield ListedObject(entry["Key"], entry["LastModified"], entry["Size"])
        except S3_ERRORS as error:
            raise translate_s3_error(error, self.bucket, prefix) from None

    def put_document(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a JSON document of our own."""
        self._put(key, _json(document))

    def put_new(self, key: str, document: Mapping[str, Any]) -> bool:
        """Write a JSON document where there is none; return False where there is one, or just now comes to be one."""
        return self._put_new(key, _json(document), "application/json")

    def put_new_lines(self, key: str, lines: Iterable[Mapping[str, Any]]) -> bool:
        """Write JSON Lines as `put_new` writes a document."""
        return self._put_new(key, _encode_lines(lines), "application/jsonl")

    def _put_new(self, key: str, body: bytes, content_type: str) -> bool:
        try:
            self._write(key, body, hashlib.sha256(body).digest(), ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412):
                return False
            raise translate_s3_error(error, self.bucket, key) from None
        except BotoCoreError as error:
            raise translate_s3_error(error, self.bucket, key) from None
        return True

    def _put(self, key: str, body: bytes, **more: Any) -> None:  # noqa: ANN401 - put_object's own
        try:
            self._write(key, body, hashlib.sha256(body).digest(), **more)
        except S3_ERRORS as error:
            raise translate_s3_error(error, self.bucket, key) from None

    def _write(self, key: str, body: bytes | IO[bytes], digest: bytes, **more: Any) -> None:  # noqa: ANN401 - put_object's own
        """Write an object with this SHA-256, and return once S3 has confirmed it.

        If the answer does not confirm the checksum (a proxy's page does not), a HEAD checks it. Raises S3_ERRORS of
        the PUT, and an ArchiveError if S3 does not have the object after all.
        """
        checksum = b64encode(digest).decode()
        answer = self._s3.put_object(
            **self._bucket,
            Key=key,
            Body=body,
            ChecksumAlgorithm="SHA256",  # without it an Object Lock bucket refuses the PUT
            ChecksumSHA256=checksum,
            **({"ContentType": "application/json"} | more),
        )
        confirmed = answer.get("ChecksumSHA256")
        if confirmed is None and (head := self._head(key)):
            confirmed = head.get("ChecksumSHA256")
        if confirmed != checksum:
            raise ArchiveUnavailable(f"S3 answered that it stored {key}, but does not confirm its SHA-256.")

    def get(self, key: str) -> bytes | None:
        """Return the object's bytes; None where there is no such object.  Raises ArchiveDamaged where they are not what
        S3's own checksum says."""
        try:
            answer = self._s3.get_object(**self._bucket, Key=key, ChecksumMode="ENABLED")
            _refuse_foreign(answer, "ETag", key)
            return answer["Body"].read()
        except S3_ERRORS as error:
            if is_absent(error):
                return None
            raise translate_s3_error(error, self.bucket, key) from None


def _refuse_foreign(answer: Mapping[str, Any], member: str, what: str) -> None:
    """Raise ArchiveUnavailable if the answer has no member that S3 always sends: a proxy's page with a 200."""
    if member not in answer:
        raise ArchiveUnavailable(f"The answer about {what} is not S3's own: it has no {member}.")


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _encode_lines(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(_json(line) + b"\n" for line in lines)
