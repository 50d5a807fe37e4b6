"""Test that the ledger is the same however its evidence comes, and that a ledger that was lost is made again."""

import functools
import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, Ledger, LedgerEntry, RunId, Shard, StoreRecord, fold
from notebook_archive.errors import ArchiveDamaged, ArchiveDenied
from tests.archive.servers import only_moto, soak_seaweedfs
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, Fault, StrictS3

DAY = date(2026, 11, 22)
KEY = f"notebooks/{'0a' * 16}/snapshots/snapshot-{'1' * 32}.json"
OTHER = f"notebooks/{'ff' * 16}/current/1735725600000-{'c' * 12}.ipynb"
SHA, SHA_2 = "a" * 64, "b" * 64


@pytest.fixture
def ledger(s3: StrictS3) -> Ledger:
    s3.make_ledger_bucket()
    return Ledger(s3.client(), LEDGER_BUCKET, ACCOUNT)


def put_evidence(s3: StrictS3, kind: str, run: str, *lines: dict[str, Any], **fields: Any) -> str:
    """Write a document of evidence, and return its key."""
    names = {"records": "0123456789ab", "verifications": "results/000001", "restore-tests": "results"}
    key = f"{kind}/{run}/{names[kind]}.json"
    body = json.dumps({"schema": 1, "runId": run, "versions": lines, **fields}).encode()
    s3.put(key, body=body)
    return key


def record(key: str = KEY, sha256: str = SHA) -> dict[str, Any]:
    return {"key": key, "bytes": 12, "sha256": sha256}


def proof(at: int, **fields: Any) -> dict[str, Any]:
    return {**record(), "level": 3, "provedAt": at, "seconds": 0.5, "valid": True, **fields}


def set_written(key: str, day: date) -> None:
    """Let S3 report that an object was written on this day."""
    stored: Any = s3_backends[ACCOUNT]["aws"].get_object(BUCKET, key)
    stored.last_modified = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


# ---------------------------------------------------------------- entries

TIMES = st.integers(0, 3)
ENTRIES = st.builds(
    LedgerEntry.parse_evidence,
    st.fixed_dictionaries(
        {"key": st.just(KEY)},
        optional={
            "bytes": TIMES,
            "sha256": st.sampled_from(["", SHA, SHA_2]),
            "level": st.integers(0, 5),
            "provedAt": TIMES,
            "seconds": st.sampled_from([0.0, 1, 2.5]),
            "valid": st.sampled_from([None, True, False]),
            "headedAt": TIMES,
            "restoredAt": TIMES,
            "restoreSeconds": st.sampled_from([0.0, 1, 2.5]),
            "finding": st.lists(st.sampled_from(["1" * 12, "2" * 12]), max_size=2),
            "findingAt": TIMES,
        },
    ),
    st.sampled_from(["2026-11-21/z", "2026-11-22/a", "2026-11-22/b"]),
)


def merge_all(entries: list[LedgerEntry]) -> LedgerEntry:
    return functools.reduce(LedgerEntry.merge, entries, entries[0])


@given(st.lists(ENTRIES, min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(1, 7))
def test_evidence_in_any_order_gives_the_same_entry(entries: list[LedgerEntry], order: random.Random, cut: int) -> None:
    """Also if it comes twice, or is first merged in groups, as two writers do."""
    expected = merge_all(entries)
    shuffled = [*entries, *order.sample(entries, len(entries) // 2)]
    order.shuffle(shuffled)
    assert merge_all(shuffled) == expected
    groups = [group for group in (shuffled[:cut], shuffled[cut:]) if group]
    assert merge_all([merge_all(group) for group in groups]) == expected
    assert expected.merge(expected) == expected


@given(ENTRIES)
def test_an_entry_survives_its_line(entry: LedgerEntry) -> None:
    body = msgspec.json.encode(entry)
    assert msgspec.json.decode(body, type=LedgerEntry) == entry
    assert all(value or name == "valid" for name, value in json.loads(body).items()), "empty fields are left out"


def test_an_entry_keeps_the_best_and_the_latest() -> None:
    entries = [
        LedgerEntry(KEY, 12, SHA, "2026-11-20/v", is_unrecorded=True, proved_at=5, seconds=1.0, level=3),
        LedgerEntry(KEY, 12, SHA_2, "2026-11-22/late"),
        LedgerEntry(KEY, 12, SHA, "2026-11-21/first"),
        LedgerEntry(KEY, level=5, restored_at=7, restore_seconds=4.0),
        LedgerEntry(
            KEY,
            12,
            SHA,
            "2026-11-23/v",
            is_unrecorded=True,
            proved_at=9,
            proved_by="2026-11-23/v",
            seconds=2.0,
            level=2,
        ),
    ]
    assert merge_all(entries) == LedgerEntry(
        KEY,
        12,
        SHA,
        "2026-11-21/first",
        level=5,
        proved_at=9,
        proved_by="2026-11-23/v",
        seconds=2.0,
        restored_at=7,
        restore_seconds=4.0,
    )


def test_a_later_good_read_closes_findings() -> None:
    found = LedgerEntry(KEY, findings=("1" * 12,), finding_at=5)
    for proved_at, findings in ((4, ("1" * 12,)), (5, ()), (6, ())):
        entry = found.merge(LedgerEntry(KEY, proved_at=proved_at))
        assert entry.findings == findings
        assert (entry.finding_at > 0) == bool(findings)
    headed = found.merge(LedgerEntry(KEY, headed_at=9))
    assert headed.findings, "a comparison by HEAD does not prove the bytes"


# ---------------------------------------------------------------- folding


def test_a_record_and_proofs_become_one_entry(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    archive.put_store_record(RunId("2026-11-22/run"), [StoreRecord(KEY, 12, SHA), StoreRecord(OTHER, 3, SHA_2)])
    put_evidence(
        s3, "verifications", "2026-11-22/night", proof(5), {"key": OTHER, "finding": ["1" * 12], "findingAt": 6}
    )
    put_evidence(
        s3, "restore-tests", "2026-11-22/test", {"key": KEY, "level": 5, "restoredAt": 7, "restoreSeconds": 1.5}
    )
    result = fold(archive, ledger, DAY, threads=4)
    assert (result.versions, result.documents, result.damaged) == (2, 3, ())
    first = ledger.read_shard("0a")
    assert first.folded_through == DAY
    assert [json.loads(line) for line in s3.read_ledger()["ledger/0a.jsonl"].splitlines()[1:]] == [
        {
            "key": KEY,
            "bytes": 12,
            "sha256": SHA,
            "run": "2026-11-22/run",
            "level": 5,
            "provedAt": 5,
            "provedBy": "2026-11-22/night",
            "seconds": 0.5,
            "restoredAt": 7,
            "restoreSeconds": 1.5,
            "valid": True,
        }
    ]
    [other] = ledger.read_shard("ff").entries.values()
    assert (other.findings, other.is_unrecorded, other.proved_at) == (("1" * 12,), False, 0)
    assert s3.read_ledger().keys() == {"ledger/0a.jsonl", "ledger/ff.jsonl", "ledger/empty.json"}
    empty = ledger.read_empty()
    assert (empty.folded_through, len(empty.shards)) == (DAY, 254)


def test_a_version_without_a_record_keeps_its_first_proof(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "verifications", "2026-11-21/b", proof(9))
    put_evidence(s3, "verifications", "2026-11-21/a", proof(5))
    fold(archive, ledger, DAY, threads=4)
    [entry] = ledger.read_shard("0a").entries.values()
    assert (entry.run, entry.is_unrecorded, entry.proved_by) == ("2026-11-21/a", True, "2026-11-21/b")


def test_folding_again_changes_and_writes_nothing(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", "2026-11-22/run", record())
    fold(archive, ledger, DAY, threads=4)
    before = s3.read_ledger()
    s3.calls.clear()
    assert fold(archive, ledger, DAY, threads=4).versions == 1
    assert s3.read_ledger() == before
    assert s3.counts()["PutObject"] == 0


@soak_seaweedfs
def test_a_ledger_folded_nightly_equals_a_rebuilt_one(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    rng = random.Random(7)
    versions = [f"notebooks/{rng.randrange(16**32):032x}/snapshots/snapshot-{n:032x}.json" for n in range(40)]
    for night in range(4):
        day = DAY + timedelta(days=night)
        put_evidence(s3, "records", f"{day}/run", *(record(key) for key in versions[night * 10 : night * 10 + 10]))
        lines = [proof(1000 * night + n, key=key) for n, key in enumerate(rng.sample(versions, 15))]
        found = {"key": rng.choice(versions), "finding": ["1" * 12], "findingAt": 1000 * night + 500}
        put_evidence(s3, "verifications", f"{day}/night", *lines, found)
        put_evidence(s3, "restore-tests", f"{day}/test", {"key": versions[night], "level": 5, "restoredAt": night + 1})
        assert fold(archive, ledger, day, threads=4).versions <= 40
    nightly = s3.read_ledger()
    s3.empty(LEDGER_BUCKET)
    fold(archive, ledger, day, threads=4)
    assert s3.read_ledger() == nightly
    count = sum(body.count(b"\n") for body in nightly.values())
    assert count == 40 + len(nightly) - 1, "one for each version and for the head of each shard that is not empty"


@only_moto
def test_old_evidence_is_not_read_again(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    old = put_evidence(s3, "records", "2026-10-01/run", record())
    set_written(old, date(2026, 10, 1))
    fold(archive, ledger, DAY, threads=4)
    assert fold(archive, ledger, DAY + timedelta(days=1), threads=4).documents == 0
    assert len(ledger.read_shard("0a").entries) == 1


def test_late_evidence_of_an_old_run_is_found(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    """An execution may take a week, and may be redriven two weeks after it failed."""
    fold(archive, ledger, DAY, threads=4)
    put_evidence(s3, "records", str(DAY - timedelta(days=22)) + "/run", record())
    assert fold(archive, ledger, DAY + timedelta(days=1), threads=4).documents == 1
    assert len(ledger.read_shard("0a").entries) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON\n",
        b"[]\n",
        b'{"schema":9,"foldedThrough":"2026-11-22"}\n',
        b'{"schema":1,"foldedThrough":"soon"}\n',
        b'{"schema":1,"foldedThrough":"2026-11-22"}\n{"bytes":1}\n',
        b'{"schema":1,"foldedThrough":"2026-11-22"}\n{"key":"x","level":"high"}\n',
    ],
)
def test_a_damaged_shard_is_read_as_a_new_one(ledger: Ledger, s3: StrictS3, body: bytes) -> None:
    s3.put("ledger/0a.jsonl", body=body, bucket=LEDGER_BUCKET)
    assert ledger.read_shard("0a") == Shard()


def test_entry_is_found_by_its_key(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", f"{DAY}/run", record())
    fold(archive, ledger, DAY, threads=4)
    assert ledger.find_entry(KEY) == LedgerEntry(KEY, 12, SHA, f"{DAY}/run")
    assert [ledger.find_entry(key) for key in (f"{KEY[:-5]}.altered", OTHER)] == [None, None]


def test_entry_in_a_damaged_shard_is_an_error(ledger: Ledger, s3: StrictS3) -> None:
    s3.put("ledger/0a.jsonl", body=b"no JSON\n", bucket=LEDGER_BUCKET)
    with pytest.raises(ArchiveDamaged, match=r"ledger/0a\.jsonl is not a shard of the ledger"):
        ledger.find_entry(KEY)


@only_moto
@pytest.mark.parametrize("name", ["0a.jsonl", "empty.json"])
def test_a_lost_shard_is_made_again(archive: Archive, ledger: Ledger, s3: StrictS3, name: str) -> None:
    set_written(put_evidence(s3, "records", "2026-10-01/run", record(), record(OTHER)), date(2026, 10, 1))
    fold(archive, ledger, DAY, threads=4)
    before = s3.read_ledger()
    s3.plain_client().delete_object(Bucket=LEDGER_BUCKET, Key=f"ledger/{name}")
    fold(archive, ledger, DAY, threads=4)
    assert s3.read_ledger() == before


def test_a_restored_older_shard_is_completed(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", f"{DAY}/run", record())
    fold(archive, ledger, DAY, threads=4)
    older = s3.read_ledger()["ledger/0a.jsonl"]
    tomorrow = DAY + timedelta(days=1)
    put_evidence(s3, "verifications", f"{tomorrow}/night", proof(5))
    fold(archive, ledger, tomorrow, threads=4)
    newer = s3.read_ledger()
    s3.put("ledger/0a.jsonl", body=older, bucket=LEDGER_BUCKET)
    fold(archive, ledger, tomorrow, threads=4)
    assert s3.read_ledger() == newer


def test_writers_that_race_lose_nothing(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    """The slower writer overwrites what the faster one wrote. Its own day says from where the next fold continues."""
    put_evidence(s3, "records", f"{DAY}/run", record())
    tomorrow = DAY + timedelta(days=1)

    def overtake() -> None:
        put_evidence(s3, "verifications", f"{tomorrow}/night", proof(5))
        fold(archive, ledger, tomorrow, threads=1)
        assert ledger.read_shard("0a").entries[KEY].proved_at == 5

    s3.deeds = [("PutObject", "ledger/0a", overtake)]
    fold(archive, ledger, DAY, threads=1)
    assert ledger.read_shard("0a").entries[KEY].proved_at == 0, "overwritten"
    fold(archive, ledger, tomorrow, threads=1)
    assert ledger.read_shard("0a").entries[KEY].proved_at == 5


@only_moto
def test_a_ledger_emptied_during_a_fold_is_made_again(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    set_written(put_evidence(s3, "records", "2026-10-01/run", record()), date(2026, 10, 1))
    fold(archive, ledger, DAY, threads=1)
    put_evidence(s3, "verifications", f"{DAY}/night", proof(5))
    s3.deeds = [("GetObject", "verifications/", lambda: s3.empty(LEDGER_BUCKET))]
    fold(archive, ledger, DAY, threads=1)
    assert ledger.read_shard("0a").folded_through == DAY
    [entry] = ledger.read_shard("0a").entries.values()
    assert (entry.run, entry.proved_at) == ("2026-10-01/run", 5)


@only_moto
def test_an_interrupted_fold_is_continued(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    """With more evidence than fits into memory, the shards are written on the way."""
    days = [date(2026, 9, 1) + timedelta(days=3 * number) for number in range(3)]
    for day in days:
        lines = [record(f"notebooks/0a{n:030x}/snapshots/snapshot-{day:%m%d}{n:028x}.json") for n in range(60)]
        set_written(put_evidence(s3, "records", f"{day}/run", *lines), day)
    s3.faults = [Fault("GetObject", "403-AccessDenied", times=None, part=f"records/{days[2]}")]
    with pytest.raises(ArchiveDenied):
        fold(archive, ledger, DAY, threads=1, documents_at_once=1, max_pending=50)
    assert ledger.read_shard("0a").folded_through == days[1]
    s3.faults.clear()
    s3.calls.clear()
    assert fold(archive, ledger, DAY, threads=1).versions == 180
    assert ("GetObject", f"records/{days[0]}/run/0123456789ab.json") not in s3.calls
    interrupted = s3.read_ledger()
    s3.empty(LEDGER_BUCKET)
    fold(archive, ledger, DAY, threads=1)
    assert s3.read_ledger() == interrupted


def test_damaged_evidence_is_skipped_and_named(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", f"{DAY}/good", record())
    damaged = [
        put_evidence(s3, "records", f"{DAY}/bad", record(), {"key": OTHER}),
        put_evidence(s3, "verifications", f"{DAY}/other", proof(5), runId="2026-11-22/else"),
        *(
            put_evidence(s3, "verifications", f"{DAY}/{number}", line)
            for number, line in enumerate(
                (
                    proof(5, level="high"),
                    proof(5, level=True),
                    proof(5, level=-1),
                    proof(5, seconds=float("nan")),
                    proof(5, seconds=10**400),
                    proof(5, valid="yes"),
                    proof(5, sha256="x"),
                    proof(5, finding="1" * 12),
                    proof(5, finding=[1]),
                    {"key": "notebooks/x"},
                )
            )
        ),
        put_evidence(s3, "restore-tests", f"{DAY}/bad", record(), schema=9),
    ]
    result = fold(archive, ledger, DAY, threads=4)
    assert sorted(each.key for each in result.damaged) == sorted(damaged)
    assert all(each.message for each in result.damaged)
    [entry] = ledger.read_shard("0a").entries.values()
    assert (entry.run, entry.proved_at) == (f"{DAY}/good", 0)
    assert result.versions == 1


def test_other_objects_of_verifications_are_no_evidence(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    for key in ("run.json", "plan.jsonl", "report.json", "results/", "results/a/b.json"):
        s3.put(f"verifications/{DAY}/night/{key}")
    assert fold(archive, ledger, DAY, threads=4).documents == 0


def test_an_archive_that_cannot_be_read_is_no_empty_ledger(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", f"{DAY}/run", record())
    for operation, part in (("ListObjectsV2", "records/"), ("GetObject", "records/"), ("GetObject", "ledger/")):
        s3.faults = [Fault(operation, "403-AccessDenied", times=None, part=part)]
        with pytest.raises(ArchiveDenied):
            fold(archive, ledger, DAY, threads=4)
        assert not any(ledger_body.count(b"\n") > 1 for ledger_body in s3.read_ledger().values())


def test_the_archives_bucket_holds_nothing_of_the_ledger(archive: Archive, ledger: Ledger, s3: StrictS3) -> None:
    put_evidence(s3, "records", f"{DAY}/run", record())
    fold(archive, ledger, DAY, threads=4)
    assert list(s3.contents()) == [f"records/{DAY}/run/0123456789ab.json"]
