"""Test that each notebook has one protection state, and a reason if it is not protected."""

import json
from typing import Any

import pytest

from local.arcgis import Item, Seed
from notebook_archive.archive import RunId
from notebook_archive.backup_requests.archive_requests import BackupRequest, archive_requests
from notebook_archive.clock import Deadline
from notebook_archive.models import ItemId
from notebook_archive.runs import count_metrics
from notebook_archive.runs.protection_figures import STATES
from notebook_archive.runs.report import Report
from tests.runs.conftest import SMALL, MakeSite
from tests.runs.scene import body
from tests.site import STARTED_AT, Site, check_archive, check_report, stored_body
from tests.strict_s3 import Fault, contents

HOUR_MS = 3_600_000
# The time when the notebooks of these tests were saved. It is long ago, so that notes about them are final.
SAVED = 1_735_725_600_000


def make_notebook(owner: str = "ana", snapshots: int = 1, **fields: Any) -> Seed:
    """Return a notebook with saved content and with older snapshots."""

    def items() -> list[Item]:
        item = Item(owner, "Survey", body(9), **fields)
        for number in range(snapshots):
            item.add_snapshot(body(number))
        return [item]

    return Seed(SMALL, items)


def check(report: Report) -> Report:
    check_report(report)
    return report


def only(report: Report) -> dict[str, Any]:
    """Return the only entry of `notProtected`."""
    [entry] = check(report)["notProtected"]
    return dict(entry)


def save(site: Site, number: int, modified: int = SAVED + 50 * HOUR_MS) -> None:
    item = site.item("Survey")
    item.content, item.modified = body(number), modified


class TestProtected:
    def test_a_copy_protects(self, make_site: MakeSite) -> None:
        report = check(make_site(make_notebook(), archive_current=True).run())
        assert report["protection"] == {"protected": 1, "stale": 0, "unprotected": 0, "empty": 0, "gone": 0}
        assert report["notProtected"] == []

    def test_seen_note_protects_without_a_call(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.run("one")
        site.item("Survey").modified += HOUR_MS
        site.run("two")
        site.deployment.requests.clear()
        report = check(site.run("three"))
        assert report["protection"]["protected"] == 1
        assert site.deployment.requests.counts()["items/data"] == 0

    def test_a_captured_snapshot_protects(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), captures=True)
        assert check(site.run("one"))["protection"]["protected"] == 1
        assert check(site.run("two"))["protection"]["protected"] == 1

    def test_a_snapshot_of_a_person_does_not_protect(self, make_site: MakeSite) -> None:
        entry = only(make_site(make_notebook()).run())
        assert entry["state"] == "stale"

    def test_a_copy_that_was_not_stored_does_not_protect(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.s3.faults = [Fault("PutObject", "403-AccessDenied", times=1, part="/current/")]
        entry = only(site.run())
        assert (entry["state"], entry["reason"]) == ("stale", "archive-denied")

    def test_it_stays_protected_while_its_snapshots_fail(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.deployment.faults.add("snapshots/download", "body", body='{"cells":[')
        report = check(site.run())
        assert report["status"] != "complete"
        assert report["protection"]["protected"] == 1


class TestStale:
    def test_stale_notebook_has_hours_behind(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.run("one")
        save(site, 1, site.item("Survey").modified + 36 * HOUR_MS)
        site.deployment.faults.add("items/data", "http-503")
        entry = only(site.run("two"))
        assert (entry["state"], entry["reason"], entry["hoursBehind"]) == ("stale", "arcgis-unavailable", 36.0)

    def test_age_is_that_of_the_newest_archived_snapshot(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(snapshots=2))
        newest = max(snapshot.created for snapshot in site.item("Survey").snapshots)
        save(site, 1, newest + 12 * HOUR_MS)
        entry = only(site.run())
        assert (entry["state"], entry["hoursBehind"]) == ("stale", 12.0)
        assert "is 12 hours older" in entry["message"]
        assert "ArchiveCurrent=true" in entry["remedy"]

    @pytest.mark.parametrize(
        ("minutes", "words"),
        [
            (0, "may not contain that change"),
            (1, "1 minute older"),
            (90, "90 minutes"),
            (150, "2 hours"),
            (71 * 60, "71 hours"),
            (4320, "3 days"),
        ],
    )
    def test_message_contains_the_age_in_words(self, make_site: MakeSite, minutes: int, words: str) -> None:
        site = make_site(make_notebook())
        item = site.item("Survey")
        item.modified = item.snapshots[0].created + minutes * 60_000
        assert words in only(site.run())["message"]

    def test_a_snapshot_that_was_not_archived_gives_no_time(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(snapshots=2))
        site.deployment.faults.add("snapshots/download", "body", body="{}", after=1)
        assert "hoursBehind" in only(site.run()), "that of the first snapshot"
        site.deployment.faults.clear()
        site.deployment.faults.add("snapshots/list", "http-503")
        entry = only(site.run("two"))
        assert entry["state"] == "stale"
        assert "hoursBehind" not in entry

    def test_a_copy_later_than_the_last_change_gives_no_time(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(snapshots=0), archive_current=True)
        site.item("Survey").modified = SAVED + 1000 * HOUR_MS  # the portal's clock was ahead
        site.run("one")
        save(site, 8)
        site.deployment.faults.add("items/data", "http-503")
        report = check(site.run("two"))
        assert "hoursBehind" not in only(report)
        assert (report["recoveryPoint"]["notebooks"], report["recoveryPoint"]["unmeasured"]) == (0, 1)

    def test_an_item_without_a_time_has_no_age(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook())
        site.item("Survey").modified = 0
        entry = only(site.run())
        assert entry["state"] == "stale"
        assert "not known" in entry["message"]


class TestUnprotected:
    def test_unreadable_notebook_is_unprotected(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook("ben", resources_refused=True))
        report = check(site.run())
        entry = only(report)
        assert (entry["state"], entry["reason"]) == ("unprotected", "owner-credentials-missing")
        assert "notebook-archive/owners/ben" in entry["remedy"]
        assert len(report["unprotected"]) == 1

    def test_notebook_without_snapshots_is_unprotected(self, make_site: MakeSite) -> None:
        report = check(make_site(make_notebook(snapshots=0)).run())
        entry = only(report)
        assert (entry["state"], entry["reason"]) == ("unprotected", "never-archived")
        assert report["notebooks"]["unchanged"] == 1, "as before"
        assert report["status"] == "complete"

    def test_notebook_whose_versions_all_failed_is_unprotected(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.deployment.faults.add("*", "http-503", item_id=site.item("Survey").id)
        entry = only(site.run())
        assert (entry["state"], entry["reason"]) == ("unprotected", "arcgis-unavailable")

    def test_notebook_of_a_crashed_batch_is_unprotected(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        entry = only(site.report("one", site.plan()))
        assert (entry["state"], entry["reason"]) == ("unprotected", "batch-crashed")

    def test_archived_notebook_stays_protected_after_a_crash(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.run("one")
        report = check(site.report("two", site.plan("two")))
        assert report["notebooks"]["failed"] == {"batch-crashed": 1}
        assert report["protection"]["protected"] == 1


class TestEmptyAndGone:
    def test_a_notebook_without_content_is_empty(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(snapshots=0), archive_current=True)
        site.item("Survey").content = b""
        report = check(site.run())
        entry = only(report)
        assert (entry["state"], entry["reason"]) == ("empty", "no-content")
        assert report["status"] == "complete"

    @pytest.mark.parametrize("answered", ["error", "empty-body"])
    def test_empty_response_for_an_item_with_bytes_fails_it(self, make_site: MakeSite, answered: Any) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.run("one")
        save(site, 8)
        fault = {"kind": "body", "body": ""} if answered == "empty-body" else {"kind": "shape-a", "code": 500}
        site.deployment.faults.add("items/data", **fault)
        report = check(site.run("two"))
        assert (only(report)["state"], report["status"]) == ("stale", "failed")

    def test_a_notebook_whose_snapshot_failed_is_not_empty(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.item("Survey").content = b""
        site.deployment.faults.add("snapshots/download", "shape-a", code=500)
        entry = only(site.run())
        assert (entry["state"], entry["reason"]) == ("unprotected", "arcgis-unavailable")

    @pytest.mark.parametrize("current", [True, False])
    def test_notebook_deleted_during_the_run_is_gone(self, make_site: MakeSite, current: bool) -> None:
        site = make_site(make_notebook(), archive_current=current)
        plan = site.plan()
        site.deployment.organisation.remove(site.item("Survey").id)
        [batch] = site.batches(plan)
        site.work("one", batch)
        entry = only(site.report("one", plan))
        assert (entry["state"], entry["reason"]) == ("gone", "not-found")

    def test_chosen_notebook_missing_from_the_portal_is_gone(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook())
        report = check(site.run("one", ["0" * 32, "xyz"]))
        assert report["protection"]["gone"] == 2
        assert {entry["reason"] for entry in report["notProtected"]} == {"not-found", "not-an-id"}
        assert any("The portal has no notebook 000" in entry["message"] for entry in report["notProtected"])

    def test_deleted_snapshot_does_not_make_the_notebook_gone(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        site.deployment.faults.add("snapshots/download", "snapshot-vanishes", times=1)
        report = check(site.run())
        assert report["snapshots"]["skipped"] == {"not-found": 1}
        assert report["protection"]["protected"] == 1


class TestSums:
    def test_every_notebook_has_one_state(self, make_site: MakeSite) -> None:
        site = make_site(archive_current=True)
        report = check(site.run())
        assert set(report["protection"]) == set(STATES)
        assert sum(report["protection"].values()) == len(site.deployment.organisation.notebooks())

    def test_the_most_urgent_notebooks_come_first(self, make_site: MakeSite) -> None:
        report = check(make_site(archive_current=True).run())
        assert [entry["state"] for entry in report["notProtected"]] == ["unprotected", "empty", "empty"]

    def test_message_metrics_and_counts_agree(self, make_site: MakeSite) -> None:
        site = make_site(archive_current=True)
        report = check(site.run())
        counts, metrics = report["protection"], count_metrics(report)
        for state in STATES:
            assert metrics[f"Notebooks{state.capitalize()}"] == counts[state]
        words = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        assert f"{sum(counts.values())} notebooks: {words}." in report["message"]

    def test_message_uses_the_singular_for_one_version(self, make_site: MakeSite) -> None:
        message = make_site(make_notebook()).run()["message"]
        assert message.startswith("Complete. 1 notebook: 0 protected, 1 stale. 1 version archived,")

    def test_outcomes_of_an_older_version_count_as_unprotected(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        plan = site.plan()
        [batch] = site.batches(plan)
        site.work("one", batch)
        key = RunId.from_execution("one", STARTED_AT).key("outcomes/000001.json")
        document = json.loads(stored_body(key))
        for outcome in document["outcomes"]:
            del outcome["protection"]
        site.archive.put_document(key, document)
        assert check(site.report("one", plan))["protection"]["unprotected"] == 1


class TestRecoveryPoint:
    def test_recovery_point_is_zero_if_all_are_protected(self, make_site: MakeSite) -> None:
        report = make_site(make_notebook(), archive_current=True).run()
        assert report["recoveryPoint"] == {
            "notebooks": 1, "unmeasured": 0, "medianHours": 0.0, "worstHours": 0.0, "worst": None,
        }  # fmt: skip

    def test_recovery_point_contains_the_worst_notebook(self, make_site: MakeSite) -> None:
        def items() -> list[Item]:
            found = [Item("ana", f"Survey {number}", body(9)) for number in range(3)]
            for item in found[:2]:
                item.add_snapshot(body(0))
            return found

        site = make_site(Seed(SMALL, items))
        for number, hours in enumerate((10, 30)):
            item = site.item(f"Survey {number}")
            item.modified = item.snapshots[0].created + hours * HOUR_MS
        report = check(site.run())
        point, figures = report["recoveryPoint"], count_metrics(report)
        assert (point["notebooks"], point["unmeasured"]) == (2, 1), "one has no version at all"
        assert (figures["RecoveryPointMedianHours"], figures["RecoveryPointWorstHours"]) == (20.0, 30.0)
        assert (point["medianHours"], point["worstHours"]) == (20.0, 30.0)
        assert point["worst"]
        assert point["worst"]["title"] == "Survey 1"

    def test_nothing_measured_gives_no_figures(self, make_site: MakeSite) -> None:
        report = make_site(Seed.empty()).run()
        assert report["recoveryPoint"]["medianHours"] is None
        assert report["recoveryPoint"]["worstHours"] is None
        assert "RecoveryPointWorstHours" not in count_metrics(report)

    def test_chosen_notebooks_have_no_metric_of_the_recovery_point(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook(), archive_current=True)
        report = site.run(item_ids=[site.item("Survey").id])
        assert report["recoveryPoint"]["worstHours"] == 0.0
        assert "RecoveryPointWorstHours" not in count_metrics(report)


class TestRefusedBesideArchived:
    def test_refused_snapshot_fails_if_another_one_was_archived(self, make_site: MakeSite) -> None:
        """This is so in the run that archives the other snapshot, and in later runs."""
        site = make_site(make_notebook("ben", snapshots=2))
        site.deployment.faults.add("items/resource", "http-403", after=1)
        report = check(site.run())
        assert report["notebooks"]["failed"] == {"permission-denied": 1}
        assert report["status"] != "complete"


class TestAltered:
    def alter(self, site: Site) -> bytes:
        altered = body(7)[:-1] + b" }"
        site.item("Survey").snapshots[0].content = altered
        return altered

    def test_snapshot_of_new_size_is_stored_with_the_first(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook("ben"))
        first = site.sources()
        site.run("one")
        altered = self.alter(site)
        report = check(site.run("two"))
        assert report["notebooks"]["failed"] == {"snapshot-altered": 1}
        assert report["status"] != "complete"
        assert report["snapshots"]["archived"] == 1
        [(key, before)] = first.items()
        assert stored_body(key) == before
        [beside] = [key for key in contents("notebooks/") if ".json" in key and key.count(".") == 2]
        assert stored_body(beside) == altered
        assert beside.startswith(key.removesuffix("json"))

    def test_altered_snapshot_is_reported_once(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook("ben"))
        site.run("one")
        self.alter(site)
        site.run("two")
        site.deployment.requests.clear()
        report = check(site.run("three"))
        assert report["status"] == "complete"
        assert report["snapshots"]["unchanged"] == 1
        assert site.deployment.requests.counts()["items/resource"] == 0, "its size is known by now"

    def test_run_with_an_older_plan_also_finds_the_alteration(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook())
        plan = site.plan("two")
        site.run("one")
        self.alter(site)
        [batch] = site.batches(plan)
        site.work("two", batch)
        assert check(site.report("two", plan))["notebooks"]["failed"] == {"snapshot-altered": 1}

    def test_concurrent_backup_does_not_hide_the_alteration(self, make_site: MakeSite) -> None:
        site = make_site(make_notebook("ben"))
        site.run("one")
        self.alter(site)
        plan = site.plan("two")
        asked = [BackupRequest((ItemId(site.item("Survey").id),))]
        run = RunId.from_execution("event", STARTED_AT)
        [by_event] = archive_requests(asked, run, site.context, 1, Deadline(60)).values()
        assert by_event["problem"]["reason"] == "snapshot-altered"
        [batch] = site.batches(plan)
        site.work("two", batch)
        report = check(site.report("two", plan))
        assert report["notebooks"]["failed"] == {"snapshot-altered": 1}
        assert report["snapshots"]["archived"] == 0

    def test_sizes_that_never_match_are_no_longer_compared(self, make_site: MakeSite) -> None:
        site = make_site(Seed.many(notebooks=12, size=300), route="portal", threads=1)
        site.run("one")
        for item in site.deployment.organisation.notebooks():
            assert isinstance(item.snapshots[0].content, bytes)
        site.deployment.switches.listed_size_offset = 7
        site.deployment.requests.clear()
        report = check(site.run("two"))
        assert report["status"] == "complete"
        assert report["snapshots"]["unchanged"] == 12
        assert site.deployment.requests.counts()["items/resource"] == 3
        check_archive(site)
