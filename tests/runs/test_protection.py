"""Test that a run that did not archive everything is never complete, even if a fault looks like "nothing to do"."""

import json

import pytest

from notebook_archive.arcgis.envelopes import parse_answer
from notebook_archive.archive import spool_lines
from notebook_archive.backup.records import UNPROTECTED
from notebook_archive.runs import count_metrics
from notebook_archive.runs.report import Report
from tests.site import PREFIX, Site, check_report, put_lines

UNREADABLE = "Restricted survey"


def not_complete(report: Report) -> Report:
    check_report(report)
    assert report["status"] != "complete"
    assert count_metrics(report)["RunComplete"] == 0
    return report


def administrator_may(site: Site, *privileges: str) -> None:
    app = next(iter(site.deployment.organisation.apps.values()))
    app.privileges = privileges
    secret = {"clientId": app.client_id, "clientSecret": app.client_secret}
    site.secrets[f"{PREFIX}/admin"] = json.dumps(secret)
    site.start()


class TestAbsent:
    def test_notebooks_unknown_to_the_server_are_not_gone(self, site: Site) -> None:
        site.deployment.faults.add("snapshots/list", "shape-b", code=404)
        report = not_complete(site.run())
        assert report["notebooks"]["failed"] == {"unexpected-answer": report["notebooks"]["attempted"] - 6}, (
            "all but those on the other route"
        )
        assert report["notebooks"]["skipped"] == {UNPROTECTED: 1}

    def test_listed_snapshot_that_cannot_be_read_fails(self, small: Site) -> None:
        small.deployment.faults.add("snapshots/download", "shape-a", code=404)
        report = not_complete(small.run())
        assert report["snapshots"]["failed"] == {"unexpected-answer": 2}

    def test_snapshot_deleted_during_the_run_is_skipped(self, small: Site) -> None:
        small.deployment.faults.add("snapshots/download", "snapshot-vanishes", times=1)  # all of the item's
        report = small.run()
        check_report(report)
        assert report["snapshots"]["skipped"] == {"not-found": 2}
        assert report["status"] == "complete"

    @pytest.mark.parametrize("title", ["First", "Second"])
    def test_notebook_deleted_during_the_run_is_skipped(self, small: Site, title: str) -> None:
        plan = small.plan()
        small.deployment.organisation.remove(small.item(title).id)
        for batch in small.batches(plan):
            small.work("one", batch)
        report = small.report("one", plan)
        assert report["notebooks"]["skipped"] == {"not-found": 1}
        assert report["status"] == "complete"


class TestRefused:
    def test_wrong_credential_in_an_owners_secret_fails(self, small: Site) -> None:
        small.secrets[f"{PREFIX}/owners/ana"] = json.dumps({"username": "ben", "password": "ben-password"})
        report = not_complete(small.run())
        (entry,) = report["failed"]
        assert (entry["owner"], entry["reason"]) == ("ana", "permission-denied")

    def test_lost_read_permission_fails_the_notebook(self, small: Site) -> None:
        assert small.run("one")["status"] == "complete"
        for item in small.deployment.organisation.notebooks():
            item.resources_refused = True
        report = not_complete(small.run("two"))
        assert [(entry["owner"], entry["reason"]) for entry in report["failed"]] == [("ben", "permission-denied")]

    def test_run_that_may_read_no_notebook_is_partial(self, small: Site) -> None:
        small.secrets.pop(f"{PREFIX}/owners/ana")
        for item in small.deployment.organisation.notebooks():
            item.resources_refused = True
        small.start()
        report = not_complete(small.run())
        assert (report["status"], len(report["unprotected"])) == ("partial", 2)


class TestAdministrator:
    def test_limited_administrator_makes_the_run_partial(self, small: Site) -> None:
        administrator_may(small, "portal:admin:updateItems")
        report = not_complete(small.run())
        assert "administrator-sees-not-all" in {notice["reason"] for notice in report["notices"]}
        assert "portal:admin:viewItems" in report["message"]

    def test_missing_privileges_leave_notebooks_unprotected(self, small: Site) -> None:
        administrator_may(small, "portal:admin:viewItems")
        report = small.run()
        check_report(report)
        assert [(entry["owner"], entry["reason"]) for entry in report["unprotected"]] == [("ben", UNPROTECTED)]
        assert "portal:admin:updateItems" in report["unprotected"][0]["message"]

    def test_empty_search_with_a_full_archive_is_not_complete(self, small: Site) -> None:
        small.run("one")
        for item in small.deployment.organisation.notebooks():
            small.deployment.organisation.remove(item.id)
        report = not_complete(small.run("two"))
        assert [notice["reason"] for notice in report["notices"]] == ["notebooks-vanished"]


class TestOutcomes:
    def test_two_attempts_at_a_batch_keep_both_results(self, small: Site) -> None:
        plan = small.plan()
        (batch,) = small.batches(plan)
        small.work("one", batch)
        small.work("one", batch)
        report = small.report("one", plan)
        assert report["snapshots"]["archived"] == 3
        names = [key.rpartition("/")[2] for key in small.archive.list_keys("runs/2026-11-22/one/outcomes/")]
        assert names == ["000001-again-1.json", "000001.json"]

    def test_successful_second_attempt_replaces_a_failure(self, small: Site) -> None:
        small.run("zero")
        plan = small.plan()
        (batch,) = small.batches(plan)
        small.deployment.faults.add("*", "http-403")
        small.work("one", batch)
        small.deployment.faults.clear()
        small.work("one", batch)
        report = small.report("one", plan)
        assert (report["status"], report["notebooks"]["failed"]) == ("complete", {})

    @pytest.mark.parametrize("skips", ["first", "second"])
    def test_skipped_attempt_does_not_hide_a_failure(self, small: Site, skips: str) -> None:
        plan = small.plan()
        (batch,) = small.batches(plan)
        second = small.item("Second")
        for number in ("first", "second"):
            second.resources_refused = number == skips
            small.deployment.faults.add("items/resource", "http-500", item_id=second.id)
            small.work("one", batch)
        report = not_complete(small.report("one", plan))
        assert report["notebooks"]["failed"] == {"arcgis-unavailable": 1}

    def test_run_with_lost_plan_lines_is_not_complete(self, small: Site) -> None:
        plan = small.plan()
        put_lines(plan["planKey"], [])
        report = not_complete(small.report("one", plan))
        assert [notice["reason"] for notice in report["notices"]] == ["plan-incomplete"]


def test_one_id_that_may_not_be_read_does_not_stop_the_others(small: Site) -> None:
    first, second = small.item("First").id, small.item("Second").id
    small.deployment.faults.add("items/item", "shape-a", code=403, item_id=first)
    report = not_complete(small.run("one", [first, second]))
    assert report["notebooks"]["failed"] == {"permission-denied": 1}
    assert report["snapshots"]["archived"] == 1


def test_response_with_another_item_fails_the_notebook(small: Site) -> None:
    first, second = small.item("First"), small.item("Second")
    other = {"id": second.id, "owner": second.owner, "title": second.title, "type": "Notebook"}
    small.deployment.faults.add("items/item", "body", item_id=first.id, body=json.dumps(other))
    report = not_complete(small.run("one", [first.id]))
    assert report["notebooks"]["failed"] == {"unexpected-answer": 1}
    assert [entry["itemId"] for entry in report["failed"]] == [first.id]


@pytest.mark.parametrize("kind", [None, ["Notebook"]])
def test_a_search_result_without_a_type_may_be_a_notebook(small: Site, kind: object) -> None:
    first, second = ({"id": each.id, "owner": each.owner} for each in small.deployment.organisation.notebooks())
    results = [{**first, "type": "Notebook"}, {**second, "type": kind}]
    found = {"total": 2, "start": 1, "num": 100, "nextStart": -1, "results": results}
    small.deployment.faults.add("search", "body", body=json.dumps(found))
    report = not_complete(small.run())
    assert report["notebooks"]["attempted"] == 1
    assert [notice["reason"] for notice in report["notices"]] == ["listing-incomplete"]


def test_odd_values_of_an_item_do_not_stop_the_plan(small: Site) -> None:
    odd = parse_answer(b'{"title": "half a pair \\ud83d", "extent": [NaN, -Infinity, 1]}', "The item")
    with spool_lines([odd]) as lines:
        assert small.archive.put_lines_once("runs/2026-11-22/one/plan.jsonl", lines)
    body = small.archive.read_object("runs/2026-11-22/one/plan.jsonl") or b""
    line = json.loads(body.decode("utf-8", "strict"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert line == {"title": "half a pair ?", "extent": [None, None, 1]}


class TestUncounted:
    """Test that snapshots listed without a total are archived, and that a notice says that some may be missing."""

    def test_a_listing_without_a_total_is_a_notice(self, small: Site) -> None:
        snapshots = [
            {"resourceKey": each.resource_key, "created": str(each.created), "properties": each.properties}
            for each in small.item("First").snapshots
        ]
        body = json.dumps({"status": "success", "snapshots": snapshots})
        small.deployment.faults.add("snapshots/list", "body", body=body, item_id=small.item("First").id)
        report = small.run()
        check_report(report)
        [notice] = report["notices"]
        assert notice["reason"] == "total-missing"
        assert small.item("First").id in notice["message"]
        assert report["snapshots"]["archived"] == 3
        assert report["status"] == "complete"
