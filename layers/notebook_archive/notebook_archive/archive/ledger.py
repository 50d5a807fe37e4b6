"""Keep the ledger: for each archived version, what is known about its bytes and how well they are proved.

The ledger is derived from evidence in the archive: store records, the results of verifications, and the results of
restore tests. `fold` adds new evidence to it. The result does not depend on the order of the evidence, and adding
evidence twice changes nothing. So a ledger that is lost, or that two functions write at the same time, is completed by
the next fold.
"""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import batched
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import msgspec
from msgspec import Meta, Struct

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket, ListedObject
from notebook_archive.archive.erasures import Erasures, read_erasures
from notebook_archive.archive.records import (
    DamagedEvidence,
    EvidenceInvalid,
    StoredByRun,
    parse_evidence,
    parse_store_record,
)
from notebook_archive.archive.store import Archive
from notebook_archive.errors import ArchiveDamaged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Version of the format of the shards. A shard of another version is folded again from the first evidence.
LEDGER_SCHEMA = 1
# Maximum age of a run that still writes evidence. An execution takes at most 7 days, and can be redriven within 14.
_LATE_DAYS = 35
# The largest number that every JSON parser reads exactly.
_MAX_NUMBER = 2**53
# Margin for clocks that differ.
_CLOCK_DAYS = 1
# Number of documents of evidence that are read side by side.
DOCUMENTS_AT_ONCE = 200
# Number of versions whose evidence is kept in memory. With more, the shards are written on the way.
MAX_PENDING_VERSIONS = 200_000


# msgspec leaves a default out of a line only if the value is the same object.
_NO_SECONDS = 0.0

type _Count = Annotated[int, Meta(ge=0, le=_MAX_NUMBER)]
type _Seconds = Annotated[float, Meta(ge=0, le=_MAX_NUMBER)]
type _Sha256 = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]


class LedgerEntry(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the ledger knows about one version. Also a line of evidence, which knows only a part of it.

    Times are in epoch milliseconds, and 0 means never. `size` is in bytes, and `sha256` is in hexadecimal digits. `run`
    is the run that stored the version, or that first proved it if no store record names it. In that case,
    `is_unrecorded` is True. `level` is the highest level of proof. `proved_at` is the time of the last good whole read,
    which the run `proved_by` did in `seconds`. `is_valid` says whether the notebook was valid then according to
    nbformat's schema, or None if that is not known. `headed_at` is the time of the last good comparison by HEAD.
    `restored_at` is the time of the last restore test, and `restore_seconds` is the time that it took.

    `findings` are the ids of the open findings, which were last seen at `finding_at`. A good whole read then or later
    closes them.
    """

    key: str
    size: _Count = msgspec.field(default=0, name="bytes")
    sha256: _Sha256 = ""
    run: str = ""
    is_unrecorded: bool = msgspec.field(default=False, name="unrecorded")
    level: _Count = 0
    proved_at: _Count = msgspec.field(default=0, name="provedAt")
    proved_by: str = msgspec.field(default="", name="provedBy")
    seconds: _Seconds = _NO_SECONDS
    is_valid: bool | None = msgspec.field(default=None, name="valid")
    headed_at: _Count = msgspec.field(default=0, name="headedAt")
    restored_at: _Count = msgspec.field(default=0, name="restoredAt")
    restore_seconds: _Seconds = msgspec.field(default=_NO_SECONDS, name="restoreSeconds")
    findings: tuple[str, ...] = msgspec.field(default=(), name="finding")
    finding_at: _Count = msgspec.field(default=0, name="findingAt")

    @classmethod
    def parse_evidence(cls, line: Mapping[str, Any], run: str) -> Self:
        """Return what a line of the results of a run proves. Raises EvidenceInvalid.

        A line without a SHA-256 says nothing about the stored bytes, so its size is ignored.
        """
        try:
            entry = msgspec.convert(line, cls)
        except (msgspec.ValidationError, OverflowError) as error:
            raise EvidenceInvalid(f"The line of {line['key']} is not valid: {error}") from None
        return msgspec.structs.replace(
            entry,
            size=entry.size if entry.sha256 else 0,
            run=run if entry.sha256 else "",
            is_unrecorded=bool(entry.sha256),
            proved_by=run if entry.proved_at else "",
            seconds=entry.seconds or _NO_SECONDS,
            restore_seconds=entry.restore_seconds or _NO_SECONDS,
        )

    def merge(self, other: Self) -> Self:
        """Return what two entries of the same version know together. Their order does not matter."""
        origin = min(self, other, key=_rank_origin)
        proof = max(self, other, key=_rank_proof)
        restored = max(self, other, key=lambda entry: (entry.restored_at, entry.restore_seconds))
        found = max(self, other, key=lambda entry: (entry.finding_at, entry.findings))
        is_open = found.finding_at > proof.proved_at
        return type(self)(
            key=self.key,
            size=origin.size,
            sha256=origin.sha256,
            run=origin.run,
            is_unrecorded=origin.is_unrecorded,
            level=max(self.level, other.level),
            proved_at=proof.proved_at,
            proved_by=proof.proved_by,
            seconds=proof.seconds,
            is_valid=proof.is_valid,
            headed_at=max(self.headed_at, other.headed_at),
            restored_at=restored.restored_at,
            restore_seconds=restored.restore_seconds,
            findings=found.findings if is_open else (),
            finding_at=found.finding_at if is_open else 0,
        )

    @property
    def known_at(self) -> int:
        """The last time at which something of this entry was found out.

        Of the run that stored the version, only the day is known, so the beginning of that day (UTC) counts.
        """
        stored = 0
        if self.run:
            stored = int(datetime.combine(date.fromisoformat(self.run[:10]), time(), UTC).timestamp() * 1000)
        return max(stored, self.proved_at, self.headed_at, self.restored_at, self.finding_at)


_DECODER = msgspec.json.Decoder(LedgerEntry)


@dataclass(frozen=True, slots=True)
class Shard:
    """The entries of all versions whose item ids begin with the same two digits.

    `entries` are by key, in key order. `folded_through` is the day (UTC) through which evidence was added, or None if
    the shard is new or was lost.
    """

    folded_through: date | None = None
    entries: Mapping[str, LedgerEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmptyShards:
    """The shards that have no version, and the day (UTC) through which evidence was looked for.

    One object names all of them, because most shards of a small archive are empty. A shard that neither exists nor is
    named here was lost.
    """

    folded_through: date | None = None
    shards: frozenset[str] = frozenset()

    def find(self, shard: str) -> Shard:
        """Return a shard that does not exist."""
        return Shard(self.folded_through if shard in self.shards else None)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """The number of versions in the ledger, the number of documents that were read, and those that were damaged."""

    versions: int
    documents: int
    damaged: tuple[DamagedEvidence, ...]


class Ledger:
    """The ledger in its bucket. Every method may raise ArchiveDenied or ArchiveUnavailable. Threads may share it."""

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self._bucket = Bucket(s3, bucket, owner)

    def list_shards(self) -> frozenset[str]:
        """Return the shards that exist. Most of them have versions."""
        found = {listed.key: listed for listed in self._bucket.list_objects(keys.LEDGER)}
        return frozenset(shard for shard in keys.SHARDS if keys.shard_key(shard) in found)

    def read_empty(self) -> EmptyShards:
        """Return which shards are empty. If that is not readable, none are."""
        try:
            document = json.loads(self._bucket.read(keys.EMPTY_SHARDS) or b"{}")
            if document["schema"] != LEDGER_SCHEMA:
                return EmptyShards()
            return EmptyShards(date.fromisoformat(document["foldedThrough"]), frozenset(document["shards"]))
        except (ArchiveDamaged, KeyError, TypeError, ValueError, RecursionError):
            return EmptyShards()

    def write_empty(self, empty: EmptyShards) -> None:
        """Write which shards are empty."""
        day = str(empty.folded_through or "")
        document = {"schema": LEDGER_SCHEMA, "foldedThrough": day, "shards": sorted(empty.shards)}
        body = json.dumps(document, separators=(",", ":")).encode()
        self._bucket.put(keys.EMPTY_SHARDS, body, sha256(body).digest())

    def read_shard(self, shard: str) -> Shard:
        """Return a shard. A shard that does not exist or is damaged is returned as a new one."""
        try:
            return self._load_shard(shard)
        except ArchiveDamaged:
            return Shard()

    def find_entry(self, key: str) -> LedgerEntry | None:
        """Return what the ledger knows about one version, or None. Makes one call.

        Raises ArchiveDamaged if the shard of the version is damaged.
        """
        return self._load_shard(keys.shard_of(key)).entries.get(key)

    def _load_shard(self, shard: str) -> Shard:
        """Return a shard, or a new one if it does not exist. Raises ArchiveDamaged."""
        key = keys.shard_key(shard)
        body = self._bucket.read(key)
        try:
            return _parse_shard(body) if body else Shard()
        except (KeyError, TypeError, ValueError, msgspec.DecodeError, RecursionError):
            raise ArchiveDamaged(f"{key} is not a shard of the ledger.") from None

    def write_shard(self, shard: str, content: Shard) -> None:
        """Write a shard in place of the earlier one."""
        head = {"schema": LEDGER_SCHEMA, "foldedThrough": str(content.folded_through or "")}
        body = msgspec.json.Encoder().encode_lines([head, *(content.entries[key] for key in sorted(content.entries))])
        self._bucket.put(keys.shard_key(shard), body, sha256(body).digest(), ContentType="application/jsonl")

    def remove_erased(self, erasures: Erasures) -> None:
        """Remove the entries of the notebooks that were erased. `fold` does the same."""
        erased = {keys.shard_of(keys.notebook_prefix(item_id)) for item_id in erasures.times}
        for shard in sorted(erased & self.list_shards()):
            content = self.read_shard(shard)
            left = _drop_erased(content.entries, erasures)
            if len(left) < len(content.entries):
                self.write_shard(shard, Shard(content.folded_through, left))


def _drop_erased(entries: Mapping[str, LedgerEntry], erasures: Erasures) -> dict[str, LedgerEntry]:
    if not erasures.times:
        return dict(entries)
    return {key: entry for key, entry in entries.items() if not erasures.covers(key, entry.known_at)}


def fold(
    archive: Archive,
    ledger: Ledger,
    today: date,
    threads: int,
    *,
    documents_at_once: int = DOCUMENTS_AT_ONCE,
    max_pending: int = MAX_PENDING_VERSIONS,
) -> FoldResult:
    """Add the evidence to the ledger that was written since it was last folded. `today` is the day in UTC.

    A shard that is missing or damaged is made again from all evidence. A damaged document of evidence is skipped and
    returned. What was known of a notebook before it was erased is left out. Each shard is complete through its own day.
    So a fold that is interrupted is continued by the next, and two at the same time do no harm. May raise ArchiveDenied
    or ArchiveUnavailable.
    """
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ledger") as pool:
        folding = _Folding(archive, ledger, today, pool, documents_at_once, max_pending)
        # Nearly always, all shards are complete through the same day. The other shards are folded in a second pass.
        since = folding.find_first_day()
        folding.add_since(since)
        days = [content.folded_through for content in folding.shards]
        if since and any(day is None or day < since for day in days):
            folding.add_since(None if None in days else min(filter(None, days)))
    versions = sum(content.versions for content in folding.shards)
    return FoldResult(versions, folding.documents, tuple(folding.damaged.values()))


class _ShardState(NamedTuple):
    """The number of versions in a shard, and the day through which it is complete."""

    versions: int
    folded_through: date | None


class _Folding:
    """A fold so far. `documents` counts the documents of evidence that were read."""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        today: date,
        pool: ThreadPoolExecutor,
        documents_at_once: int,
        max_pending: int,
    ) -> None:
        self._archive, self._ledger, self._today, self._pool = archive, ledger, today, pool
        self._documents_at_once, self._max_pending = documents_at_once, max_pending
        self.documents = 0
        self.damaged: dict[str, DamagedEvidence] = {}
        self.shards: list[_ShardState] = []
        self._there, self._empty = ledger.list_shards(), ledger.read_empty()
        self._erasures = read_erasures(archive)

    def find_first_day(self) -> date | None:
        """Return the day through which the first shard is complete."""
        return self._read_shard(keys.SHARDS[0]).folded_through

    def _read_shard(self, shard: str) -> Shard:
        return self._ledger.read_shard(shard) if shard in self._there else self._empty.find(shard)

    def add_since(self, since: date | None) -> None:
        """Add the evidence to all shards that was written since a day, or all evidence."""
        pending: dict[str, dict[str, LedgerEntry]] = {}
        count = 0
        for chunk in batched(_list_evidence(self._archive, since), self._documents_at_once, strict=False):
            for entry in self._read(chunk):
                shard = pending.setdefault(keys.shard_of(entry.key), {})
                count += entry.key not in shard
                shard[entry.key] = entry.merge(shard.get(entry.key, entry))
            if count > self._max_pending:
                self._write(pending, since, min(_read_day(chunk[-1]), self._today))
                pending, count = {}, 0
        self._write(pending, since, self._today)

    def _read(self, chunk: Sequence[ListedObject]) -> Iterator[LedgerEntry]:
        documents = self._pool.map(lambda listed: _read_evidence(self._archive, listed), chunk)
        for listed, read in zip(chunk, documents, strict=True):
            self.documents += 1
            if isinstance(read, DamagedEvidence):
                self.damaged[read.key] = read
            else:
                written = int(listed.written.timestamp() * 1000)
                yield from (entry for entry in read if not self._erasures.covers(entry.key, written))

    def _write(self, pending: Mapping[str, Mapping[str, LedgerEntry]], since: date | None, day: date) -> None:
        def add(shard: str) -> _ShardState:
            return self._add(shard, pending.get(shard, {}), since, day)

        self.shards = list(self._pool.map(add, keys.SHARDS))
        self._there |= {shard for shard, state in zip(keys.SHARDS, self.shards, strict=True) if state.versions}
        self._write_empty()

    def _add(self, shard: str, entries: Mapping[str, LedgerEntry], since: date | None, day: date) -> _ShardState:
        """Add entries to a shard, which is then complete through `day`.

        The entries are from the evidence since `since`. If the shard is not complete through that day, it needs earlier
        evidence too, so its own day does not change. A shard without entries is not written.
        """
        held = self._read_shard(shard)
        merged = _drop_erased(held.entries, self._erasures)
        for key, entry in entries.items():
            merged[key] = entry.merge(merged.get(key, entry))
        is_complete = since is None or (held.folded_through is not None and held.folded_through >= since)
        folded_through = max(day, held.folded_through or day) if is_complete else held.folded_through
        content = Shard(folded_through, merged)
        if content != held and (merged or shard in self._there):
            self._ledger.write_shard(shard, content)
        return _ShardState(len(merged), folded_through)

    def _write_empty(self) -> None:
        """Write which shards have no version and are complete, with the earliest of their days."""
        states = zip(keys.SHARDS, self.shards, strict=True)
        days = {shard: state.folded_through for shard, state in states if shard not in self._there}
        complete = {shard: day for shard, day in days.items() if day}
        empty = EmptyShards(min(complete.values(), default=None), frozenset(complete))
        if empty != self._empty:
            self._ledger.write_empty(empty)
            self._empty = empty


def _list_evidence(archive: Archive, since: date | None) -> Iterator[ListedObject]:
    """Yield the documents of evidence that were written on this day or later, in the order of their runs' days."""
    first_day = since - timedelta(days=_LATE_DAYS) if since else None
    first_written = since - timedelta(days=_CLOCK_DAYS) if since else date.min

    def list_kind(prefix: str) -> Iterator[ListedObject]:
        return (
            listed
            for listed in archive.list_documents(prefix, first_day)
            if listed.written.date() >= first_written and keys.parse_evidence(listed.key)
        )

    kinds = [list_kind(prefix) for prefix in (keys.RECORDS, keys.VERIFICATIONS, keys.RESTORE_TESTS)]
    return heapq.merge(*kinds, key=_read_day)


def _read_day(listed: ListedObject) -> date:
    """Return the day of the run that wrote a document of evidence."""
    return date.fromisoformat(listed.key.split("/")[1])


def _read_evidence(archive: Archive, listed: ListedObject) -> list[LedgerEntry] | DamagedEvidence:
    body = archive.read_evidence(listed)
    if body is None:
        return []
    if isinstance(body, DamagedEvidence):
        return body
    if listed.key.startswith(keys.RECORDS):
        record = parse_store_record(listed.key, body)
        return record if isinstance(record, DamagedEvidence) else _make_entries(record)
    try:
        run, lines = parse_evidence(listed.key, body)
        return [LedgerEntry.parse_evidence(line, str(run)) for line in lines]
    except EvidenceInvalid as error:
        return DamagedEvidence(listed.key, str(error))


def _make_entries(record: StoredByRun) -> list[LedgerEntry]:
    run = str(record.run)  # msgspec encodes no subclass of str
    return [LedgerEntry(each.key, each.size, each.sha256, run) for each in record.versions]


def _parse_shard(body: bytes) -> Shard:
    first, _, rest = body.partition(b"\n")
    head = json.loads(first)
    if head["schema"] != LEDGER_SCHEMA:
        return Shard()
    day = head["foldedThrough"]
    entries = _DECODER.decode_lines(rest)
    return Shard(date.fromisoformat(day) if day else None, {entry.key: entry for entry in entries})


def _rank_origin(entry: LedgerEntry) -> tuple[Any, ...]:
    return not entry.sha256, entry.is_unrecorded, entry.run, entry.sha256, entry.size


def _rank_proof(entry: LedgerEntry) -> tuple[Any, ...]:
    return entry.proved_at, entry.proved_by, entry.seconds, entry.is_valid is not None, bool(entry.is_valid)
