"""Choose the versions of a restore test: each owner at least once a month, and the least proved versions first."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched

from notebook_archive.archive import ArchiveReader, Ledger, LedgerEntry, keys
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.models import ItemId

DAY_MS = 86_400_000
# An owner is tested again after this time. A month is a little longer, so that a test has several chances.
OWNER_DUE_DAYS = 25
# An owner without a test for this time is overdue.
OWNER_OVERDUE_DAYS = 31
# Numbers of versions in one test: at most, and at least if the archive has as many notebooks.
MAX_VERSIONS = 50
MIN_VERSIONS = 5

# How well a version is proved: the time of its last test, its level, the time of its last read, and its key.
type Rank = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class ChosenVersion:
    """A version to restore as a test: its key, its notebook, its name in reports, and its archived owner."""

    key: str
    item_id: ItemId
    resource_key: str
    owner: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The versions of a test, the most urgent first.

    `overdue` are the owners of whom no version passed a test for OWNER_OVERDUE_DAYS.
    """

    versions: list[ChosenVersion]
    overdue: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Notebook:
    """The least proved version of a notebook.

    `tested_at` is the last good test of any of its versions, and `attempted_at` the last test.
    """

    rank: Rank
    tested_at: int
    attempted_at: int
    version: ChosenVersion


def choose_versions(
    ledger: Ledger, reader: ArchiveReader, attempts: Mapping[str, int], account: str, now: int, threads: int
) -> Choice:
    """Return the versions to test now, which is in epoch milliseconds. The same archive gives the same choice.

    `attempts` says when each version was last tested, by key. A version that failed is not proved, but comes after
    those that were not attempted. So versions that always fail do not keep others from being tested.

    A version with an open finding is not tested, because a verification reports it. Neither is a notebook of the test
    account: a run may have archived an item of a test before it was deleted. May raise an ArchiveError.
    """
    notebooks: list[_Notebook] = []
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="choice") as pool:
        for some in batched(keys.SHARDS, threads, strict=False):
            for shard in pool.map(ledger.read_shard, some):
                least = _find_least_proved(shard.entries, attempts, now)
                notebooks += pool.map(lambda found: _add_owner(reader, *found), least)
    others_notebooks = (each for each in notebooks if each.version.owner.casefold() != account.casefold())
    notebooks = sorted(others_notebooks, key=lambda each: each.rank)
    tested: dict[str, int] = {}
    attempted: dict[str, int] = {}
    for each in notebooks:
        owner = each.version.owner
        tested[owner] = max(each.tested_at, tested.get(owner, 0))
        attempted[owner] = max(each.attempted_at, attempted.get(owner, 0))
    due = sorted((attempted[owner], owner) for owner, at in tested.items() if now - at >= OWNER_DUE_DAYS * DAY_MS)
    first: dict[str, _Notebook] = {}
    for each in notebooks:
        first.setdefault(each.version.owner, each)
    chosen = [first[owner] for _, owner in due[:MAX_VERSIONS]]
    others = (each for each in notebooks if each not in chosen)
    chosen += [each for each, _ in zip(others, range(MIN_VERSIONS - len(chosen)), strict=False)]
    overdue = frozenset(owner for owner, at in tested.items() if now - at > OWNER_OVERDUE_DAYS * DAY_MS)
    return Choice([each.version for each in chosen], overdue)


def _find_least_proved(
    entries: Mapping[str, LedgerEntry], attempts: Mapping[str, int], now: int
) -> Iterator[tuple[ItemId, Rank, int, int]]:
    """Yield each notebook of a shard with its least proved version, and the times of its last good and last test.

    A time after `now` is not believed.
    """
    found: dict[ItemId, tuple[Rank, int, int]] = {}
    for key, entry in entries.items():
        described = keys.describe_version(key)
        if described is None or entry.findings:
            continue
        restored_at = entry.restored_at if entry.restored_at <= now else 0
        attempted_at = max(restored_at, attempts.get(key, 0))
        rank = (attempted_at, entry.level, entry.proved_at, key)
        least, last_tested, last_attempted = found.get(described[0], (rank, 0, 0))
        found[described[0]] = min(rank, least), max(restored_at, last_tested), max(attempted_at, last_attempted)
    yield from ((item_id, *each) for item_id, each in found.items())


def _add_owner(reader: ArchiveReader, item_id: ItemId, rank: Rank, tested_at: int, attempted_at: int) -> _Notebook:
    key = rank[-1]
    try:
        owner = reader.read_owner(item_id)
    except ArchiveDamaged:
        owner = ""
    if not owner:
        described = reader.describe_version(key)
        owner = decode_metadata(described.metadata).get("owner", "") if described else ""
    resource_key = key.rpartition("/")[2] if "/snapshots/" in key else f"current/{key.rpartition('/')[2]}"
    return _Notebook(rank, tested_at, attempted_at, ChosenVersion(key, item_id, resource_key, owner))
