"""Test that the figures of a report add up for all outcomes that batches may write."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_archive.archive import RunId
from notebook_archive.errors import ArchiveUnavailable, RunInputInvalid
from notebook_archive.models import MAX_OWNER, MAX_TITLE
from notebook_archive.runs import count_metrics, read_scope
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.protection_figures import STATES
from tests.site import STARTED_AT, Site, check_report, put_lines, read_report
from tests.strict_s3 import Fault, contents

RUN = RunId.from_execution("generated", STARTED_AT)
reasons = st.sampled_from(
    ["not-found", "owner-credentials-missing", "permission-denied", "not-a-notebook", "batch-crashed"]
)
problems = st.builds(lambda reason: {"reason": reason, "message": "It.", "remedy": "Do."}, reasons)
texts = st.text(max_size=12)


@st.composite
def outcome(draw: st.DrawFn) -> dict[str, Any]:
    state = draw(st.sampled_from(["archived", "unchanged", "skipped", "failed"]))
    stored = st.builds(
        lambda size: {"resourceKey": "k", "key": "k", "bytes": size, "sha256": "s"}, st.integers(0, 10**10)
    )
    made = {
        "itemId": draw(st.text("0123456789abcdef", min_size=3, max_size=3)),
        "title": draw(texts),
        "owner": draw(texts),
        "state": state,
        "archived": draw(st.lists(stored, max_size=3)) if state != "unchanged" else [],
        "unchanged": draw(st.integers(0, 5)),
        "skipped": draw(st.lists(problems, max_size=2)),
        "failed": draw(st.lists(problems, max_size=2)),
        "protection": {"state": draw(st.sampled_from(STATES)), "modified": draw(st.integers(0, 10**13))},
    }
    return made | ({"problem": draw(problems)} if state in ("skipped", "failed") else {})


batches = st.lists(st.lists(outcome(), max_size=6), max_size=4)


@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches, st.sets(st.text("0123456789abcdef", min_size=3, max_size=3), max_size=5), st.booleans())
def test_attempted_is_the_sum_of_all_states(
    small: Site, done: list[list[dict[str, Any]]], planned: set[str], short: bool
) -> None:
    ids = sorted({each["itemId"] for batch in done for each in batch} | planned)
    for number in range(1, 5):
        made = done[number - 1] if number <= len(done) else []
        small.archive.put_document(RUN.key(f"outcomes/{number:06d}.json"), {"seconds": 1.5, "outcomes": made})
    line = {
        "number": 1,
        "part": 0,
        "notebooks": [{"itemId": each, "title": "", "owner": "", "archived": ""} for each in ids],
    }
    put_lines(RUN.key("plan.jsonl"), [line])
    notice = {"reason": "listing-incomplete", "message": "It.", "remedy": "Do."}
    plan: Plan = {
        "scope": "everything",
        "planKey": RUN.key("plan.jsonl"),
        "batches": 1,
        "notebooks": len(ids),
        "notices": [notice] if short else [],  # type: ignore[list-item]
    }
    report = small.report("generated", plan)
    check_report(report)
    assert report["notebooks"]["attempted"] == len(ids)
    ours = count_metrics(report)
    for level in ("Notebooks", "Snapshots"):
        parts = (ours[f"{level}{state}"] for state in ("Archived", "Unchanged", "Skipped", "Failed"))
        assert ours[f"{level}Attempted"] == sum(parts)
    assert ours["RunComplete"] + ours["RunPartial"] + ours["RunFailed"] == 1
    assert read_report("generated") == report


def test_a_run_whose_plan_failed_is_reported_with_the_error(small: Site) -> None:
    cause = json.dumps({"errorType": "SecretMissing", "errorMessage": "There is no secret 'x'.", "stackTrace": ["a"]})
    report = small.report("one", None, {"Error": "SecretMissing", "Cause": cause})
    assert report["status"] == "failed"
    assert report["error"]
    assert report["error"]["message"] == "There is no secret 'x'."
    assert "There is no secret 'x'." in report["message"]
    check_report(report)


@pytest.mark.parametrize("cause", ["", "no JSON", "[]", "null", '{"errorMessage":5}', "{}"])
def test_malformed_cause_is_still_reported(small: Site, cause: str) -> None:
    report = small.report("one", None, {"Error": "States.Timeout", "Cause": cause})
    assert report["status"] == "failed"
    assert report["error"]
    assert report["error"]["reason"] == "States.Timeout"


def test_failed_map_state_still_reports_what_was_archived(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    small.work("one", batch)
    report = small.report("one", plan, {"Error": "States.ItemReaderFailed", "Cause": ""})
    assert report["status"] == "failed"
    assert report["snapshots"]["archived"] == 3
    assert report["notebooks"]["failed"] == {}


def test_no_report_is_written_if_outcomes_cannot_be_read(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    small.work("one", batch)
    small.s3.faults = [Fault("GetObject", "500-InternalError", times=None)]
    with pytest.raises(ArchiveUnavailable):
        small.report("one", plan)
    assert [key for key in contents("runs/") if key.endswith("report.json")] == []


def test_report_is_written_after_all_other_objects(small: Site) -> None:
    small.run()
    assert small.s3.calls[-1] == ("PutObject", "runs/2026-11-22/one/report.json")


def test_only_a_run_over_everything_counts_as_a_run(small: Site) -> None:
    chosen = count_metrics(small.run("one", [small.item("First").id]))
    assert (chosen["RunComplete"], chosen["RunPartial"], chosen["RunFailed"]) == (0, 0, 0)
    assert count_metrics(small.run("two"))["RunComplete"] == 1


def test_a_message_repeats_five_notices_and_counts_the_rest(small: Site) -> None:
    notices = [{"reason": "credential-broken", "message": f"Secret {n}.", "remedy": "Renew."} for n in range(5000)]
    plan: Any = {"scope": "everything", "planKey": RUN.key("plan.jsonl"), "batches": 0, "notebooks": 0}
    report = small.report("generated", plan | {"notices": notices})
    assert "Secret 4. Renew. The report has 4995 more notices." in report["message"]
    assert "Secret 5." not in report["message"]
    assert len(report["notices"]) == 5000
    assert len(report["message"]) < 2000


def test_5000_broken_credentials_fit_an_event_and_a_state(small: Site) -> None:
    outcomes = [
        {
            "itemId": f"{number:032x}",
            "title": "é" * MAX_TITLE,
            "owner": f"{number:0{MAX_OWNER}}",
            "state": "failed",
            "archived": [],
            "unchanged": 0,
            "skipped": [],
            "failed": [],
            "problem": {
                "reason": "token-rejected",
                "message": "No.",
                "remedy": "Renew.",
                "secret": f"owners/{number:0{MAX_OWNER}}",
            },
        }
        for number in range(5000)
    ]
    small.archive.put_document(RUN.key("outcomes/000001.json"), {"outcomes": outcomes})
    report = small.report("generated", None)
    assert len(report["notices"]) == 5000
    told = {name: report[name] for name in ("message", "notebooks", "snapshots")}
    assert len(json.dumps(told)) < 20_000


def test_long_error_is_cut_in_the_report(small: Site) -> None:
    cause = json.dumps({"errorMessage": "x" * 100_000})
    report = small.report("one", None, {"Error": "y" * 100_000, "Cause": cause})
    assert len(report["message"]) < 3000
    assert report["error"]
    assert len(json.dumps(report["error"])) < 3000


def test_report_contains_the_remedy_of_a_planning_error(small: Site) -> None:
    """This also works if only `Cause` contains the error class, because Step Functions named the error differently."""
    cause = json.dumps({"errorType": "RunInputInvalid", "errorMessage": "itemIds is empty."})
    for number, name in enumerate(("RunInputInvalid", "Runtime.HandlerError")):
        report = small.report(f"run-{number}", None, {"Error": name, "Cause": cause})
        assert report["error"]
        assert (report["error"]["reason"], report["error"]["remedy"]) == (name, RunInputInvalid.remedy)


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ({}, "everything"),
        (None, "everything"),
        ({"itemIds": []}, "chosen"),
        ({"items": ["x"]}, "chosen"),
        ([7], "chosen"),
    ],
)
def test_run_without_a_plan_has_the_requested_scope(small: Site, given: object, scope: str) -> None:
    report = small.report("one", None, {"Error": "RunInputInvalid", "Cause": ""}, read_scope(given))
    assert report["scope"] == scope
    assert count_metrics(report)["RunFailed"] == int(scope == "everything")
