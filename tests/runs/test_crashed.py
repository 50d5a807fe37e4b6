"""Test that the notebooks of a crashed batch fail, and that the report counts what the batch had stored."""

import hashlib
import json

import pytest

from notebook_archive.backup.records import OutcomeRecord
from notebook_archive.errors import ArchiveError
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.report import Report
from tests.runs.conftest import MakeSite, small_seed
from tests.site import Site, check_archive, check_report, list_recorded, stored_body
from tests.strict_s3 import Fault, contents

BODY = b'{"cells":[],"nbformat":4}'


def crash(site: Site, plan: Plan, name: str = "one") -> None:
    """Archive everything in a batch, and crash before the outcomes are written."""
    faults = site.s3.faults
    site.s3.faults = [Fault("PutObject", "403-AccessDenied", part="outcomes/", times=None)]
    (batch,) = site.batches(plan)
    with pytest.raises(ArchiveError):
        site.work(name, batch)
    site.s3.faults = faults


def count_looked_up(site: Site) -> int:
    """Return the number of notebook objects that were looked up."""
    return sum(operation == "HeadObject" and key.startswith("notebooks/") for operation, key in site.s3.calls)


def read_crashed(name: str = "one") -> list[OutcomeRecord]:
    """Return the outcomes that the report wrote for the crashed batch."""
    outcomes: list[OutcomeRecord] = json.loads(stored_body(f"runs/2026-11-22/{name}/outcomes/crashed.json"))["outcomes"]
    return outcomes


def reasons(report: Report) -> list[str]:
    return [notice["reason"] for notice in report["notices"]]


@pytest.fixture
def present(make_site: MakeSite) -> Site:
    """Return the small site with ArchiveCurrent, so that the current content is archived too."""
    site = make_site(small_seed(), archive_current=True)
    for item in site.deployment.organisation.notebooks():
        item.content, item.modified = BODY, 1_735_725_600_000
    return site


def test_report_contains_what_a_crashed_batch_stored(present: Site) -> None:
    plan = present.plan()
    crash(present, plan)
    report = present.report("one", plan)
    check_report(report)
    assert report["notebooks"]["failed"] == {"batch-crashed": 2}
    sources = present.sources() | present.present()
    assert report["snapshots"]["archived"] == len(sources) == 5
    assert report["bytes"] == sum(map(len, sources.values()))
    assert report["notices"] == []
    listed = {stored["key"]: stored for outcome in read_crashed() for stored in outcome["archived"]}
    assert listed.keys() == sources.keys()
    for key, body in sources.items():
        assert listed[key]["bytes"] == len(body)
        assert listed[key]["sha256"] == hashlib.sha256(body).hexdigest()
        assert key.endswith(listed[key]["resourceKey"])
    check_archive(present)


@pytest.mark.parametrize("refused", ["records/", "outcomes/"])
def test_what_a_crashed_batch_stored_is_recorded(small: Site, refused: str) -> None:
    """Whether the batch crashed before or after its store record."""
    plan = small.plan()
    small.s3.faults = [Fault("PutObject", "403-AccessDenied", part=refused, times=None)]
    with pytest.raises(ArchiveError):
        small.work("one", small.batches(plan)[0])
    assert (list_recorded() == {}) == (refused == "records/")
    assert not any("/outcomes/" in key for key in contents("runs/"))
    small.s3.faults.clear()
    small.report("one", plan)
    assert list_recorded("2026-11-22/one").keys() == small.sources().keys()
    check_archive(small)


def test_a_repeated_batch_records_what_it_stored_before(small: Site) -> None:
    plan = small.plan()
    [batch] = small.batches(plan)
    small.s3.faults = [Fault("PutObject", "403-AccessDenied", part="records/", times=None)]
    with pytest.raises(ArchiveError):
        small.work("one", batch)
    small.s3.faults.clear()
    small.work("one", batch)
    assert list_recorded().keys() == small.sources().keys()


def test_a_second_report_looks_up_again(small: Site) -> None:
    plan = small.plan()
    crash(small, plan)
    small.seconds = 0.0
    assert small.report("one", plan)["snapshots"]["archived"] == 0
    small.seconds = 60.0
    (batch,) = small.batches(plan)
    report = small.report("one", plan)
    assert (report["snapshots"]["archived"], report["notices"]) == (3, [])
    small.work("one", batch)
    assert small.report("one", plan)["status"] == "complete", "a late batch counts"


def test_versions_of_earlier_runs_are_not_counted(small: Site) -> None:
    small.run("zero")
    plan = small.plan()
    crash(small, plan)
    assert small.report("one", plan)["snapshots"]["archived"] == 0
    new = small.item("First").add_snapshot(BODY)
    plan = small.plan("two")
    crash(small, plan, "two")
    report = small.report("two", plan)
    assert (report["snapshots"]["archived"], report["bytes"]) == (1, len(BODY))
    assert new.resource_key in str(small.archive.list_keys("notebooks/"))


def test_a_run_without_a_crash_looks_up_nothing(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    small.work("one", batch)
    small.s3.calls.clear()
    report = small.report("one", plan)
    assert report["snapshots"]["archived"] == 3
    assert not [key for _, key in small.s3.calls if key.startswith("notebooks/")]


@pytest.mark.parametrize("operation", ["ListObjectsV2", "HeadObject"])
def test_refusal_by_s3_is_a_notice(small: Site, operation: str) -> None:
    plan = small.plan()
    crash(small, plan)
    small.s3.faults = [Fault(operation, "403-AccessDenied", part="notebooks/", times=None)]
    report = small.report("one", plan)
    check_report(report)
    assert reasons(report) == ["crashed-not-looked-up"]
    assert "2 of their 2 notebooks" in report["notices"][0]["message"]
    assert report["snapshots"]["archived"] == 0


def test_look_up_with_no_time_left_is_a_notice(small: Site) -> None:
    plan = small.plan()
    crash(small, plan)
    small.seconds = 0.0
    assert reasons(small.report("one", plan)) == ["crashed-not-looked-up"]
    assert count_looked_up(small) == 0
