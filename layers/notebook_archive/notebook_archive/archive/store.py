"""Write to the archive, and list the archived objects of each notebook."""

import hashlib
import json
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket, ListedKey, ListedObject, listing_timeout
from notebook_archive.archive.listing import ArchivedNotebook, group_by_notebook
from notebook_archive.archive.metadata import encode_metadata, encode_tags
from notebook_archive.archive.records import (
    MAX_EVIDENCE_BYTES,
    DamagedEvidence,
    StoredByRun,
    StoreRecord,
    make_store_record,
    parse_store_record,
)
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveConflict, ArchiveDamaged, ArchiveUnavailable, NotAnId, SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The version of the archive format. Every snapshot has it as a tag.
SCHEMA = "1"
# The media type of JSON Lines. More bytes of them than the second value are kept on disk.
LINES_TYPE = "application/jsonl"
IN_MEMORY_BYTES = 8_000_000
# Maximum number of attempts for a write that S3 refuses with 409. botocore does not retry it.
CONFLICT_ATTEMPTS = 5
# Maximum number of keys that are listed with one call after the other. An archive with more keys is listed by prefixes
# side by side, which costs up to 27 more calls: 11 for these keys, and one for the incomplete last page of each prefix.
MAX_KEYS_IN_ONE_LISTING = 10_000


@dataclass(frozen=True, slots=True)
class StoreResult:
    """The result of storing a snapshot.

    `state` is `archived` if this run stored the snapshot, or `unchanged` if the archive already had the same bytes.
    `run` is the run that stored it.
    """

    state: Literal["archived", "unchanged"]
    key: str
    run: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A snapshot or a copy in the archive. `resource_key` is its name in reports. `size` is in bytes."""

    resource_key: str
    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """The record of a captured snapshot: the run that created it, its content, and the time in epoch milliseconds."""

    run: keys.RunId
    content: keys.CopyId
    at: int

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Return the record that a document contains.

        Raises KeyError, NotAnId, SettingsInvalid, TypeError or ValueError.
        """
        return cls(keys.RunId.parse(document["runId"]), keys.CopyId.parse(document["content"]), int(document["at"]))


@dataclass(frozen=True, slots=True)
class SpooledLines:
    """JSON Lines in a file, with the SHA-256 of the file and the number of lines."""

    file: IO[bytes]
    digest: bytes
    count: int


class Archive:
    """The archive in one bucket. Every method may raise ArchiveDenied or ArchiveUnavailable. Threads may share it."""

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        owner: str,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        max_keys_in_one_listing: int = MAX_KEYS_IN_ONE_LISTING,
    ) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self.bucket_name = bucket
        self._bucket = Bucket(s3, bucket, owner)
        self._sleep, self._jitter = sleep, jitter
        self._max_keys_in_one_listing = max_keys_in_one_listing

    def put_snapshot(
        self,
        item_id: ItemId,
        key: ResourceKey,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> StoreResult:
        """Store a snapshot, unless the archive already has it.

        `body` is bytes or a file. A file is read from its beginning. `digest` is the SHA-256 of `body`, which S3
        checks. Raises ArchiveConflict if other bytes are stored under the key. Those bytes are not changed.
        """
        return self._put_once(keys.snapshot_key(item_id, key), body, digest, metadata, {**tags, "kind": "snapshot"})

    def put_altered_snapshot(
        self,
        item_id: ItemId,
        key: ResourceKey,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> StoreResult:
        """Store a different body of an archived snapshot next to the first body, like `put_snapshot`."""
        path = keys.altered_key(item_id, keys.AlteredSnapshot.from_content(key, digest))
        return self._put_once(path, body, digest, metadata, {**tags, "kind": "snapshot"})

    def put_copy(
        self,
        item_id: ItemId,
        copy: keys.CopyId,
        body: bytes | IO[bytes],
        digest: bytes,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> StoreResult:
        """Store a copy of a notebook's content, like `put_snapshot`."""
        return self._put_once(keys.copy_key(item_id, copy), body, digest, metadata, {**tags, "kind": "current"})

    def _put_once(
        self, path: str, body: bytes | IO[bytes], digest: bytes, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> StoreResult:
        run = metadata.get("run-id", "")
        described = {"Metadata": encode_metadata(metadata), "Tagging": encode_tags({**tags, "schema": SCHEMA})}
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            if not isinstance(body, bytes):
                body.seek(0)
            match self._bucket.put_if_absent(path, body, digest, **described):
                case "written":
                    return StoreResult("archived", path, run)
                case "exists":
                    return self._compare_with_stored(path, b64encode(digest).decode(), run)
                case "conflict" if attempt < CONFLICT_ATTEMPTS:
                    self._sleep(0.1 * 2**attempt * self._jitter())
        raise ArchiveUnavailable(f"S3 returned ConditionalRequestConflict {CONFLICT_ATTEMPTS} times for {path}.")

    def _compare_with_stored(self, path: str, checksum: str, run: str) -> StoreResult:
        """Return which run stored the same bytes, or raise ArchiveConflict if other bytes are stored under the key.

        S3 returns 412 in both cases. This run itself may have stored the bytes. If the response to a write is lost, the
        next attempt finds the object.
        """
        head = self._bucket.head(path)
        if head is None:
            raise ArchiveUnavailable(f"S3 reported that {path} exists, and then that it does not.")
        if head.get("ChecksumSHA256") != checksum:
            raise ArchiveConflict(
                f"The archived bytes of {path} differ from those that ArcGIS sends now. The archived bytes were kept."
            )
        stored_by = head["Metadata"].get("run-id", "")
        return StoreResult("archived" if run and stored_by == run else "unchanged", path, stored_by)

    def read_snapshot_digest(self, item_id: ItemId, key: ResourceKey) -> bytes | None:
        """Return the SHA-256 that S3 stores for an archived snapshot, or None if the archive does not have it."""
        return self._read_digest(keys.snapshot_key(item_id, key))

    def has_copy(self, item_id: ItemId, copy: keys.CopyId, digest: bytes) -> bool:
        """Return whether the archive has the copy, and its full SHA-256 is `digest`."""
        return self._read_digest(keys.copy_key(item_id, copy)) == digest

    def has_captured_note(self, item_id: ItemId, copy: keys.CopyId) -> bool:
        """Return whether a note records that a snapshot contains or contained this content with this `modified`."""
        return self._read_digest(keys.copy_key(item_id, keys.CapturedNote(copy))) is not None

    def _read_digest(self, path: str) -> bytes | None:
        head = self._bucket.head(path)
        return None if head is None else b64decode(head.get("ChecksumSHA256", ""))

    def put_content_note(self, item_id: ItemId, note: keys.SeenNote | keys.CapturedNote, run: keys.RunId) -> None:
        """Write a note about a notebook's content."""
        self.put_document_once(keys.copy_key(item_id, note), {"runId": run})

    def put_capture_record(self, item_id: ItemId, key: ResourceKey, record: CaptureRecord) -> None:
        """Write the record of a captured snapshot. Call this right after ArcGIS has confirmed the snapshot."""
        document = {"runId": record.run, "content": record.content, "at": record.at}
        path = keys.capture_record_key(item_id, key)
        if not self.put_document_once(path, document) and self.read_capture_record(item_id, key) is None:
            raise ArchiveUnavailable(f"S3 did not store the capture record of snapshot {key} of item {item_id}.")

    def read_capture_record(self, item_id: ItemId, key: ResourceKey) -> CaptureRecord | None:
        """Return the record of a captured snapshot, or None if there is no readable record."""
        document = self.read_object(keys.capture_record_key(item_id, key))
        try:
            return CaptureRecord.parse(json.loads(document)) if document else None
        except (KeyError, NotAnId, SettingsInvalid, TypeError, ValueError):
            return None

    def put_item_properties(self, item_id: ItemId, properties: Mapping[str, Any]) -> None:
        """Write the item's properties. The bucket's versioning keeps the earlier ones."""
        self._put(keys.item_key(item_id), properties, Tagging=encode_tags({"kind": "item", "schema": SCHEMA}))

    def put_deletion_note(self, item_id: ItemId, note: Mapping[str, Any]) -> None:
        """Write the note that the portal no longer has the item. It replaces an earlier note."""
        self._put(keys.deletion_key(item_id), note)

    def list_notebooks(self, deadline: Deadline) -> Iterator[ArchivedNotebook]:
        """Yield every archived notebook, in the order of their ids. One call lists up to 1,000 keys.

        Raises ArchiveUnavailable if the listing does not end before the deadline.
        """
        objects = self._bucket.list_objects(keys.NOTEBOOKS, deadline=deadline)
        first = list(islice(objects, self._max_keys_in_one_listing + 1))
        if len(first) <= self._max_keys_in_one_listing:
            return group_by_notebook(first)
        del objects, first  # frees their memory
        return self._list_by_prefixes(deadline)

    def _list_by_prefixes(self, deadline: Deadline) -> Iterator[ArchivedNotebook]:
        pool = ThreadPoolExecutor(len(keys.NOTEBOOK_PREFIXES), thread_name_prefix="list")
        parts = [pool.submit(self._list_below, prefix, deadline) for prefix in keys.NOTEBOOK_PREFIXES]
        pool.shutdown(wait=False)  # a call that hangs must not delay the error beyond the deadline
        _, unfinished = wait(parts, max(0.0, deadline.remaining()))
        if unfinished:
            raise listing_timeout(keys.NOTEBOOKS, self.bucket_name)
        return chain.from_iterable(part.result() for part in parts)

    def _list_below(self, prefix: str, deadline: Deadline) -> list[ArchivedNotebook]:
        return list(group_by_notebook(self._bucket.list_objects(prefix, deadline=deadline)))

    def list_one_notebook(self, item_id: ItemId) -> ArchivedNotebook:
        """Return the archived objects of one notebook."""
        found = list(group_by_notebook(self._bucket.list_objects(keys.notebook_prefix(item_id))))
        return found[0] if found else ArchivedNotebook(item_id, "", None)

    def list_stored_by(self, run: keys.RunId, item_id: ItemId, since: datetime) -> Iterator[StoredObject]:
        """Yield the snapshots, altered snapshots and copies of a notebook that a run stored at or after `since`.

        Each of the notebook's objects that was written since then costs one HEAD request.
        """
        for listed in self._bucket.list_objects(keys.notebook_prefix(item_id)):
            parsed = keys.parse_version(listed.key)
            if listed.written < since or parsed is None:
                continue
            name = parsed[1]
            head = self._bucket.head(listed.key)
            if head and head["Metadata"].get("run-id") == run:
                resource_key = name if isinstance(name, ResourceKey) else name.resource_key
                sha256 = head["Metadata"].get("sha256", "")
                yield StoredObject(resource_key, listed.key, head["ContentLength"], sha256)

    def list_versions(self, first: str, last: str = "") -> Iterator[ListedKey]:
        """Yield the keys below `notebooks/` that belong to some shards of the ledger, with all their S3 versions.

        These are the shards from `first` to `last`, or `first` alone. The keys come in key order. The shards of
        `keys.SHARDS` together yield every key once, also keys that are not the archive's. Threads may list several
        ranges side by side. One call returns up to 1,000 versions.
        """
        after, end = keys.shard_range(first, last or first)
        return self._bucket.list_versions(keys.NOTEBOOKS, after, end)

    def list_item_versions(self, item_id: ItemId) -> Iterator[ListedKey]:
        """Yield the keys of one notebook, with all their S3 versions, in key order."""
        return self._bucket.list_versions(keys.notebook_prefix(item_id), "", "")

    def put_store_record(self, run: keys.RunId, versions: Sequence[StoreRecord]) -> None:
        """Record which versions a run stored, with one call, or with none if there are no versions.

        The key contains a digest of the record, so writing the same record again changes nothing.
        """
        if not versions:
            return
        body = _encode_json(make_store_record(run, versions))
        digest = hashlib.sha256(body).digest()
        self._bucket.put_if_absent(keys.record_key(run, digest), body, digest)

    def read_store_records(self, since: date | None = None) -> Iterator[StoredByRun | DamagedEvidence]:
        """Yield the store records of the runs that started on this day (UTC) or later, in key order.

        A damaged record is yielded as DamagedEvidence.
        """
        for listed in self.list_documents(keys.RECORDS, since):
            if keys.parse_evidence(listed.key):
                body = self.read_evidence(listed)
                if isinstance(body, bytes):
                    yield parse_store_record(listed.key, body)
                elif body:
                    yield body

    def list_documents(self, prefix: str, since: date | None = None) -> Iterator[ListedObject]:
        """Yield the objects of runs below a prefix, in key order. `since` is the first day (UTC) of their run ids."""
        return self._bucket.list_objects(prefix, f"{prefix}{since}" if since else "")

    def read_evidence(self, listed: ListedObject) -> bytes | DamagedEvidence | None:
        """Return the bytes of a document of evidence, why they cannot be used, or None if the object is gone."""
        if listed.size > MAX_EVIDENCE_BYTES:
            return DamagedEvidence(listed.key, f"{listed.key} is larger than {MAX_EVIDENCE_BYTES} bytes.")
        try:
            return self._bucket.read(listed.key)
        except ArchiveDamaged as error:
            return DamagedEvidence(listed.key, str(error))

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with the prefix, in order."""
        return [listed.key for listed in self._bucket.list_objects(prefix)]

    def put_document(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a JSON document. It replaces an earlier one."""
        self._put(key, document)

    def put_document_once(self, key: str, document: Mapping[str, Any]) -> bool:
        """Write a JSON document, unless the key exists or is being written. Return whether it was written."""
        body = _encode_json(document)
        return self._bucket.put_if_absent(key, body, hashlib.sha256(body).digest()) == "written"

    def put_lines_once(self, key: str, lines: SpooledLines) -> bool:
        """Write JSON Lines, like `put_document_once`. `spool_lines` makes them."""
        lines.file.seek(0)
        return self._bucket.put_if_absent(key, lines.file, lines.digest, ContentType=LINES_TYPE) == "written"

    def put_lines(self, key: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write JSON Lines. They replace earlier ones."""
        with spool_lines(lines) as spooled:
            self._bucket.put(key, spooled.file, spooled.digest, ContentType=LINES_TYPE)

    def read_lines(self, key: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of JSON Lines one at a time, or nothing if the object does not exist.

        Raises ArchiveDamaged if the bytes do not match the checksum that S3 stores with them.
        """
        opened = self._bucket.open(key)
        if opened is None:
            return
        with closing(opened):
            rest = b""
            for piece in opened.read_pieces():
                *lines, rest = (rest + piece).split(b"\n")
                yield from map(json.loads, lines)
            if rest:
                yield json.loads(rest)

    def read_object(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it does not exist.

        Raises ArchiveDamaged if the bytes do not match the checksum that S3 stores with them.
        """
        return self._bucket.read(key)

    def _put(self, key: str, document: Mapping[str, Any], **parameters: str) -> None:
        body = _encode_json(document)
        self._bucket.put(key, body, hashlib.sha256(body).digest(), **parameters)


@contextmanager
def spool_lines(lines: Iterable[Mapping[str, Any]]) -> Iterator[SpooledLines]:
    """Provide JSON Lines as a file. The file is in memory, or on disk if it is large."""
    sha256, count = hashlib.sha256(), 0
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        for line in lines:
            encoded = _encode_json(line) + b"\n"
            sha256.update(encoded)
            file.write(encoded)
            count += 1
        file.seek(0)
        yield SpooledLines(file, sha256.digest(), count)


def _encode_json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
