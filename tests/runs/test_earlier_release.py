"""Test that this release lists, reads and extends an archive of the last release without protection in its report.

The code of that release wrote the archive in two runs, with copies of the current content and with captures. The file
contains what was stored, and what ArcGIS contained then.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import boto3
import pytest

from local.arcgis import Item, Seed
from local.arcgis.organisation import Snapshot
from notebook_archive.archive import ArchiveReader
from notebook_archive.models import ItemId, ResourceKey
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.plan import Plan
from tests.runs.conftest import SMALL, MakeSite
from tests.runs.scene import archived, body, ours, save
from tests.site import Site, check_archive, check_report
from tests.strict_s3 import ACCOUNT, BUCKET, StoredObject, contents

EARLIER = json.loads(
    (Path(__file__).parents[1] / "archive" / "data" / "earlier_release.json").read_text(encoding="utf-8")
)
PLAN = "runs/2026-11-22/nightly-1/plan.jsonl"
SNAPSHOTS = [each for each in EARLIER["objects"] if "/snapshots/" in each["key"]]


def refill(wanted: Callable[[str], bool] = lambda _: True) -> dict[str, StoredObject]:
    """Put those stored objects that have the given keys into the bucket, and return them."""
    s3 = boto3.client("s3")
    for each in (each for each in EARLIER["objects"] if wanted(each["key"])):
        s3.put_object(
            Bucket=BUCKET,
            Key=each["key"],
            Body=each["body"].encode(),
            ContentType=each["contentType"],
            Metadata=each["metadata"],
            Tagging=urlencode(each["tags"]),
            ChecksumAlgorithm="SHA256",
        )
    return contents()


@pytest.fixture
def continued(make_site: MakeSite) -> Site:
    """Return the site with the settings that the release used."""
    site = make_site(Seed(SMALL, list), archive_current=True, captures=True)
    for item in EARLIER["items"]:
        made = Item(**{**item, "content": item["content"].encode(), "snapshots": []})
        made.snapshots = [Snapshot(**{**each, "content": each["content"].encode()}) for each in item["snapshots"]]
        site.deployment.organisation.add(made)
    return site


def rebuild_plan(lines: list[Batch]) -> Plan:
    """Return what `plan_run` of that release returned."""
    notebooks = sum(len(line["notebooks"]) for line in lines)
    plan = {"scope": "everything", "planKey": PLAN, "batches": len(lines), "notebooks": notebooks, "notices": []}
    return cast("Plan", plan)


def check_kept(before: dict[str, StoredObject]) -> None:
    """Check that no object has changed, except that an item's properties may have a new version."""
    after = contents()
    for key, stored in before.items():
        if not key.endswith("/item.json"):
            assert after[key] == stored


def test_archive_contains_an_object_of_each_kind() -> None:
    keys = [each["key"] for each in EARLIER["objects"]]
    for part in ("/snapshots/", ".ipynb", ".seen", ".captured", "/captures/", "/item.json", "/report.json"):
        assert any(part in key for key in keys)


def test_every_snapshot_is_read_and_verified(continued: Site) -> None:
    refill()
    reader = ArchiveReader(continued.s3.client(), BUCKET, ACCOUNT)
    for each in SNAPSHOTS:
        _, item_id, _, name = each["key"].split("/")
        item, key = ItemId(item_id), ResourceKey(name)
        opened = reader.open(item, key)
        assert opened
        with opened:
            assert opened.owner in {"ana", "ben"}
            found = opened.read(1_000_000)
        assert found.body == each["body"].encode()
        assert found.metadata["snapshot-name"] in {
            "First",
            "Second, 100 %",
            "一",
            "Notebook Archive 2026-11-22/nightly-1",
        }
        assert reader.verify(item, key)
        assert reader.read_owner(item) == found.metadata["owner"]


def test_a_run_archives_nothing_twice(continued: Site) -> None:
    before = refill()
    report = continued.run("next")
    check_report(report)
    assert report["status"] == "complete"
    assert (report["notebooks"]["unchanged"], report["snapshots"]["archived"]) == (2, 0)
    assert report["snapshots"]["unchanged"] == report["snapshots"]["attempted"]
    assert report["protection"]["protected"] == 2
    assert {"snapshots/create", "snapshots/download", "items/data"}.isdisjoint(continued.deployment.requests.counts())
    check_kept(before)
    assert {key for key in contents("notebooks/") if key not in before} == set()


def test_run_adds_new_versions(continued: Site) -> None:
    before = refill()
    item = continued.item("Flood model")
    item.add_snapshot(b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}', "Third")
    report = continued.run("next")
    check_report(report)
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 1)
    check_kept(before)
    check_archive(continued, {key: stored.body for key, stored in before.items()})


def test_an_old_capture_is_replaced_by_a_new_one(continued: Site) -> None:
    """The old capture record must still be understood, because a snapshot without a record is never deleted."""
    before = refill()
    item = continued.item("Flood model")
    (captured,) = ours(item)
    for number in range(continued.slots - len(item.snapshots)):
        item.add_snapshot(body(number), f"Mine {number}")
    persons = {snapshot.resource_key for snapshot in item.snapshots} - {captured.resource_key}
    save(item, 7)
    continued.rotates = True
    continued.start()
    check_report(continued.run("next"))
    (again,) = ours(item)
    assert again.content == body(7)
    assert {snapshot.resource_key for snapshot in item.snapshots} == persons | {again.resource_key}
    assert captured.resource_key in archived()
    check_kept(before)


def test_execution_with_the_same_name_is_another_run(continued: Site) -> None:
    """That release encoded names differently, so this release does not overwrite its objects."""
    before = refill()
    check_report(continued.run("nightly.1"))
    check_kept(before)


def test_this_release_finishes_a_run_of_the_earlier_one(continued: Site) -> None:
    """An update replaces the functions one by one, and a run may be in any state at that time."""
    refill(lambda key: key == PLAN)
    lines = [json.loads(line) for line in contents(PLAN)[PLAN].body.splitlines()]
    assert continued.work("nightly-1", lines[0]) is None
    report = continued.report("nightly-1", rebuild_plan(lines))
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 6)
    check_archive(continued, {each["key"]: each["body"].encode() for each in EARLIER["objects"]})


def test_this_release_reports_earlier_outcomes(continued: Site) -> None:
    refill(lambda key: not key.endswith("/report.json"))
    lines = [json.loads(line) for line in contents(PLAN)[PLAN].body.splitlines()]
    report = continued.report("nightly-1", rebuild_plan(lines))
    assert (report["status"], report["notebooks"]["archived"], report["snapshots"]["archived"]) == ("complete", 2, 6)
