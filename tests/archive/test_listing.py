"""Test that listings return the archived objects of each notebook, and that documents are written and read."""

import json
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, ArchivedNotebook, spool_lines
from notebook_archive.archive.bucket import Bucket
from notebook_archive.archive.listing import group_by_notebook
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveDenied, ArchiveUnavailable
from notebook_archive.models import ItemId, ResourceKey, join_digests, split_digests
from tests.archive.servers import only_moto, soak_seaweedfs
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3


def snapshot(item: int, number: int) -> str:
    return f"notebooks/{item:032x}/snapshots/snapshot-{number:032x}.json"


def fill_below_every_digit(s3: StrictS3, seed: int) -> None:
    """Put in notebooks of random sizes whose ids begin with every digit, and keys that belong to no notebook."""
    chance = random.Random(seed)
    keys: list[str] = []
    for digit, count in [*((digit, 3) for digit in range(16)), (chance.randrange(16), 70)]:
        for _ in range(count):
            item = digit * 16**31 + chance.getrandbits(124)
            keys += (snapshot(item, chance.getrandbits(128)) for _ in range(chance.choice((1, 5, 60))))
            keys += chance.choice(([], [f"notebooks/{item:032x}/item.json"], [f"notebooks/{item:032x}/deleted.json"]))
    s3.put(*keys, "notebooks/!", "notebooks/A", "notebooks/aside.txt", "notebooks/g/item.json", "notebooks/~")


@pytest.fixture
def large_archive(s3: StrictS3) -> Archive:
    """Return an archive that lists by prefixes if it has more than 500 keys."""
    return Archive(s3.client(), BUCKET, ACCOUNT, max_keys_in_one_listing=500)


def count_snapshots(notebooks: list[ArchivedNotebook]) -> int:
    return sum(len(split_digests(each.key_digests)) for each in notebooks)


@soak_seaweedfs
def test_keys_are_grouped_by_notebook_across_pages(archive: Archive, s3: StrictS3) -> None:
    """The objects of one notebook may begin on one page and end on the next."""
    per_item = 350
    s3.put(
        *(snapshot(item, number) for item in range(3) for number in range(per_item)), f"notebooks/{1:032x}/item.json"
    )
    notebooks = list(archive.list_notebooks(Deadline(60)))
    assert [notebook.item_id for notebook in notebooks] == [f"{item:032x}" for item in range(3)]
    assert [count_snapshots([notebook]) for notebook in notebooks] == [per_item] * 3
    assert [notebook.item_written is not None for notebook in notebooks] == [False, True, False]
    keys = [ResourceKey(f"snapshot-{number:032x}.json") for number in range(per_item)]
    assert {each.key_digests for each in notebooks} == {join_digests(keys)}
    assert s3.counts() == {"ListObjectsV2": 2}, "1,000 keys a call"


@soak_seaweedfs
@pytest.mark.parametrize("seed", range(3))
def test_listing_by_prefixes_equals_one_listing(large_archive: Archive, s3: StrictS3, seed: int) -> None:
    """One of the prefixes has more than one page, and some keys are outside the sixteen prefixes."""
    fill_below_every_digit(s3, seed)
    expected = list(group_by_notebook(Bucket(s3.client(), BUCKET, ACCOUNT).list_objects("notebooks/")))
    s3.calls.clear()
    assert list(large_archive.list_notebooks(Deadline(60))) == expected
    assert len(expected) == 16 * 3 + 70
    below = Counter(prefix for _, prefix in s3.calls)
    assert set(below) == {"notebooks/", *(f"notebooks/{digit}" for digit in "0123456789abcdef")}
    assert max(below.values()) == 2, "pages of 1,000 keys"


@soak_seaweedfs
def test_one_listing_is_used_up_to_the_maximum(large_archive: Archive, s3: StrictS3) -> None:
    s3.put(*(snapshot(number // 100, number) for number in range(500)))
    assert count_snapshots(list(large_archive.list_notebooks(Deadline(60)))) == 500
    assert s3.calls == [("ListObjectsV2", "notebooks/")]
    s3.put(snapshot(16**31, 1))
    assert count_snapshots(list(large_archive.list_notebooks(Deadline(60)))) == 501
    assert s3.counts() == {"ListObjectsV2": 1 + 1 + 16}


@soak_seaweedfs
@pytest.mark.parametrize(
    ("kind", "error"),
    [("403-AccessDenied", ArchiveDenied), ("page", ArchiveUnavailable), ("timeout", ArchiveUnavailable)],
)
def test_a_failed_prefix_fails_the_whole_listing(
    large_archive: Archive, s3: StrictS3, kind: str, error: type[Exception]
) -> None:
    fill_below_every_digit(s3, 0)
    s3.faults = [Fault("ListObjectsV2", kind, times=None, part="notebooks/c")]
    with pytest.raises(error, match="notebooks/c"):
        list(large_archive.list_notebooks(Deadline(60)))


@soak_seaweedfs
def test_listing_ends_at_the_deadline(archive: Archive, large_archive: Archive, s3: StrictS3) -> None:
    fill_below_every_digit(s3, 0)
    for each, calls in ((archive, 1), (large_archive, 1 + 16)):
        with pytest.raises(ArchiveUnavailable, match="not enough time to list all keys below notebooks/"):
            list(each.list_notebooks(Deadline(0)))
        assert s3.counts()["ListObjectsV2"] <= calls
        s3.calls.clear()


@soak_seaweedfs
def test_call_that_hangs_does_not_hold_up_the_error(large_archive: Archive, s3: StrictS3) -> None:
    fill_below_every_digit(s3, 0)
    released, started = threading.Event(), time.monotonic()
    s3.deeds = [("ListObjectsV2", "notebooks/3", lambda: released.wait(60))]
    try:
        with pytest.raises(ArchiveUnavailable, match="not enough time"):
            list(large_archive.list_notebooks(Deadline(3)))
        assert time.monotonic() - started < 10
    finally:
        released.set()
        for thread in threading.enumerate():
            if thread.name.startswith("list_"):
                thread.join()


@only_moto
def test_other_keys_are_skipped(archive: Archive, s3: StrictS3) -> None:
    s3.put(
        snapshot(1, 1),
        f"notebooks/{1:032x}/snapshots/snapshot-1.json",
        f"notebooks/{1:032x}/snapshots/",
        f"notebooks/{1:032X}/../x",
        "notebooks/readme \x01 &.txt",
        "other/object",
    )
    assert [(each.item_id, len(each.sizes)) for each in archive.list_notebooks(Deadline(60))] == [(f"{1:032x}", 1)]


def test_empty_archive_lists_no_notebooks(archive: Archive, s3: StrictS3) -> None:
    assert list(archive.list_notebooks(Deadline(60))) == []
    assert archive.list_one_notebook(ItemId("a" * 32)).key_digests == ""
    assert s3.counts() == {"ListObjectsV2": 2}


def test_one_notebook_is_listed_alone(archive: Archive, s3: StrictS3) -> None:
    s3.put(snapshot(1, 1), snapshot(2, 2), snapshot(2, 3), f"notebooks/{2:032x}/item.json")
    notebook = archive.list_one_notebook(ItemId(f"{2:032x}"))
    assert notebook.key_digests == join_digests(ResourceKey(f"snapshot-{number:032x}.json") for number in (2, 3))
    assert notebook.item_written is not None
    assert s3.calls == [("ListObjectsV2", f"notebooks/{2:032x}/")]


@only_moto
def test_an_item_is_deleted_if_that_note_is_the_newest(archive: Archive, s3: StrictS3) -> None:
    item = ItemId(f"{2:032x}")
    s3.put(snapshot(2, 2), f"notebooks/{item}/deleted.json")
    written = {key: stored.last_modified for key, stored in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.items()}
    objects = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys
    deletion = objects[f"notebooks/{item}/deleted.json"]
    is_deleted = []
    for seconds in (-1, 0, 1):
        deletion.last_modified = written[snapshot(2, 2)] + timedelta(seconds=seconds)
        is_deleted.append(archive.list_one_notebook(item).is_deleted)
    assert is_deleted == [False, False, True]
    s3.put(f"notebooks/{item}/item.json")
    objects[f"notebooks/{item}/item.json"].last_modified = deletion.last_modified + timedelta(seconds=1)
    assert not archive.list_one_notebook(item).is_deleted
    s3.put(f"notebooks/{3:032x}/deleted.json")
    assert archive.list_one_notebook(ItemId(f"{3:032x}")).is_deleted


@pytest.mark.parametrize(("kind", "error"), [("403-AccessDenied", ArchiveDenied), ("404-NoSuchBucket", ArchiveDenied)])
def test_failed_listing_message_has_the_bucket(
    archive: Archive, s3: StrictS3, kind: str, error: type[Exception]
) -> None:
    s3.faults = [Fault("ListObjectsV2", kind, times=None)]
    with pytest.raises(error, match=BUCKET):
        list(archive.list_notebooks(Deadline(60)))


@pytest.mark.parametrize("document", [{}, {"title": "é 😀 \u2028 \x00", "n": [1.5, None]}, {"title": "\ud800"}])
def test_a_document_is_json_in_utf8(archive: Archive, document: dict[str, Any]) -> None:
    archive.put_document("runs/2026-11-22/one/report.json", document)
    body = archive.read_object("runs/2026-11-22/one/report.json")
    assert body is not None
    assert json.loads(body) == json.loads(json.dumps(document).replace("\\ud800", "?"))


def test_an_items_properties_are_rewritten_and_tagged(archive: Archive, s3: StrictS3) -> None:
    item = ItemId("a" * 32)
    archive.put_item_properties(item, {"title": "One"})
    archive.put_item_properties(item, {"title": "Two"})
    stored = s3.contents()[f"notebooks/{item}/item.json"]
    assert (json.loads(stored.body), stored.versions) == ({"title": "Two"}, 2)
    assert stored.tags == {"kind": "item", "schema": "1"}


def test_lines_are_one_document_each(archive: Archive) -> None:
    with spool_lines([{"a": "x\ny\u2028"}, {"b": "\ud800"}]) as lines:
        assert archive.put_lines_once("runs/2026-11-22/one/plan.jsonl", lines)
    stored = (archive.read_object("runs/2026-11-22/one/plan.jsonl") or b"").split(b"\n")
    assert [json.loads(line) for line in stored if line] == [{"a": "x\ny\u2028"}, {"b": "?"}]


def test_an_absent_object_is_none_and_a_denied_one_raises(archive: Archive, s3: StrictS3) -> None:
    assert archive.read_object("runs/2026-11-22/one/report.json") is None
    s3.faults = [Fault("GetObject", "403-AccessDenied", times=None)]
    with pytest.raises(ArchiveDenied):
        archive.read_object("runs/2026-11-22/one/report.json")


def test_the_strict_client_notices_broken_rules(s3: StrictS3) -> None:
    """A missing bucket owner and a missing checksum are noticed."""
    with pytest.raises(AssertionError):
        s3.client().list_objects_v2(Bucket=BUCKET)
    with pytest.raises(AssertionError):
        s3.client().put_object(
            Bucket=BUCKET, ExpectedBucketOwner=ACCOUNT, Key=snapshot(1, 1), Body=b"{}", ChecksumAlgorithm="SHA256"
        )
    assert len(s3.broken) == 2
    s3.broken.clear()
