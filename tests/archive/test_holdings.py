"""What the archive holds, notebook by notebook; and its documents."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive
from notebook_archive.errors import ArchiveDenied
from notebook_archive.models import ItemId, ResourceKey
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3, contents


def fill(*keys: str) -> None:
    """Put objects there behind the rules' back."""
    backend = s3_backends[ACCOUNT]["aws"]  # a thousand calls through the client would take seconds
    for key in keys:
        backend.put_object(BUCKET, key, b"{}")


def snapshot(item: int, number: int) -> str:
    return f"notebooks/{item:032x}/snapshots/snapshot-{number:032x}.json"


def test_keys_are_grouped_by_notebook_across_pages(archive: Archive, s3: StrictS3) -> None:
    """A group may begin on one page and end on the next."""
    per_item = 350
    fill(*(snapshot(item, number) for item in range(3) for number in range(per_item)), f"notebooks/{1:032x}/item.json")
    holdings = list(archive.holdings())
    assert [holding.item_id for holding in holdings] == [f"{item:032x}" for item in range(3)]
    assert [len(holding.snapshots) for holding in holdings] == [per_item] * 3
    assert [holding.item_written is not None for holding in holdings] == [False, True, False]
    assert all(before < after for before, after in pairwise(holdings[1].snapshots))
    assert s3.counts() == {"ListObjectsV2": 2}, "1,000 keys a call"


def test_what_is_not_ours_is_passed_over(archive: Archive) -> None:
    fill(
        snapshot(1, 1),
        f"notebooks/{1:032x}/snapshots/snapshot-1.json",
        f"notebooks/{1:032x}/snapshots/",
        f"notebooks/{1:032X}/../x",
        "notebooks/readme \x01 &.txt",
        "other/object",
    )
    assert [(h.item_id, len(h.snapshots)) for h in archive.holdings()] == [(f"{1:032x}", 1)]


def test_an_empty_archive_holds_nothing(archive: Archive, s3: StrictS3) -> None:
    assert list(archive.holdings()) == []
    assert archive.holding(ItemId("a" * 32)).snapshots == ()
    assert s3.counts() == {"ListObjectsV2": 2}


def test_one_notebook_is_listed_alone(archive: Archive, s3: StrictS3) -> None:
    fill(snapshot(1, 1), snapshot(2, 2), snapshot(2, 3), f"notebooks/{2:032x}/item.json")
    holding = archive.holding(ItemId(f"{2:032x}"))
    assert holding.snapshots == tuple(ResourceKey(f"snapshot-{number:032x}.json") for number in (2, 3))
    assert holding.item_written is not None
    assert s3.calls == [("ListObjectsV2", f"notebooks/{2:032x}/")]


def test_the_last_note_says_whether_an_item_is_deleted(archive: Archive) -> None:
    item = ItemId(f"{2:032x}")
    fill(snapshot(2, 2), f"notebooks/{item}/deleted.json")
    written = {key: stored.last_modified for key, stored in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.items()}
    objects = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys
    deletion = objects[f"notebooks/{item}/deleted.json"]
    is_deleted = []
    for seconds in (-1, 0, 1):
        deletion.last_modified = written[snapshot(2, 2)] + timedelta(seconds=seconds)
        is_deleted.append(archive.holding(item).is_deleted)
    assert is_deleted == [False, False, True]
    fill(f"notebooks/{item}/item.json")
    objects[f"notebooks/{item}/item.json"].last_modified = deletion.last_modified + timedelta(seconds=1)
    assert not archive.holding(item).is_deleted
    fill(f"notebooks/{3:032x}/deleted.json")
    assert archive.holding(ItemId(f"{3:032x}")).is_deleted


@pytest.mark.parametrize(("kind", "error"), [("403-AccessDenied", ArchiveDenied), ("404-NoSuchBucket", ArchiveDenied)])
def test_a_listing_that_fails_is_named(archive: Archive, s3: StrictS3, kind: str, error: type[Exception]) -> None:
    s3.faults = [Fault("ListObjectsV2", kind, times=None)]
    with pytest.raises(error, match=BUCKET):
        list(archive.holdings())


@pytest.mark.parametrize("document", [{}, {"title": "é 😀 \u2028 \x00", "n": [1.5, None]}, {"title": "\ud800"}])
def test_a_document_is_json_in_utf8(archive: Archive, document: dict[str, Any]) -> None:
    archive.put_document("runs/2026-11-22/one/report.json", document)
    body = archive.get("runs/2026-11-22/one/report.json")
    assert body is not None
    assert json.loads(body) == json.loads(json.dumps(document).replace("\\ud800", "?"))


def test_an_items_properties_are_rewritten_and_tagged(archive: Archive) -> None:
    item = ItemId("a" * 32)
    archive.put_item(item, {"title": "One"})
    archive.put_item(item, {"title": "Two"})
    stored = contents()[f"notebooks/{item}/item.json"]
    assert (json.loads(stored.body), stored.versions) == ({"title": "Two"}, 2)
    assert stored.tags == {"kind": "item", "schema": "1"}


def test_lines_are_one_document_each(archive: Archive) -> None:
    assert archive.put_new_lines("runs/2026-11-22/one/plan.jsonl", [{"a": "x\ny\u2028"}, {"b": "\ud800"}])
    lines = (archive.get("runs/2026-11-22/one/plan.jsonl") or b"").split(b"\n")
    assert [json.loads(line) for line in lines if line] == [{"a": "x\ny\u2028"}, {"b": "?"}]


def test_an_absent_object_is_none_and_a_refused_one_is_not(archive: Archive, s3: StrictS3) -> None:
    assert archive.get("runs/2026-11-22/one/report.json") is None
    s3.faults = [Fault("GetObject", "403-AccessDenied", times=None)]
    with pytest.raises(ArchiveDenied):
        archive.get("runs/2026-11-22/one/report.json")


def test_the_rules_notice_a_missing_owner(s3: StrictS3) -> None:
    """The rules themselves can fail."""
    with pytest.raises(AssertionError):
        s3.client().list_objects_v2(Bucket=BUCKET)
    with pytest.raises(AssertionError):
        s3.client().put_object(
            Bucket=BUCKET, ExpectedBucketOwner=ACCOUNT, Key=snapshot(1, 1), Body=b"{}", ChecksumAlgorithm="SHA256"
        )
    assert len(s3.broken) == 2
    s3.broken.clear()
