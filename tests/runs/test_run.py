"""Test whole runs: what they store, what they cost, what a second run does, and what the report says about errors."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from local.arcgis import LocalArcGIS, Seed
from local.arcgis.organisation import id_of
from notebook_archive.backup.records import UNPROTECTED
from tests.runs.conftest import MakeSite
from tests.site import (
    Site,
    check_archive,
    check_report,
    list_recorded,
    read_report,
    stored_body,
    stored_snapshots,
)
from tests.strict_s3 import Fault, StrictS3, contents

UNREADABLE = "Restricted survey"
NOTEBOOK = b'{"cells":[],"metadata":{},"nbformat":4}'


def readable(site: Site) -> dict[str, bytes]:
    unreadable = site.item(UNREADABLE)
    return {key: body for key, body in site.sources().items() if unreadable.id not in key}


@pytest.mark.parametrize("kind", ["enterprise", "online", "kubernetes"])
def test_a_run_archives_everything_that_may_be_read(running: LocalArcGIS, make_site: MakeSite, kind: str) -> None:
    site = make_site()
    site.deployment = next(each for each in running.deployments if each.kind == kind)
    site.start()
    report = site.run()
    assert stored_snapshots() == readable(site)
    assert report["status"] == "complete"
    assert report["snapshots"]["archived"] == len(readable(site))
    assert report["bytes"] == sum(map(len, readable(site).values()))
    check_archive(site)
    check_report(report)
    assert read_report() == report


def test_an_unchanged_notebook_costs_one_arcgis_call(site: Site) -> None:
    site.run("one")
    before = contents("notebooks/")
    plan = site.plan("two")
    site.s3.calls.clear()
    site.deployment.requests.clear()
    site.secrets_read.clear()
    for batch in site.batches(plan):
        assert site.work("two", batch) is None
    unreadable = site.item(UNREADABLE).id
    calls = [request for request in site.deployment.requests if request.item_id != unreadable]
    assert len(calls) == plan["notebooks"] - 1
    assert {request.operation for request in calls} == {"snapshots/list", "items/resources"}
    assert site.s3.calls == [("PutObject", "runs/2026-11-22/two/outcomes/000001.json")]
    assert site.secrets_read == [], "secrets, tokens and discovery are read once in a container"
    report = site.report("two", plan)
    assert report["notebooks"]["unchanged"] == plan["notebooks"] - 1
    assert report["snapshots"]["unchanged"] == len(stored_snapshots())
    assert (report["bytes"], report["status"]) == (0, "complete")
    assert contents("notebooks/") == before


def test_a_batch_with_a_new_snapshot_makes_three_writes(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=20, size=500))
    site.run("one")
    site.item("Notebook 7").add_snapshot(NOTEBOOK)
    plan = site.plan("two")
    site.s3.calls.clear()
    site.deployment.requests.clear()
    for batch in site.batches(plan):
        site.work("two", batch)
    assert site.s3.counts() == {"PutObject": 3}, "the snapshot, and the batch's store record and outcome"
    assert site.deployment.requests.counts() == {"snapshots/list": 20, "snapshots/download": 1}
    assert stored_snapshots() == site.sources()


def test_every_version_of_a_run_is_recorded(site: Site) -> None:
    site.run()
    assert list_recorded("2026-11-22/one").keys() == stored_snapshots().keys()
    site.run("two")
    assert list_recorded("2026-11-22/two") == {}, "what was already there is not recorded again"
    check_archive(site)


def test_new_snapshots_cost_little_more_than_two_calls(make_site: MakeSite) -> None:
    """One download and one write each; the other calls are few for each notebook and each batch."""
    site = make_site(Seed.many(notebooks=2, snapshots=100, size=300))
    site.run()
    calls = len(site.s3.calls) + sum(site.deployment.requests.counts().values())
    assert len(stored_snapshots()) == 200
    assert calls <= 2.15 * 200


def test_new_container_signs_in_and_discovers_once(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=30, size=300), threads=8)
    plan = site.plan()
    site.start()
    site.deployment.requests.clear()
    for batch in site.batches(plan):
        site.work("one", batch)
    counts = site.deployment.requests.counts()
    assert counts["generateToken"] == 3, "one for each owner"
    assert counts["portals/self"] + counts["portals/servers"] <= 2
    assert len(site.secrets_read) <= 4 + 1


def test_snapshots_that_arcgis_lost_are_kept_in_the_archive(site: Site) -> None:
    ever = site.sources()
    site.run("one")
    before = stored_snapshots()
    site.deployment.organisation.remove(site.item("Flood model").id)
    site.item("Évolution du littoral").snapshots.clear()
    report = site.run("two")
    assert report["status"] == "complete"
    assert stored_snapshots() == before
    check_archive(site, ever)


def test_metadata_says_where_a_snapshot_comes_from(site: Site) -> None:
    site.run()
    item = site.item("Карта рек")
    stored = next(stored for key, stored in contents(f"notebooks/{item.id}/snapshots/").items())
    assert unquote(stored.metadata["title"]) == item.title
    assert unquote(stored.metadata["snapshot-name"]) == item.snapshots[0].name
    assert (
        stored.metadata
        | {
            "item-id": item.id,
            "resource-key": item.snapshots[0].resource_key,
            "owner": "ana",
            "route": "notebook-server",
            "run-id": "2026-11-22/one",
            "source-host": site.deployment.portal_url.split("/")[2],
            "nbformat": "4.5",
            "cells": "1",
        }
        == stored.metadata
    )
    assert stored.tags == {"owner": "ana", "runtime": item.runtime[0], "kind": "snapshot", "schema": "1"}


def test_item_json_is_rewritten_only_if_the_item_changed(site: Site) -> None:
    item = site.item("Flood model")
    key = f"notebooks/{item.id}/item.json"
    site.run("one")
    site.run("two")
    assert contents(key)[key].versions == 1
    assert json.loads(contents(key)[key].body)["title"] == "Flood model"
    item.title, item.modified = "Flood model, revised", 4_102_444_800_000
    site.run("three")
    assert contents(key)[key].versions == 2
    assert json.loads(contents(key)[key].body)["title"] == "Flood model, revised"


class TestUnprotected:
    def test_unprotected_notebook_is_named_with_its_secret(self, site: Site) -> None:
        report = site.run()
        (entry,) = report["unprotected"]
        assert (entry["itemId"], entry["owner"]) == (site.item(UNREADABLE).id, "dora")
        assert entry["reason"] == UNPROTECTED
        assert "'notebook-archive/owners/dora'" in entry["remedy"]
        assert report["status"] == "complete"
        assert report["skipped"] == []

    def test_notebook_is_archived_once_its_secret_exists(self, site: Site) -> None:
        site.run("one")
        site.secrets["notebook-archive/owners/dora"] = '{"username":"dora","password":"dora-password"}'
        site.start()
        report = site.run("two")
        assert report["unprotected"] == []
        assert stored_snapshots() == site.sources()

    def test_owners_route_reports_each_owner_without_secret(self, make_site: MakeSite) -> None:
        site = make_site(route="notebook-server")
        report = site.run()
        assert {entry["owner"] for entry in report["unprotected"]} == {"chi", "dora"}
        assert all(f"owners/{entry['owner']}" in entry["remedy"] for entry in report["unprotected"])
        assert report["status"] == "complete"


class TestSecrets:
    def test_run_without_administrator_secret_reports_its_name(self, small: Site) -> None:
        site = small
        del site.secrets["notebook-archive/admin"]
        report = site.run()
        assert report["status"] == "failed"
        assert report["error"]
        assert report["error"]["reason"] == "SecretMissing"
        assert "'notebook-archive/admin'" in report["message"]
        check_report(report)

    def test_a_malformed_secret_fails_only_its_owners_notebooks(self, small: Site) -> None:
        site = small
        site.secrets["notebook-archive/owners/ana"] = '{"user":"CANARY-1"}'
        report = site.run()
        assert report["status"] == "partial"
        assert {entry["owner"] for entry in report["failed"]} == {"ana"}
        assert {entry["reason"] for entry in report["failed"]} == {"secret-malformed"}
        assert "CANARY-1" not in json.dumps(report)
        check_report(report)
        check_archive(site)

    def test_broken_credential_is_not_used_for_every_notebook(self, make_site: MakeSite) -> None:
        site = make_site(Seed.many(notebooks=30, size=300))
        site.secrets["notebook-archive/owners/ana"] = '{"username":"ana","password":"old"}'
        plan = site.plan()
        site.deployment.requests.clear()
        for batch in site.batches(plan):
            site.work("one", batch)
        report = site.report("one", plan)
        assert report["notebooks"]["failed"] == {"token-rejected": 10}
        assert report["notebooks"]["archived"] == 20
        assert site.deployment.requests.counts()["generateToken"] <= 2 + site.threads

    @pytest.mark.parametrize(
        ("secret", "reason"),
        [
            ('{"username":"ana","password":"old"}', "token-rejected"),
            ('{"token":"dead","expires":1,"credential":"notebook-archive-credentials/owners/ana"}', "token-rejected"),
            ('{"credential":"notebook-archive-credentials/owners/ana"}', "secret-not-rotated"),
        ],
    )
    def test_a_broken_credential_is_named_once_with_its_owner(
        self, make_site: MakeSite, secret: str, reason: str
    ) -> None:
        site = make_site(Seed.many(notebooks=30, size=300))
        site.run("before")
        site.secrets["notebook-archive/owners/ana"] = secret
        site.start()
        report = site.run()
        assert report["notebooks"]["failed"] == {reason: 10}
        (notice,) = report["notices"]
        assert notice["reason"] == "credential-broken"
        assert notice["secret"] == "notebook-archive/owners/ana"
        assert "10 notebooks of ana" in notice["message"]
        assert report["message"].count("notebook-archive/owners/ana") == 1
        assert "old" not in report["message"]
        check_report(report)

    def test_working_credentials_cause_no_notice(self, make_site: MakeSite) -> None:
        assert make_site().run()["notices"] == []


class TestOrganisations:
    def test_empty_organization_is_complete_with_a_notice(self, make_site: MakeSite) -> None:
        report = make_site(Seed.empty()).run()
        assert report["status"] == "complete"
        assert report["notebooks"]["attempted"] == 0
        assert [notice["reason"] for notice in report["notices"]] == ["no-notebooks"]

    def test_limited_administrator_causes_a_notice(self, make_site: MakeSite) -> None:
        site = make_site(Seed.many(notebooks=3, size=300))
        site.secrets["notebook-archive/admin"] = site.secrets["notebook-archive/owners/ana"]
        assert "administrator-sees-not-all" in [notice["reason"] for notice in site.run()["notices"]]

    def test_item_that_appears_during_the_search_does_no_harm(self, small: Site) -> None:
        site = small
        site.deployment.faults.add("search", "item-appears", times=1)
        report = site.run()
        check_report(report)
        assert stored_snapshots() == site.sources()

    def test_an_item_gone_since_the_plan_is_skipped(self, small: Site) -> None:
        site = small
        plan = site.plan()
        gone = site.item("Second")
        ever = site.sources()
        site.deployment.organisation.remove(gone.id)
        for batch in site.batches(plan):
            site.work("one", batch)
        report = site.report("one", plan)
        assert [(entry["itemId"], entry["reason"]) for entry in report["skipped"]] == [(gone.id, "not-found")]
        assert report["status"] == "complete"
        check_archive(site, ever)

    def test_a_snapshot_gone_since_the_listing_is_skipped(self, small: Site) -> None:
        site = small
        gone = site.item("First")
        ever = site.sources()
        site.deployment.faults.add("snapshots/download", "snapshot-vanishes", item_id=gone.id, times=1)
        report = site.run()
        assert report["snapshots"]["skipped"] == {"not-found": 2}
        check_report(report)
        check_archive(site, ever)

    def test_a_doubtful_second_listing_proves_no_deletion(self, small: Site) -> None:
        site, lost = small, small.item("First").id
        page = '{"total": 2, "status": "success", "snapshots": []}'
        site.deployment.faults.add("snapshots/download", "shape-a", code=404, item_id=lost)
        site.deployment.faults.add("snapshots/list", "body", body=page, item_id=lost, after=1)
        report = site.run()
        assert report["snapshots"]["failed"] == {"listing-incomplete": 2}
        assert report["status"] == "partial"


POISON = {
    "html": ("shape-e", {}, "unexpected-answer"),
    "error under 200": ("shape-a", {"code": 500}, "arcgis-unavailable"),
    "error of shape B": ("shape-b", {"code": 400}, "request-rejected"),
    "truncated by a short length": ("length-too-short", {}, "not-a-notebook"),
    "cut off": ("cut-body", {}, "arcgis-unavailable"),
    "no notebook": ("body", {"body": '{"type":"FeatureCollection"}'}, "not-a-notebook"),
    "empty": ("body", {"body": ""}, "not-a-notebook"),
    "oversize": ("oversize", {"size": 21_000_000}, "snapshot-too-large"),
    "redirect": ("redirect", {}, "unexpected-answer"),
    "503": ("http-503", {}, "arcgis-unavailable"),
}


@pytest.mark.parametrize("name", POISON)
@pytest.mark.parametrize("title", ["First", "Second"], ids=["by owner", "by administrator"])
def test_invalid_notebook_never_stops_the_others(small: Site, name: str, title: str) -> None:
    kind, fields, reason = POISON[name]
    poisoned = small.item(title)
    operation = "snapshots/download" if title == "First" else "items/resource"
    small.deployment.faults.add(operation, kind, item_id=poisoned.id, **fields)  # type: ignore[arg-type]
    report = small.run()
    assert [(entry["itemId"], entry["reason"]) for entry in report["failed"]] == [(poisoned.id, reason)]
    assert report["status"] == "partial"
    assert stored_snapshots() == {key: body for key, body in small.sources().items() if poisoned.id not in key}
    check_report(report)
    check_archive(small)
    small.deployment.faults.clear()
    assert small.run("two")["status"] == "complete"
    assert stored_snapshots() == small.sources()


def test_a_refused_item_is_named_and_the_others_are_archived(small: Site) -> None:
    plan = small.plan()
    gone = small.item("First")
    ever = small.sources()
    small.deployment.organisation.remove(gone.id)
    for batch in small.batches(plan):
        small.work("one", batch)
    report = small.report("one", plan)
    assert [entry["itemId"] for entry in (*report["skipped"], *report["failed"])] == [gone.id]
    assert stored_snapshots() == small.sources()
    check_report(report)
    check_archive(small, ever)


def test_refusing_bucket_fails_each_notebook_as_denied(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    writes = len(small.sources()) + plan["notebooks"]  # of snapshots and of item.json, before the outcome is written
    small.s3.faults = [Fault("PutObject", "403-AccessDenied", times=writes)]
    small.work("one", batch)
    report = small.report("one", plan)
    assert report["notebooks"]["failed"] == {"archive-denied": 2}
    assert report["snapshots"]["failed"] == {"archive-denied": 3}
    assert report["status"] == "failed"
    assert contents("notebooks/") == {}
    check_report(report)


def test_two_runs_at_once_store_each_snapshot_once(small: Site) -> None:
    other = Site(small.deployment, small.ca_bundle, StrictS3())
    plans = small.plan("one"), other.plan("two")
    for batch in small.batches(plans[0]):
        small.work("one", batch)
    for batch in other.batches(plans[1]):
        other.work("two", batch)
    reports = small.report("one", plans[0]), other.report("two", plans[1])
    assert [report["snapshots"]["archived"] for report in reports] == [3, 0]
    assert reports[1]["snapshots"]["unchanged"] == 3
    check_archive(small)
    assert other.s3.broken == []


class TestPlace:
    """Test that `item.json` contains the item's folder and groups, which a restore needs."""

    def properties(self, site: Site, title: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(stored_body(f"notebooks/{site.item(title).id}/item.json"))
        return found

    @pytest.mark.parametrize("searched", [True, False])
    def test_item_json_contains_the_folder(self, site: Site, searched: bool) -> None:
        site.deployment.switches.search_gives_folder = searched
        site.run()
        assert self.properties(site, "Évolution du littoral")["folder"] == {"id": id_of("coast"), "title": "coast"}
        assert self.properties(site, "Flood model")["folder"] is None, "the owner's root folder"

    def test_item_json_contains_the_groups(self, site: Site) -> None:
        site.run()
        groups = self.properties(site, "Flood model")["groups"]
        assert groups == [{"id": id_of("Hydrology"), "title": "Hydrology"}]
        assert self.properties(site, "Évolution du littoral")["groups"] == []

    def test_refused_list_of_folders_fails_no_notebook(self, site: Site) -> None:
        site.deployment.faults.add("items/groups", "http-503")
        report = site.run()
        assert report["status"] == "complete"
        assert "groups" not in self.properties(site, "Flood model")
        assert self.properties(site, "Flood model")["title"] == "Flood model"

    def test_unchanged_notebooks_cost_no_call(self, site: Site) -> None:
        site.run("one")
        site.deployment.requests.clear()
        site.run("two")
        counts = site.deployment.requests.counts()
        assert (counts["items/groups"], counts["content/user"], counts["items/item"]) == (0, 0, 0)

    def test_folders_of_an_owner_are_requested_once(self, site: Site) -> None:
        for item in site.deployment.organisation.notebooks():
            item.folder = "shelf"
        site.run()
        owners = {item.owner for item in site.deployment.organisation.notebooks()}
        assert site.deployment.requests.counts()["content/user"] <= len(owners)
