"""Test that the versions of all keys below `notebooks/` are listed once, by shard."""

import pytest

from notebook_archive.archive import Archive, ListedKey, keys
from notebook_archive.archive.bucket import Bucket
from notebook_archive.errors import ArchiveDenied, ArchiveUnavailable
from tests.archive.servers import only_moto, soak_seaweedfs
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, Fault, StrictS3

SNAPSHOT = f"notebooks/{'0a' * 16}/snapshots/snapshot-{'1' * 32}.json"


def list_all(archive: Archive) -> list[ListedKey]:
    return [listed for shard in keys.SHARDS for listed in archive.list_versions(shard)]


@only_moto
def test_every_key_is_listed_once_and_in_order(archive: Archive, s3: StrictS3) -> None:
    """Also keys that are not the archive's, and keys that equal the bounds of the ranges."""
    names = [
        SNAPSHOT,
        *(f"notebooks/{shard}" for shard in keys.SHARDS[::16]),
        *(f"notebooks/{shard}{'f' * 30}/item.json" for shard in keys.SHARDS[::16]),
        *(
            f"notebooks/{odd}"
            for odd in ("", "/", "0", "R", "READ ME.txt", "a", "é😀", "zz", "\x7f", "+ %20&<", "ff/../x")
        ),
    ]
    s3.put(*names, "notebooks", "other/object", "notebookz/x")
    assert [listed.key for listed in list_all(archive)] == sorted(names)


def test_versions_and_delete_markers_are_listed_together(archive: Archive, s3: StrictS3) -> None:
    client = s3.plain_client()
    written = [client.put_object(Bucket=BUCKET, Key=SNAPSHOT, Body=b"{}" * count)["VersionId"] for count in (1, 2)]
    written.append(client.delete_object(Bucket=BUCKET, Key=SNAPSHOT)["VersionId"])
    [listed] = archive.list_versions("0a")
    assert [version.version_id for version in listed.versions] == written[::-1]
    assert [(each.size, each.is_marker, each.is_latest) for each in listed.versions] == [
        (0, True, True),
        (4, False, False),
        (2, False, False),
    ]
    assert listed.current is None
    assert listed.versions[1].etag.startswith('"')
    client.put_object(Bucket=BUCKET, Key=SNAPSHOT, Body=b"{}{}{}")
    [listed] = archive.list_versions("0a")
    assert listed.current is not None
    assert (listed.current.size, len(listed.versions)) == (6, 4)


@soak_seaweedfs
def test_the_versions_of_a_key_may_span_pages(archive: Archive, s3: StrictS3) -> None:
    s3.put(
        *(f"notebooks/0a/{number:04}" for number in range(990)), *[SNAPSHOT] * 25, f"notebooks/{'0b' * 16}/item.json"
    )
    listed = list(archive.list_versions("0a"))
    assert [len(each.versions) for each in listed] == [*[1] * 990, 25]
    assert s3.counts() == {"ListObjectVersions": 2}
    assert len({version.version_id for version in listed[-1].versions}) == 25


@soak_seaweedfs
def test_a_shard_is_not_listed_beyond_its_last_key(archive: Archive, s3: StrictS3) -> None:
    s3.put(SNAPSHOT, *(f"notebooks/0b/{number:04}" for number in range(2500)))
    assert [listed.key for listed in archive.list_versions("0a")] == [SNAPSHOT]
    assert s3.counts() == {"ListObjectVersions": 1}


@pytest.mark.parametrize(
    ("kind", "error"), [("403-AccessDenied", ArchiveDenied), ("500-InternalError", ArchiveUnavailable)]
)
def test_a_failed_listing_of_versions_names_the_bucket(
    archive: Archive, s3: StrictS3, kind: str, error: type[Exception]
) -> None:
    s3.faults = [Fault("ListObjectVersions", kind, times=None)]
    with pytest.raises(error, match=BUCKET):
        list(archive.list_versions("0a"))


def test_a_bucket_without_versioning_has_null_versions(s3: StrictS3) -> None:
    s3.make_ledger_bucket()
    s3.put("a/b", bucket=LEDGER_BUCKET)
    [listed] = Bucket(s3.plain_client(), LEDGER_BUCKET, ACCOUNT).list_versions("a/", "", "")
    assert listed.current is not None
    assert (listed.key, listed.current.version_id, listed.current.is_latest) == ("a/b", "null", True)


@pytest.mark.parametrize("kind", ["page", "empty"])
def test_a_listing_of_versions_by_a_proxy_is_refused(archive: Archive, s3: StrictS3, kind: str) -> None:
    s3.faults = [Fault("ListObjectVersions", kind, times=None)]
    with pytest.raises(ArchiveUnavailable):
        list(archive.list_versions("0a"))
