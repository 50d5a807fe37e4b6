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

    `overdue` are the owners who were not tested for OWNER_OVERDUE_DAYS and are not tested now.
    """

    versions: list[ChosenVersion]
    overdue: list[str]


@dataclass(frozen=True, slots=True)
class _Notebook:
    """The least proved version of a notebook. `tested_at` is the last test of any of its versions."""

    rank: Rank
    tested_at: int
    version: ChosenVersion


def choose_versions(ledger: Ledger, reader: ArchiveReader, account: str, now: int, threads: int) -> Choice:
    """Return the versions to test now, which is in epoch milliseconds. The same archive gives the same choice.

    A version with an open finding is not tested, because a verification reports it. Neither is a notebook of the test
    account: a run may have archived an item of a test before it was deleted. May raise an ArchiveError.
    """
    notebooks: list[_Notebook] = []
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="choice") as pool:
        for some in batched(keys.SHARDS, threads, strict=False):
            for shard in pool.map(ledger.read_shard, some):
                least = _find_least_proved(shard.entries)
                notebooks += pool.map(lambda found: _add_owner(found[0], found[1], found[2], reader), least)
    notebooks = sorted((each for each in notebooks if each.version.owner != account), key=lambda each: each.rank)
    tested: dict[str, int] = {}
    for each in notebooks:
        owner = each.version.owner
        tested[owner] = max(each.tested_at, tested.get(owner, 0))
    due = sorted((at, owner) for owner, at in tested.items() if now - at >= OWNER_DUE_DAYS * DAY_MS)
    first: dict[str, _Notebook] = {}
    for each in notebooks:
        first.setdefault(each.version.owner, each)
    chosen = [first[owner] for _, owner in due[:MAX_VERSIONS]]
    others = (each for each in notebooks if each not in chosen)
    chosen += [each for each, _ in zip(others, range(MIN_VERSIONS - len(chosen)), strict=False)]
    covered = {each.version.owner for each in chosen}
    overdue = [owner for at, owner in due if now - at > OWNER_OVERDUE_DAYS * DAY_MS and owner not in covered]
    return Choice([each.version for each in chosen], overdue)


def _find_least_proved(entries: Mapping[str, LedgerEntry]) -> Iterator[tuple[ItemId, Rank, int]]:
    """Yield each notebook of a shard with its least proved version and the time of its last test."""
    found: dict[ItemId, tuple[Rank, int]] = {}
    for key, entry in entries.items():
        described = keys.describe_version(key)
        if described is None or entry.findings:
            continue
        rank = (entry.restored_at, entry.level, entry.proved_at, key)
        least, tested_at = found.get(described[0], (rank, 0))
        found[described[0]] = min(rank, least), max(entry.restored_at, tested_at)
    yield from ((item_id, *each) for item_id, each in found.items())


def _add_owner(item_id: ItemId, rank: Rank, tested_at: int, reader: ArchiveReader) -> _Notebook:
    key = rank[-1]
    try:
        owner = reader.read_owner(item_id)
    except ArchiveDamaged:
        owner = ""
    if not owner:
        described = reader.describe_version(key)
        owner = decode_metadata(described.metadata).get("owner", "") if described else ""
    resource_key = key.rpartition("/")[2] if "/snapshots/" in key else f"current/{key.rpartition('/')[2]}"
    return _Notebook(rank, tested_at, ChosenVersion(key, item_id, resource_key, owner))
