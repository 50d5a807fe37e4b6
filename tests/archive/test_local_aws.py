"""Test the listing of versions and the ledger against MiniStack too, because moto's listing is replaced by our own."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.aws import LocalAws
from notebook_archive.archive import Archive, Ledger, RunId, StoreRecord, fold, keys

pytestmark = pytest.mark.local
ACCOUNT = "000000000000"
SNAPSHOT = f"notebooks/{'0a' * 16}/snapshots/snapshot-{'1' * 32}.json"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as local:
        for name in ("archive", "ledger"):
            local.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        local.s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        yield local


def test_versions_of_all_keys_are_listed_in_ranges(aws: LocalAws) -> None:
    archive = Archive(aws.s3, "archive", ACCOUNT)
    names = [f"notebooks/{odd}" for odd in ("", "0", "01", "01/x", "R", "é", "zz")] + [SNAPSHOT] * 2
    for name in names:
        aws.s3.put_object(Bucket="archive", Key=name, Body=b"{}")
    aws.s3.delete_object(Bucket="archive", Key=SNAPSHOT)
    listed = [each for shard in keys.SHARDS for each in archive.list_versions(shard)]
    assert [each.key for each in listed] == sorted(set(names))
    [snapshot] = [each for each in listed if each.key == SNAPSHOT]
    assert [(each.is_marker, each.is_latest, each.size) for each in snapshot.versions] == [
        (True, True, 0),
        (False, False, 2),
        (False, False, 2),
    ]


def test_the_versions_of_a_key_span_pages(aws: LocalAws) -> None:
    archive = Archive(aws.s3, "archive", ACCOUNT)
    key = f"notebooks/{'0c' * 16}/item.json"
    for _ in range(1010):
        aws.s3.put_object(Bucket="archive", Key=key, Body=b"{}")
    [listed] = archive.list_versions("0c")
    assert len({version.version_id for version in listed.versions}) == 1010
    assert [version.is_latest for version in listed.versions[:2]] == [True, False]


def test_the_ledger_is_folded_and_folded_again(aws: LocalAws) -> None:
    archive, ledger = Archive(aws.s3, "archive", ACCOUNT), Ledger(aws.s3, "ledger", ACCOUNT)
    now = datetime.now(UTC)
    run = RunId.from_execution("one", now.isoformat())
    archive.put_store_record(run, [StoreRecord(SNAPSHOT, 2, "a" * 64)])
    for documents in (1, 1):
        result = fold(archive, ledger, now.date(), threads=4)
        assert (result.versions, result.documents) == (1, documents)
    assert ledger.read_shard("0a").entries[SNAPSHOT].run == run
