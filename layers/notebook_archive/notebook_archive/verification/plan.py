"""Plan a verification: list the archive, compare it with the ledger, and choose what to check now."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import batched, groupby
from tempfile import SpooledTemporaryFile
from typing import IO, TypedDict

from notebook_archive.archive import Archive, Ledger, LedgerEntry, ListedKey, RunId, SecondPlace, fold, keys
from notebook_archive.errors import RunInputInvalid
from notebook_archive.executions.batches import cut_into_batches, write_plan
from notebook_archive.executions.claim import claim_run
from notebook_archive.models import ItemId
from notebook_archive.verification.checks import Batch, Check
from notebook_archive.verification.due_reads import DueReads
from notebook_archive.verification.earlier_reports import find_first_day, read_open_findings
from notebook_archive.verification.period import Period
from notebook_archive.verification.replicas import ComparedSoFar, Comparison, Replicas, SecondPlaceSummary
from notebook_archive.verification.shard_plan import ShardPlan, plan_shard
from notebook_archive.verification.verification_input import Scope, Wanted

# Number of shards that one listing of the archive covers.
SHARDS_AT_ONCE = 16
# Maximum number of checks in a batch. One invocation works on one batch.
BATCH_SIZE = 200
# More bytes of planned checks are kept on disk.
_IN_MEMORY_BYTES = 8_000_000


class VerificationPlan(TypedDict):
    """The summary of a plan, which `plan_verification` returns to the state machine.

    `checks` is the number of planned checks. `versions` are those that S3 lists, and `unrecorded` those of them that
    the ledger does not have. `oldestLeft` is the time since which the longest unproved of the versions that are not
    read now is not proved, in epoch milliseconds, or 0. `deletedNotebooks` and `deletedVersions` count what the archive
    has of notebooks that ArcGIS does not have any more. `secondPlace` is None if the stack has none.
    """

    scope: Scope
    planKey: str
    batches: int
    checks: int
    versions: int
    unrecorded: int
    oldestLeft: int
    deletedNotebooks: int
    deletedVersions: int
    secondPlace: SecondPlaceSummary | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a plan: its shards, and the comparison with the second place, or None if there is none."""

    shards: list[ShardPlan]
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the parts of a plan come from. `open_keys` are the keys that have open findings."""

    archive: Archive
    ledger: Ledger
    second_place: SecondPlace | None
    shards: Collection[str]
    open_keys: Collection[str]
    period: Period
    wanted: Wanted

    def plan_shards(self, shards: Sequence[str]) -> _Part:
        """Return the plan of everything that is listed with some shards, which follow one another."""
        ends = shards[0], shards[-1]
        listing = list(self.archive.list_versions(*ends))
        listed = {shard: list(some) for shard, some in groupby(listing, key=lambda each: keys.listed_with(each.key))}
        plans = [self._plan_shard(shard, listed.get(shard, [])) for shard in shards]
        replicas = self.second_place.list_versions(*ends) if self.second_place else None
        return _Part(plans, self._compare(listing, replicas))

    def _plan_shard(self, shard: str, listed: Sequence[ListedKey]) -> ShardPlan:
        open_keys = [key for key in self.open_keys if keys.listed_with(key) == shard]
        entries = self.ledger.read_shard(shard).entries if shard in self.shards else {}
        return self._plan(listed, entries, open_keys)

    def plan_item(self, item_id: ItemId) -> _Part:
        """Return the plan of one notebook."""
        prefix = keys.notebook_prefix(item_id)
        shard = self.ledger.read_shard(keys.shard_of(prefix)).entries
        entries = {key: entry for key, entry in shard.items() if key.startswith(prefix)}
        listed = list(self.archive.list_item_versions(item_id))
        if not listed and not entries:
            raise RunInputInvalid(f"The archive has nothing of item {item_id}. Check the item id.")
        plan = self._plan(listed, entries, [key for key in self.open_keys if key.startswith(prefix)])
        replicas = self.second_place.list_item_versions(item_id) if self.second_place else None
        return _Part([plan], self._compare(listed, replicas))

    def _compare(self, listed: Sequence[ListedKey], replicas: Iterable[ListedKey] | None) -> Comparison | None:
        return Replicas.read(replicas).compare(listed, self.period.now) if replicas else None

    def _plan(
        self, listed: Sequence[ListedKey], entries: Mapping[str, LedgerEntry], open_keys: Collection[str]
    ) -> ShardPlan:
        return plan_shard(listed, entries, frozenset(open_keys), self.period, self.wanted.scope)


def plan_verification(
    run: RunId,
    started_at: str,
    wanted: Wanted,
    archive: Archive,
    ledger: Ledger,
    second_place: SecondPlace | None = None,
    *,
    verify_days: int,
    threads: int,
) -> VerificationPlan:
    """Add the new evidence to the ledger, write the plan of a verification, and return its summary.

    If there is a second place, it is compared with the archive, and what it does not have is written too. The plan
    depends only on the archive, the ledger, the second place and `started_at`. May raise RunIdTaken, RunInputInvalid or
    an ArchiveError. An error of the second place is not raised, but noted in the plan.
    """
    claim_run(keys.verification_claim_key(run), run, started_at, archive)
    start = datetime.fromisoformat(started_at).astimezone(UTC)
    folded = fold(archive, ledger, start.date(), threads)
    findings = read_open_findings(run, archive, start.date()).values()
    # An object without a replica need not be read. The comparison looks for its replica.
    open_keys = {finding["key"] for finding in findings if finding["kind"] != "not-replicated"}
    period = Period(_to_ms(start), _to_ms(find_first_day(archive, start.date())), verify_days)
    source = _Source(archive, ledger, second_place, ledger.list_shards(), open_keys, period, wanted)
    damaged = {each.key for each in folded.damaged}
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        compared = ComparedSoFar(second_place.bucket_name) if second_place else None
        agenda = _Agenda(DueReads(period, folded.versions), file, compared)
        if wanted.scope == "chosen":
            agenda.add_parts(source.plan_item, wanted.item_ids, threads)
        else:
            elsewhere = {key for key in open_keys if not key.startswith(keys.NOTEBOOKS)}
            for key in sorted(damaged | elsewhere):
                agenda.add_urgent({"kind": "record", "key": key, "versionId": ""})
            agenda.add_parts(source.plan_shards, list(batched(keys.SHARDS, SHARDS_AT_ONCE, strict=True)), threads)
            for listed in archive.list_documents(keys.RECORDS):
                is_due = wanted.scope == "everything" or period.is_day_of(listed.key)
                if is_due and keys.parse_evidence(listed.key) and listed.key not in damaged | elsewhere:
                    agenda.add_other({"kind": "record", "key": listed.key, "versionId": ""})
        return agenda.write(run, wanted.scope, archive)


class _Agenda:
    """The checks of a plan."""

    def __init__(self, reads: DueReads, others: IO[bytes], compared: ComparedSoFar | None) -> None:
        """`others` is an empty file for the checks that come last. `compared` is None if there is no second place."""
        self._reads, self._others, self._compared = reads, others, compared
        self._urgent: list[Check] = []
        self._totals = ShardPlan()

    def add_urgent(self, check: Check) -> None:
        """Add a check that comes first."""
        self._urgent.append(check)

    def add_other(self, check: Check) -> None:
        """Add a check that comes last."""
        self._others.write(json.dumps(check).encode() + b"\n")

    def add_parts[T](self, plan: Callable[[T], _Part], parts: Iterable[T], threads: int) -> None:
        """Add the checks of all parts of the archive, which are planned in threads, in the order of the parts."""
        with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="shard") as pool:
            for some in batched(parts, threads, strict=False):
                for part in pool.map(plan, some):
                    for planned in part.shards:
                        self._add(planned)
                    if self._compared and part.comparison:
                        self._compared.add(part.comparison)

    def _add(self, planned: ShardPlan) -> None:
        self._urgent += planned.urgent
        for check in planned.candidates:
            self._reads.add(check)
        for _ in range(planned.urgent_versions):
            self._reads.count_version()
        for check in planned.others:
            self.add_other(check)
        totals = self._totals
        self._totals = replace(
            totals,
            versions=totals.versions + planned.versions,
            unrecorded=totals.unrecorded + planned.unrecorded,
            deleted_notebooks=totals.deleted_notebooks + planned.deleted_notebooks,
            deleted_versions=totals.deleted_versions + planned.deleted_versions,
        )

    def write(self, run: RunId, scope: Scope, archive: Archive) -> VerificationPlan:
        """Write the plan and return its summary."""
        lines, oldest_left = self._reads.choose()
        reads: list[Check] = [json.loads(line) for line in lines]
        sizes: list[int] = []

        def make_batches() -> Iterator[Batch]:
            for number, checks in enumerate(self._cut(reads), 1):
                sizes.append(len(checks))
                yield Batch(number=number, part=0, checks=checks)

        if self._compared:
            archive.put_lines(keys.unreplicated_key(run), self._compared.findings)
        written = write_plan(make_batches(), lambda number: keys.verification_plan_key(run, number), archive)
        return {
            "scope": scope,
            "planKey": written.key,
            "batches": written.batches,
            "checks": sum(sizes),
            "versions": self._totals.versions,
            "unrecorded": self._totals.unrecorded,
            "oldestLeft": oldest_left,
            "deletedNotebooks": self._totals.deleted_notebooks,
            "deletedVersions": self._totals.deleted_versions,
            "secondPlace": self._compared.summarize() if self._compared else None,
        }

    def _cut(self, reads: Sequence[Check]) -> Iterator[list[Check]]:
        return cut_into_batches(self._list_checks(reads), BATCH_SIZE)

    def _list_checks(self, reads: Sequence[Check]) -> Iterator[Check]:
        """Yield the urgent checks, the reads and the others. A version that is read need not be compared."""
        yield from self._urgent
        yield from reads
        read = {check["key"] for check in reads}
        self._others.seek(0)
        for line in self._others:
            check: Check = json.loads(line)
            if check["key"] not in read:
                yield check


def _to_ms(start: date) -> int:
    """Return a day or a moment (UTC) in epoch milliseconds."""
    moment = start if isinstance(start, datetime) else datetime(start.year, start.month, start.day, tzinfo=UTC)
    return int(moment.timestamp() * 1000)
