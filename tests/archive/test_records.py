"""Test that store records list what was stored, and that a damaged record is reported."""

import hashlib
import json
from datetime import date
from typing import Any

import pytest
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, DamagedEvidence, RunId, StoredByRun, StoreRecord
from notebook_archive.errors import ArchiveDenied
from tests.archive.servers import only_moto
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3

RUN = RunId("2026-11-22/one")
ITEM = "0a" * 16
SNAPSHOT = StoreRecord(f"notebooks/{ITEM}/snapshots/snapshot-{'1' * 32}.json", 12, "a" * 64)
ALTERED = StoreRecord(f"notebooks/{ITEM}/snapshots/snapshot-{'1' * 32}.{'b' * 12}.json", 0, "b" * 64)
COPY = StoreRecord(f"notebooks/{ITEM}/current/1735725600000-{'c' * 12}.ipynb", 5_000_000_000, "c" * 64)
KEY = f"records/{RUN}/{'0' * 12}.json"
LINE = {"key": SNAPSHOT.key, "bytes": 12, "sha256": "a" * 64}


DOCUMENT: dict[str, Any] = {"schema": 1, "runId": RUN, "versions": [LINE]}

DAMAGE: tuple[dict[str, Any], ...] = (
    {"schema": 2},
    {"runId": "2026-11-22/other"},
    {"runId": None},
    {"versions": {}},
    {"versions": None},
    {"versions": [LINE, None]},
    {"versions": [LINE | {"key": "notebooks/x"}]},
    {"versions": [LINE | {"key": f"notebooks/{ITEM}/item.json"}]},
    {"versions": [LINE | {"key": [SNAPSHOT.key]}]},
    {"versions": [LINE | {"bytes": True}]},
    {"versions": [LINE | {"bytes": -1}]},
    {"versions": [LINE | {"bytes": 1.5}]},
    {"versions": [LINE | {"sha256": "A" * 64}]},
    {"versions": [LINE | {"sha256": None}]},
    {"versions": [{"key": SNAPSHOT.key}]},
)


def test_a_record_lists_the_stored_versions(archive: Archive, s3: StrictS3) -> None:
    archive.put_store_record(RUN, [SNAPSHOT, ALTERED, COPY])
    [(key, stored)] = s3.contents("records/").items()
    assert key == f"records/{RUN}/{hashlib.sha256(stored.body).hexdigest()[:12]}.json"
    assert s3.counts() == {"PutObject": 1}
    document = json.loads(stored.body)
    assert (document["schema"], document["runId"]) == (1, RUN)
    assert document["versions"][0] == LINE
    assert list(archive.read_store_records()) == [StoredByRun(key, RUN, (SNAPSHOT, ALTERED, COPY))]


def test_the_same_record_is_written_once(archive: Archive, s3: StrictS3) -> None:
    s3.faults = [Fault("PutObject", "lost-answer")]
    for _ in range(2):
        archive.put_store_record(RUN, [SNAPSHOT])
    archive.put_store_record(RUN, [COPY])
    assert [stored.versions for stored in s3.contents("records/").values()] == [1, 1]


def test_nothing_stored_leaves_no_record(archive: Archive, s3: StrictS3) -> None:
    archive.put_store_record(RUN, [])
    assert s3.calls == []


def test_a_record_that_is_refused_raises(archive: Archive, s3: StrictS3) -> None:
    s3.faults = [Fault("PutObject", "403-AccessDenied")]
    with pytest.raises(ArchiveDenied):
        archive.put_store_record(RUN, [SNAPSHOT])


@only_moto
def test_records_are_listed_from_a_day_on(archive: Archive) -> None:
    runs = [RunId(f"2026-11-{day}/{name}") for day, name in ((20, "z"), (21, "a"), (21, "b"), (22, "a"))]
    for run in runs:
        archive.put_store_record(run, [SNAPSHOT])
    for since, expected in ((None, runs), (date(2026, 11, 21), runs[1:]), (date(2026, 11, 23), [])):
        assert [
            record.run for record in archive.read_store_records(since) if isinstance(record, StoredByRun)
        ] == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"schema":1,"versions":[]}',
        *(json.dumps({**DOCUMENT, **change}).encode() for change in DAMAGE),
    ],
)
def test_a_damaged_record_is_named_with_its_cause(archive: Archive, s3: StrictS3, body: bytes) -> None:
    s3.put(KEY, body=body)
    archive.put_store_record(RunId("2026-11-22/two"), [SNAPSHOT])
    damaged, good = archive.read_store_records()
    assert isinstance(damaged, DamagedEvidence)
    assert damaged.key == KEY
    assert damaged.message.endswith(".")
    assert isinstance(good, StoredByRun)


@only_moto
def test_a_record_with_another_checksum_is_damaged(archive: Archive, s3: StrictS3) -> None:
    archive.put_store_record(RUN, [SNAPSHOT])
    [key] = s3.contents("records/")
    stored: Any = s3_backends[ACCOUNT]["aws"].get_object(BUCKET, key)
    stored.value = stored.value.replace(b"aaaa", b"eeee")
    [damaged] = archive.read_store_records()
    assert isinstance(damaged, DamagedEvidence)
    assert "checksum" in damaged.message


def test_a_record_of_huge_size_is_not_read(archive: Archive, s3: StrictS3) -> None:
    s3.put(KEY, body=b" " * 50_000_001)
    [damaged] = archive.read_store_records()
    assert isinstance(damaged, DamagedEvidence)
    assert "larger than 50000000 bytes" in damaged.message
    assert s3.counts() == {"ListObjectsV2": 1}


def test_other_objects_below_records_are_skipped(archive: Archive, s3: StrictS3) -> None:
    for key in ("records/", "records/readme", f"records/{RUN}/x.json", "records/2026-99-99/a/0123456789ab.json"):
        s3.put(key)
    assert list(archive.read_store_records()) == []


def test_a_record_that_disappears_meanwhile_is_skipped(archive: Archive, s3: StrictS3) -> None:
    archive.put_store_record(RUN, [SNAPSHOT])
    [key] = s3.contents("records/")
    s3.deeds = [("GetObject", key, lambda: s3.empty(BUCKET))]
    assert list(archive.read_store_records()) == []
