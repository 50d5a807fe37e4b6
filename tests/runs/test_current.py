"""Test that the current content of notebooks is archived: what it costs, and what may go wrong."""

import hashlib
import time
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item
from notebook_archive.arcgis.retries import MAX_ATTEMPTS
from notebook_archive.backup.planned import SETTLED_MS
from notebook_archive.backup.records import UNPROTECTED
from tests.runs.conftest import MakeSite, small_seed
from tests.site import Site, check_report, stored_snapshots
from tests.strict_s3 import ACCOUNT, BUCKET, COPIES, contents

LONG_AGO = 1_735_725_600_000
BODY = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":%d}'


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """Return a site with two notebooks, one for each route, and three snapshots. All were changed long ago."""
    site = make_site(small_seed(), archive_current=True)
    for number, item in enumerate(notebooks(site)):
        item.content, item.modified = BODY % (100 + number), LONG_AGO + number
    return site


def notebooks(site: Site) -> list[Item]:
    return list(site.deployment.organisation.notebooks())


def key_of(item: Item, modified: int | None = None) -> str:
    assert isinstance(item.content, bytes)
    digest = hashlib.sha256(item.content).hexdigest()
    return f"notebooks/{item.id}/current/{modified or item.modified:013d}-{digest[:12]}.ipynb"


def copies() -> dict[str, bytes]:
    return {key: stored.body for key, stored in contents("notebooks/").items() if COPIES.fullmatch(key)}


def sightings() -> list[str]:
    return [key for key in contents("notebooks/") if key.endswith(".seen")]


def save(item: Item, content: bytes, modified: int) -> None:
    item.content, item.modified = content, modified


def calls(site: Site, operation: str) -> int:
    return site.deployment.requests.counts()[operation]


def test_a_run_archives_the_content_too(site: Site) -> None:
    report = site.run()
    assert copies() == {key_of(item): item.content for item in notebooks(site)}
    assert stored_snapshots() == site.sources()
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 5)
    check_report(report)
    assert calls(site, "items/data") == 2


def test_content_is_not_fetched_without_archive_current(make_site: MakeSite) -> None:
    site = make_site(small_seed())
    report = site.run()
    assert (copies(), calls(site, "items/data"), report["snapshots"]["archived"]) == ({}, 0, 3)
    assert not any("/current/" in key for key in contents("notebooks/"))


def test_copy_has_metadata_and_tags(site: Site) -> None:
    site.run()
    item = site.item("First")
    stored = contents(key_of(item))[key_of(item)]
    noted = {name: unquote(value) for name, value in stored.metadata.items()}
    assert noted.pop("source-host")
    assert noted.pop("sha256") == hashlib.sha256(BODY % 100).hexdigest()
    assert noted == {
        "item-id": item.id,
        "modified": "2025-01-01T10:00:00.000Z",
        "title": "First",
        "owner": "ana",
        "route": "notebook-server",
        "run-id": "2026-11-22/one",
        "nbformat": "4.100",
        "cells": "0",
    }
    assert stored.tags == {"owner": "ana", "kind": "current", "schema": "1"}


def test_an_unchanged_notebook_costs_nothing(site: Site) -> None:
    site.run("one")
    before = contents("notebooks/")
    plan = site.plan("two")
    site.s3.calls.clear()
    site.deployment.requests.clear()
    for batch in site.batches(plan):
        site.work("two", batch)
    assert site.deployment.requests.counts() == {"snapshots/list": 1, "items/resources": 1}
    assert site.s3.counts() == {"PutObject": 1}, "the outcome"
    report = site.report("two", plan)
    assert report["snapshots"]["unchanged"] == 5
    assert contents("notebooks/") == before


def test_changed_content_keeps_the_earlier_copy(site: Site) -> None:
    site.run("one")
    item = site.item("First")
    earlier = key_of(item)
    save(item, BODY % 200, LONG_AGO + 500)
    report = site.run("two")
    assert set(copies()) == {earlier, key_of(item), key_of(site.item("Second"))}
    assert (report["snapshots"]["archived"], report["snapshots"]["unchanged"]) == (1, 4)
    save(item, BODY % 100, LONG_AGO + 900)
    site.run("three")
    assert len(copies()) == 4, "content that comes back is a new version"


def test_content_is_checked_once_if_only_modified_changes(site: Site) -> None:
    site.run("one")
    item = site.item("First")
    item.modified += 500
    report = site.run("two")
    assert (report["snapshots"]["archived"], report["snapshots"]["unchanged"]) == (0, 5)
    assert len(copies()) == 2
    assert sightings() == [key_of(item).replace(".ipynb", ".seen")]
    assert calls(site, "items/data") == 3
    site.run("three")
    assert calls(site, "items/data") == 3


def test_a_copy_taken_soon_after_a_change_is_checked_again(site: Site) -> None:
    """A portal may show the new time before the new content."""
    item, now = site.item("First"), int(time.time() * 1000)
    stale, item.modified = item.content, now
    site.run("one")
    item.content = BODY % 300
    fresh = site.run("two")
    assert fresh["snapshots"]["archived"] == 1
    assert {body for key, body in copies().items() if item.id in key} == {stale, item.content}
    assert sightings() == []
    # Ten minutes later, by the clocks of S3 and the portal.
    written = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[key_of(item)]
    written.last_modified = datetime.fromtimestamp((now + SETTLED_MS) / 1000 + 1, UTC).replace(tzinfo=None)
    before = calls(site, "items/data")
    site.run("three")
    assert calls(site, "items/data") == before


def test_change_after_the_plan_is_archived(site: Site) -> None:
    """A search index may lag behind as well."""
    item = site.item("First")
    plan = site.plan("one")
    save(item, BODY % 200, LONG_AGO + 500)
    for batch in site.batches(plan):
        site.work("one", batch)
    assert copies()[key_of(item, LONG_AGO)] == item.content
    site.run("two")
    assert sightings() == [key_of(item).replace(".ipynb", ".seen")]
    save(item, BODY % 300, LONG_AGO + 900)
    site.run("three")
    assert copies()[key_of(item)] == item.content


def test_removed_copy_is_made_again(site: Site) -> None:
    """A delete marker hides the copy, so neither the listing nor the plan contains it."""
    site.run("one")
    item = site.item("First")
    plan = site.plan("two")
    item.modified += 500
    later = site.plan("three")
    del s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[key_of(item, LONG_AGO)]
    for name, each in (("two", plan), ("three", later)):
        for batch in site.batches(each):
            site.work(name, batch)
    assert key_of(item) in copies()


def test_content_of_a_restored_portal_is_not_archived_twice(site: Site) -> None:
    site.run("one")
    item = site.item("First")
    save(item, BODY % 200, LONG_AGO + 500)
    site.run("two")
    save(item, BODY % 100, LONG_AGO)
    for name in ("three", "four", "five"):
        report = site.run(name)
    assert report["status"] == "complete"
    assert len([key for key in copies() if item.id in key]) == 2, "that version was there already"


@pytest.mark.parametrize("modified", [0, -5, 10**15])
def test_invalid_time_costs_one_fetch_in_each_run(site: Site, modified: int) -> None:
    item = site.item("First")
    item.modified = modified
    site.run("one")
    report = site.run("two")
    assert report["snapshots"]["unchanged"] == 5
    assert key_of(item, 0).replace(f"{modified:013d}", "0" * 13) in copies() or modified
    assert calls(site, "items/data") == 3


def test_invalid_content_fails_and_snapshots_are_archived(site: Site) -> None:
    item = site.item("First")
    save(item, b'{"cells":[],"nbformat"', LONG_AGO + 500)
    report = site.run()
    assert list(copies()) == [key_of(site.item("Second"))]
    assert stored_snapshots() == site.sources()
    assert report["snapshots"]["failed"] == {"not-a-notebook": 1}
    assert (report["status"], [entry["title"] for entry in report["failed"]]) == ("partial", ["First"])
    check_report(report)


@pytest.mark.parametrize("kind", ["http-503", "shape-a", "shape-e", "cut-body", "length-too-short", "http-403"])
def test_snapshots_are_archived_if_content_is_unreadable(site: Site, kind: str) -> None:
    item = site.item("First")
    site.deployment.faults.add("items/data", kind, item_id=item.id, times=None)
    report = site.run()
    assert stored_snapshots() == site.sources()
    assert key_of(item) not in copies()
    assert [entry["title"] for entry in report["failed"]] == ["First"]
    assert sum(report["snapshots"]["failed"].values()) == 1
    check_report(report)
    site.deployment.faults.clear()
    assert site.run("two")["status"] == "complete"
    assert copies().keys() == {key_of(each) for each in notebooks(site)}


def test_a_notebook_without_content_is_skipped_and_not_retried(site: Site) -> None:
    item = site.item("First")
    item.content = b""
    for name in ("one", "two"):
        report = site.run(name)
        assert (report["status"], report["snapshots"]["skipped"]) == ("complete", {"no-content": 1})
        check_report(report)
    assert stored_snapshots() == site.sources()
    asked = [each for each in site.deployment.requests if each.operation == "items/data" and each.item_id == item.id]
    assert len(asked) == 4, "the error is a page, so the run requests it again as JSON"


def test_error_500_for_an_item_with_bytes_fails_it(site: Site) -> None:
    site.deployment.faults.add("items/data", "shape-a", item_id=site.item("First").id, code=500)
    report = site.run()
    assert report["snapshots"]["failed"] == {"arcgis-unavailable": 1}
    assert calls(site, "items/data") == MAX_ATTEMPTS + 1


def test_empty_item_fails_while_the_portal_is_down(site: Site) -> None:
    item = site.item("First")
    item.content = b""
    site.deployment.faults.add("items/data", "http-503", item_id=item.id, times=None)
    assert site.run()["snapshots"]["failed"] == {"arcgis-unavailable": 1}


def test_readable_content_is_archived_without_its_snapshots(site: Site) -> None:
    item = site.item("Second")
    item.resources_refused = True
    report = site.run()
    assert key_of(item) in copies()
    assert [entry["reason"] for entry in report["unprotected"]] == [UNPROTECTED]
    assert report["status"] == "complete"
    check_report(report)
