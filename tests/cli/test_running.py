"""Test the commands about runs and verifications: status, run, runs, report, verify, findings, acknowledge."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import botocore.client
import pytest
from moto.scheduler.models import scheduler_backends
from moto.stepfunctions.models import stepfunctions_backends

from notebook_archive.archive import LastPoll, keys
from notebook_archive_cli.options import Options
from notebook_archive_cli.running.executions import RUNS, watch
from notebook_archive_cli.running.runs import list_running
from notebook_archive_cli.session import Session
from tests.cli.conftest import ACCOUNT, MAX_COLUMNS, REGION, MotoStack, Run, columns_of
from tests.docs.documents import ROOT, Document

ITEM = "e49a12b28da29e813ee6be0b546a3015"
FOREIGN = {
    "findingId": "09d8def2bac9",
    "kind": "foreign",
    "key": "notebooks/readme.txt",
    "itemId": "",
    "resourceKey": "",
    "versionId": "",
    "message": "notebooks/readme.txt is not a key of the archive.",
    "remedy": "Move the object out of notebooks/, or acknowledge the finding: docs/verify.md, Foreign.",
    "since": "2026-11-22T08:00:05.120Z",
    "state": "new",
    "acknowledgement": None,
}


def _read_example(page: str, member: str) -> dict[str, Any]:
    """Return the report that a document shows."""
    fences = Document(ROOT / "docs" / page).fences("json")
    report: dict[str, Any] = next(json.loads(fence) for fence in fences if f'"{member}"' in fence)
    return report


RUN_REPORT = _read_example("archive-format.md", "recoveryPoint")
VERIFICATION_REPORT = _read_example("verify.md", "oldestUnprovedDays")
RESTORE_REPORT = _read_example("restore.md", "itemsKey")
DAMAGED = VERIFICATION_REPORT["named"][0]


def _make_report(example: Mapping[str, Any], run_id: str, hours: float, changes: Mapping[str, Any]) -> dict[str, Any]:
    ended = format_iso(hours_ago(hours))
    return deepcopy({**example, "runId": run_id, "startedAt": ended, "endedAt": ended, **changes})


def hours_ago(hours: float) -> datetime:
    """Return a time before now. The suite may have begun long ago, so this is not computed when it begins."""
    return datetime.now(UTC) - timedelta(hours=hours)


def schedule_nightly() -> str:
    """Return a schedule that started a run five hours ago."""
    started = hours_ago(5) - timedelta(minutes=1)
    return f"cron({started.minute} {started.hour} * * ? *)"


def format_iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def make_client(service: str) -> Any:
    """Return a client. It is made once, because that takes longer than most tests."""
    return boto3.Session().client(service, REGION)  # type: ignore[call-overload]


class Archive:
    """Puts executions and reports into the stack of a test, as the state machines do."""

    def __init__(self, stack: MotoStack) -> None:
        self._stack = stack
        self.bucket = stack.outputs["ArchiveBucket"]
        self._s3 = make_client("s3")
        self._scheduler = make_client("scheduler")
        self._step_functions = make_client("stepfunctions")

    def execute(
        self,
        name: str,
        *,
        hours: float = 5,
        status: str = "SUCCEEDED",
        chosen: bool = False,
        output: str = "StateMachine",
    ) -> str:
        """Add an execution that began some hours ago, and return its run id."""
        given = {"itemIds": [ITEM]} if chosen else {}
        arn = self._step_functions.start_execution(
            stateMachineArn=self._stack.outputs[output], name=name, input=json.dumps(given)
        )["executionArn"]
        execution = stepfunctions_backends[ACCOUNT][REGION].describe_execution(arn)
        execution.status, execution.start_date = status, hours_ago(hours).replace(tzinfo=None)
        return f"{hours_ago(hours):%Y-%m-%d}/{name}"

    def put(self, key: str, document: Any) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(document), ChecksumAlgorithm="SHA256")

    def report(self, run_id: str, *, hours: float = 5, **changes: Any) -> dict[str, Any]:
        """Write the report of a run that took six seconds."""
        report = _make_report(RUN_REPORT, run_id, hours, changes)
        self.put(f"runs/{run_id}/report.json", report)
        return report

    def run(self, name: str, *, hours: float = 5, execution: str = "SUCCEEDED", **changes: Any) -> str:
        """Add a run with a report, and return its run id."""
        chosen = changes.get("scope") == "chosen"
        run_id = self.execute(name, hours=hours, status=execution, chosen=chosen)
        self.report(run_id, hours=hours, **changes)
        return run_id

    def verify(self, name: str, *findings: Mapping[str, Any], hours: float = 2, **changes: Any) -> str:
        """Add a verification with a report and its findings."""
        run_id = self.execute(name, hours=hours, output="VerificationStateMachine")
        counts = {kind: {"new": 0, "open": 0, "acknowledged": 0} for kind in VERIFICATION_REPORT["findings"]}
        for finding in findings:
            counts[finding["kind"]][finding["state"]] += 1
        status = "findings" if findings else "complete"
        changes = {"findings": counts, "named": [*findings], "status": status} | changes
        self.put(f"verifications/{run_id}/report.json", _make_report(VERIFICATION_REPORT, run_id, hours, changes))
        lines = "".join(f"{json.dumps(each)}\n" for each in findings)
        self._s3.put_object(
            Bucket=self.bucket, Key=f"verifications/{run_id}/findings.jsonl", Body=lines, ChecksumAlgorithm="SHA256"
        )
        return run_id

    def poll(self, *, hours: float) -> None:
        """Write the last poll for changes, which was made some hours ago."""
        ledger = self._stack.outputs["LedgerBucket"]
        polled_at = int(hours_ago(hours).timestamp() * 1000)
        poll = LastPoll("https://gis.example.com/portal", "0a1B2c", 0, polled_at, {})
        self._s3.put_object(Bucket=ledger, Key=keys.LAST_POLL, Body=json.dumps(poll.describe()))

    def schedule(self, expression: str = "", state: str = "ENABLED") -> None:
        """Create both schedules, which were last changed a month ago."""
        for output in ("RunSchedule", "VerificationSchedule"):
            name = self._stack.outputs[output]
            self._scheduler.create_schedule(
                Name=name,
                ScheduleExpression=expression or schedule_nightly(),
                State=state,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": self._stack.outputs["StateMachine"], "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/start"},
            )
            schedule = scheduler_backends[ACCOUNT][REGION].get_schedule("default", name)
            schedule.last_modified_date = schedule.creation_date = hours_ago(30 * 24).timestamp()


@pytest.fixture
def archive(stack: MotoStack) -> Archive:
    """Return an archive without runs and without schedules."""
    return Archive(stack)


@pytest.fixture
def nightly(archive: Archive) -> Archive:
    """Return an archive whose runs and verifications start every night."""
    archive.schedule()
    return archive


def find_check(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    check: dict[str, Any] = next(each for each in document["checks"] if each["name"] == name)
    return check


# ---------------------------------------------------------------------- status


def test_status_of_a_good_night_begins_with_yes(run: Run, nightly: Archive) -> None:
    nightly.run("night")
    nightly.verify("day")
    result = run("status", "--utc")
    assert result.status == 0
    assert result.stdout.startswith("Yes: the last backup succeeded 5 hours ago (")
    assert " UTC).\n" in result.stdout
    assert columns_of(result.stdout) <= MAX_COLUMNS
    document = run("status", "--json").document
    assert document["lastRun"]["runId"] == document["lastCompleteRun"]["runId"]
    # The schedule started something five hours and a minute ago.
    due = datetime.fromisoformat(document["schedules"]["run"]["nextStart"]) - hours_ago(5 - 24)
    assert timedelta(minutes=-5) < due < timedelta()
    assert document["schedules"]["run"]["state"] == "enabled"


@pytest.mark.usefixtures("nightly")
def test_status_without_a_run_says_so(run: Run) -> None:
    result = run("status")
    assert (result.status, result.stdout.splitlines()[:2]) == (
        3,
        ["No: no backup has run yet.", "  notebook-archive run"],
    )


def test_status_of_a_partial_run_names_the_last_complete_one(run: Run, nightly: Archive) -> None:
    nightly.run("good", hours=29)
    nightly.run("bad", status="partial")
    result = run("status", "--json")
    assert result.status == 3
    assert "was partial. The last backup that succeeded ended 29 hours ago" in result.document["summary"]
    assert result.document["checks"][0]["command"] == "notebook-archive report"


_FAILED_PLAN: dict[str, Any] = {
    "status": "failed",
    "error": {"reason": "arcgis-unavailable", "message": "No response.", "remedy": "Start it."},
    "protection": dict.fromkeys(RUN_REPORT["protection"], 0),
}


def test_status_after_a_failed_plan_has_the_last_figures(run: Run, nightly: Archive) -> None:
    nightly.run("good", hours=29, protection=_FAILED_PLAN["protection"] | {"protected": 12})
    nightly.run("bad", **_FAILED_PLAN)
    result = run("status", "--json")
    assert re.search(r"backup, 5 hours ago \(.*\), failed\. The last", result.document["summary"])
    check = find_check(result.document, "Notebooks")
    assert check["text"].startswith("12 protected, in the last run that counted them, 29 hours ago")
    assert result.document["protection"]["protected"] == 12


def test_status_without_figures_says_unknown(run: Run, nightly: Archive) -> None:
    nightly.run("bad", **_FAILED_PLAN)
    document = run("status", "--json").document
    assert (find_check(document, "Notebooks")["state"], document["protection"]) == ("unknown", None)


def test_status_during_a_run_says_that_it_is_under_way(run: Run, nightly: Archive) -> None:
    nightly.run("good", hours=25)
    run_id = nightly.execute("now", hours=0.2, status="RUNNING")
    result = run("status", "--json")
    assert result.status == 0
    assert re.match("A backup is under way. It started 1[23] minutes ago", result.document["summary"])
    assert "The one before succeeded, 25 hours ago" in result.document["summary"]
    assert result.document["checks"][0]["command"] == f"notebook-archive report {run_id} --wait"


def test_status_of_a_run_without_a_report_is_bad(run: Run, nightly: Archive) -> None:
    nightly.run("good", hours=25)
    run_id = nightly.execute("stopped", status="ABORTED")
    result = run("status", "--json")
    assert result.status == 3
    assert "ended without a report. The last backup that succeeded" in result.document["summary"]
    assert result.document["checks"][0]["command"] == f"notebook-archive report {run_id}"


def test_runs_over_chosen_notebooks_do_not_count(run: Run, nightly: Archive) -> None:
    nightly.run("good")
    for number in range(15):
        nightly.run(f"chosen-{number}", hours=1, scope="chosen", status="failed")
    nightly.execute("chosen-now", hours=0.1, status="RUNNING", chosen=True)
    result = run("status")
    assert (result.status, result.stdout[:4]) == (0, "Yes:")


def test_missed_start_is_reported(run: Run, archive: Archive) -> None:
    archive.schedule("cron(0 * * * ? *)")
    archive.run("good", hours=3.5)
    result = run("status", "--json")
    assert result.status == 3
    assert "No: a backup should have started" in result.document["summary"]


def test_old_success_is_not_enough(run: Run, archive: Archive) -> None:
    archive.schedule(state="DISABLED")
    archive.run("good", hours=80)
    result = run("status", "--json")
    assert result.status == 3
    assert "which is too long ago" in result.document["summary"]


def test_disabled_schedule_is_reported(run: Run, archive: Archive) -> None:
    archive.schedule(state="DISABLED")
    archive.run("good")
    result = run("status", "--json")
    assert result.status == 0
    assert "the schedule is disabled" in result.document["summary"]
    check = find_check(result.document, "Next run")
    assert (check["state"], check["command"]) == ("attention", "notebook-archive doctor")


def test_failed_requests_need_attention(run: Run, stack: MotoStack, nightly: Archive) -> None:
    nightly.run("good")
    assert find_check(run("status", "--json").document, "Failed requests")["state"] == "good"
    make_client("sqs").send_message(QueueUrl=stack.outputs["FailureQueue"], MessageBody="{}")
    result = run("status", "--json")
    check = find_check(result.document, "Failed requests")
    assert (result.status, result.document["failedRequests"], check["state"]) == (0, 1, "attention")
    assert check["command"] == "notebook-archive failed list"
    make_client("sqs").delete_queue(QueueUrl=stack.outputs["FailureQueue"])
    document = run("status", "--json").document
    assert (document["failedRequests"], find_check(document, "Failed requests")["state"]) == (None, "unknown")


def test_schedule_that_cannot_be_read_is_unknown(run: Run, archive: Archive) -> None:
    archive.run("good")
    check = find_check(run("status", "--json").document, "Next run")
    assert (check["state"], check["text"][:9]) == ("unknown", "unknown: ")


def test_open_finding_makes_the_status_bad(run: Run, nightly: Archive) -> None:
    nightly.run("good")
    nightly.verify("day", FOREIGN)
    result = run("status", "--json")
    check = find_check(result.document, "Findings")
    assert (result.status, check["text"], check["command"]) == (3, "1 open", "notebook-archive findings")
    nightly.put("acknowledgements/09d8def2bac9.json", {"why": "ours"})
    result = run("status", "--json")
    assert (result.status, find_check(result.document, "Findings")["text"]) == (0, "none open, 1 acknowledged")


def test_alarm_of_this_stack_makes_the_status_bad(run: Run, stack: MotoStack, nightly: Archive) -> None:
    nightly.run("good")
    assert find_check(run("status", "--json").document, "Alarms")["state"] == "attention"  # there are none
    stack.parameters["AlarmTopicArn"] = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
    stack.deploy()
    assert find_check(run("status", "--json").document, "Alarms")["state"] == "bad"  # they are missing
    cloudwatch = make_client("cloudwatch")
    for name in ("notebook-archive-RunFailedAlarm-1A2B", "notebook-archive-test-RunFailedAlarm-3C4D"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, MetricName="m", Namespace="n", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName="notebook-archive-RunFailedAlarm-1A2B", StateValue="OK", StateReason="-")
    cloudwatch.set_alarm_state(
        AlarmName="notebook-archive-test-RunFailedAlarm-3C4D", StateValue="ALARM", StateReason="-"
    )
    assert find_check(run("status", "--json").document, "Alarms")["text"] == "none in alarm"
    cloudwatch.set_alarm_state(AlarmName="notebook-archive-RunFailedAlarm-1A2B", StateValue="ALARM", StateReason="-")
    result = run("status", "--json")
    assert (result.status, result.document["alarms"]["inAlarm"]) == (3, ["notebook-archive-RunFailedAlarm-1A2B"])


@pytest.mark.parametrize(("hours", "state"), [(0.1, "good"), (1, "good"), (2, "bad")])
def test_status_says_when_the_portal_was_last_polled(
    run: Run, stack: MotoStack, nightly: Archive, hours: float, state: str
) -> None:
    nightly.run("night")
    nightly.verify("day")
    stack.parameters["ChangePoll"] = "rate(15 minutes)"
    stack.deploy()
    assert find_check(run("status", "--json").document, "Changes")["state"] == "attention", "there was no poll"
    nightly.poll(hours=hours)
    result = run("status", "--json")
    assert find_check(result.document, "Changes")["state"] == state
    assert result.status == (3 if state == "bad" else 0)
    assert "\nChanges            last searched for " in run("status").stdout


def test_status_takes_eleven_calls_however_old_the_archive_is(
    run: Run, nightly: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(20, 3, -1):
        nightly.run(f"night-{day}", hours=24 * day)
    nightly.run("night")
    nightly.verify("day")
    calls: list[str] = []
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def count(client: Any, operation: str, parameters: Any) -> Any:
        calls.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", count)
    assert run("status").status == 0
    assert len(calls) <= 11, calls


# ---------------------------------------------------------------------- runs and report


def test_runs_are_listed_newest_first_with_those_that_are_running(run: Run, archive: Archive) -> None:
    archive.report("2026-01-05/old", hours=9000)
    archive.run("partial", hours=30, status="partial")
    archive.run("good")
    archive.execute("stopped", hours=3, status="ABORTED")
    archive.execute("now", hours=0.1, status="RUNNING")
    document = run("runs", "--json").document
    found = [(each["runId"].partition("/")[2], each["status"]) for each in document]
    assert found == [
        ("now", "running"), ("stopped", "aborted"), ("good", "complete"), ("partial", "partial"), ("old", "complete"),
    ]  # fmt: skip
    assert document[2]["counts"] == {"notebooks": 15, "failed": 0}
    text = run("runs", "--limit", "2", "--utc").stdout
    assert ("running" in text, "aborted" in text, "complete" in text) == (True, True, False)
    assert columns_of(text) <= MAX_COLUMNS


def test_verifications_are_listed(run: Run, archive: Archive) -> None:
    archive.verify("day", DAMAGED)
    (listed,) = run("runs", "--kind", "verification", "--json").document
    assert listed["counts"] == {"versions": 29, "findings": 1}
    assert "29" in run("runs", "--kind", "verification").stdout


def test_report_is_that_of_the_last_run_over_everything(run: Run, archive: Archive) -> None:
    archive.run("good", hours=8)
    archive.run("chosen", hours=1, scope="chosen")
    result = run("report", "--json")
    assert (result.status, result.document["runId"].partition("/")[2]) == (0, "good")
    text = run("report").stdout
    assert "unprotected: Restricted survey" in text
    assert "notebook-archive owners add dora" in text
    assert columns_of(text) <= MAX_COLUMNS


def test_report_is_printed_as_archived(run: Run, archive: Archive) -> None:
    run_id = archive.execute("good")
    assert run("report", "good", "--json").error["reason"] == "report-missing"
    report = archive.report(run_id)
    assert run("report", "good", "--json").document == report


def test_report_of_another_stack_is_not_taken_for_ours(run: Run, archive: Archive) -> None:
    archive.report(archive.execute("mine", status="FAILED"), hours=6)
    assert run("runs", "--json").document[0]["status"] == "no-report"
    assert run("report", "mine", "--json").error["reason"] == "report-missing"


@pytest.mark.parametrize("text", ["2026-01-05/abc-1", "abc-2", "abc-2-l", "verify-1"])
def test_report_is_found_by_id_name_or_beginning(run: Run, archive: Archive, text: str) -> None:
    archive.report("2026-01-05/abc-1", hours=9000)
    archive.run("abc-2")
    archive.run("abc-2-long")
    archive.verify("verify-1")
    found = run("report", text, "--json").document["runId"].partition("/")[2]
    assert found.startswith(text.partition("/")[2] or text)


def test_ambiguous_beginning_lists_the_runs(run: Run, archive: Archive) -> None:
    archive.run("abc-1")
    archive.run("abc-2")
    result = run("report", "abc", "--json")
    assert (result.status, result.error["reason"]) == (2, "ambiguous-run")
    assert "abc-1" in result.error["message"]
    assert "abc-2" in result.error["message"]


def test_unknown_run_is_not_found(run: Run, archive: Archive) -> None:
    run_id = archive.run("nightly")
    result = run("report", "nihgtly", "--json")
    assert (result.status, result.error["remedy"]) == (5, f"Did you mean {run_id}?")
    assert run("report", "2026-01-01/none", "--json").status == 5
    assert run("report", "--kind", "restore", "--json").status == 5


def test_report_of_a_running_run_names_the_command_that_waits(run: Run, archive: Archive) -> None:
    run_id = archive.execute("now", hours=0.1, status="RUNNING")
    result = run("report", "now", "--json")
    assert (result.status, result.error["command"]) == (6, f"notebook-archive report {run_id} --wait")


@pytest.mark.parametrize("example", [RUN_REPORT, VERIFICATION_REPORT, RESTORE_REPORT], ids=["run", "verify", "restore"])
def test_each_kind_of_report_fits(run: Run, archive: Archive, example: dict[str, Any]) -> None:
    prefix = "verifications" if "versions" in example else "bulk-restores" if "itemsKey" in example else "runs"
    archive.put(f"{prefix}/{example['runId']}/report.json", example)
    text = run("report", example["runId"]).stdout
    assert columns_of(text) <= MAX_COLUMNS
    assert f"{example['runId']}: {example['status']}" in text
    for each in (*example.get("notProtected", ()), *example.get("named", ())):
        assert each["itemId"] in text
    assert run("report", example["runId"], "--json").document == example


def test_long_lists_are_cut_unless_all_is_wanted(run: Run, archive: Archive) -> None:
    entry = RUN_REPORT["notProtected"][0]
    archive.run("good", notProtected=[{**entry, "title": f"Survey {number}"} for number in range(100, 130)])
    text = run("report").stdout
    assert ("Survey 119" in text, "Survey 120" in text, "and 10 more" in text) == (True, False, True)
    assert "Survey 129" in run("report", "--all").stdout


def test_failed_run_says_what_to_do(run: Run, archive: Archive) -> None:
    problem = {"reason": "snapshot-too-large", "message": "Too large.", "remedy": "Raise the limit."}
    failed = {"itemId": ITEM, "title": "Flood\x1b[2J model", "owner": "ana", **problem}
    archive.run("bad", status="partial", failed=[failed], notProtected=[failed | {"state": "stale"}])
    result = run("report")
    assert result.status == 3
    assert f"notebook-archive run {ITEM}" in result.stdout
    assert "\x1b" not in result.stdout


def test_report_of_a_failed_plan_names_the_reason(run: Run, archive: Archive) -> None:
    archive.run("bad", **_FAILED_PLAN, bytes=0, kept=0, captured=0, recoveryPoint=None, failed=[], notProtected=[])
    text = run("report").stdout
    assert "\nReason: arcgis-unavailable\n" in text
    assert "\n\n\n" not in text


def test_recovery_point_counts_notebooks_without_a_version(run: Run, archive: Archive) -> None:
    protection = RUN_REPORT["protection"] | {"unprotected": 1}
    archive.run("night", protection=protection, recoveryPoint={"worstHours": 0, "worst": None})
    assert "nothing is behind ArcGIS; 1 notebook has no version\n" in run("report").stdout


def test_verification_explains_levels_of_proof(run: Run, archive: Archive) -> None:
    archive.verify("day")
    text = " ".join(run("report", "day").stdout.split())
    assert "27 at level 1 (listed), 2 at level 3 (read whole)" in text
    assert "Every version was archived or read whole within the last 12.3 days." in text


def test_report_says_when_a_new_secret_is_used(run: Run, archive: Archive) -> None:
    """Somebody who adds the owner and runs again at once would see the same report."""
    archive.run("night")
    (unread,) = [each for each in RUN_REPORT["notProtected"] if each["reason"] == "owner-credentials-missing"]
    text = run("report").stdout
    assert "The stack uses a new secret within five minutes." in " ".join(text.split())
    assert text.endswith(f"  notebook-archive run {unread['itemId']}\n")


# ---------------------------------------------------------------------- run and verify


def read_input(result_arn: str) -> Any:
    described = make_client("stepfunctions").describe_execution(executionArn=result_arn)
    return json.loads(described["input"])


@pytest.mark.usefixtures("stack")
def test_run_can_be_started_without_waiting(run: Run) -> None:
    document = run("run", ITEM, "--no-wait", "--name", "mine", "--json").document
    assert read_input(document["executionArn"]) == {"itemIds": [ITEM]}
    assert document["command"] == f"notebook-archive report {document['runId']} --wait"
    text = run("run", "--no-wait", "--yes").stdout
    assert "Follow it with the next command" in text


def test_second_run_at_the_same_time_needs_yes(run: Run, archive: Archive) -> None:
    archive.execute("now", hours=0.1, status="RUNNING")
    result = run("run", "--no-wait", "--json")
    assert (result.status, result.error["reason"]) == (2, "not-confirmed")
    assert run("run", "--no-wait", "--yes", "--json").status == 0


def test_name_can_be_used_once(run: Run, archive: Archive) -> None:
    archive.execute("mine", hours=2, chosen=True)
    result = run("run", "--name", "mine", "--json")
    assert (result.status, result.error["reason"]) == (2, "run-name-taken")


@pytest.mark.parametrize(("status", "expected"), [("complete", 0), ("partial", 3)])
def test_run_is_followed_to_its_report(
    run: Run, archive: Archive, monkeypatch: pytest.MonkeyPatch, status: str, expected: int
) -> None:
    monkeypatch.setenv("SF_EXECUTION_HISTORY_TYPE", "FAILURE")  # an execution in moto has ended at once
    now = datetime.now(UTC)
    archive.report(f"{now:%Y-%m-%d}/mine", startedAt=format_iso(now), status=status)
    result = run("run", "--name", "mine")
    assert (result.status, f"mine: {status}" in result.stdout) == (expected, True)
    assert "mine is under way" in result.stderr


def test_stopped_following_leaves_the_run_going(run: Run, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = archive.execute("mine", hours=0, status="RUNNING")
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def press_control_c(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "ListMapRuns":
            raise KeyboardInterrupt
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", press_control_c)
    result = run("report", "mine", "--wait")
    assert (result.status, result.stdout) == (130, "")
    assert f"The run {run_id} goes on." in result.stderr
    assert f"notebook-archive report {run_id} --wait" in result.stderr


def test_progress_counts_the_batches_of_the_newest_map_run(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.execute("mine", hours=0, status="RUNNING")
    started = [{"mapRunArn": f"arn:{day}", "startDate": f"2026-11-0{day}T00:00:00Z"} for day in (2, 1)]
    counts = {"pending": 2, "running": 1, "succeeded": 3, "failed": 1, "total": 7}
    backend = type(stepfunctions_backends[ACCOUNT][REGION])
    monkeypatch.setattr(backend, "list_map_runs", lambda _backend, _arn: {"mapRuns": started})
    monkeypatch.setattr(
        backend, "describe_map_run", lambda _backend, arn: {"itemCounts": counts} if arn == "arn:2" else {}
    )
    session = Session(Options(region=REGION))
    (execution,) = list_running(session, RUNS)
    progress = next(watch(session, execution))
    assert (progress.status, progress.batches, progress.done) == ("RUNNING", 7, 4)


def test_verification_prints_its_findings(run: Run, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_EXECUTION_HISTORY_TYPE", "FAILURE")
    archive.verify("mine", DAMAGED, hours=0, startedAt=format_iso(datetime.now(UTC)))
    for machine in stepfunctions_backends[ACCOUNT][REGION].state_machines:
        machine.executions.clear()  # so that the name can be used again
    result = run("verify", ITEM, "--name", "mine", "--json")
    assert result.status == 3
    assert [each["key"] for each in result.document["findings"]] == [DAMAGED["key"]]


@pytest.mark.usefixtures("stack")
def test_reading_everything_needs_yes(run: Run) -> None:
    result = run("verify", "--all", "--json")
    assert (result.status, result.error["reason"]) == (2, "not-confirmed")
    document = run("verify", "--all", "--yes", "--no-wait", "--json").document
    assert read_input(document["executionArn"]) == {"everything": True}
    assert document["command"].endswith("--kind verification --wait")
    assert run("verify", ITEM, "--all").status == 2


def test_plan_of_everything_counts_all_versions(run: Run, archive: Archive) -> None:
    """A verification of chosen notebooks lists only their versions."""
    archive.verify("night", hours=5, scope="due", versions=VERIFICATION_REPORT["versions"] | {"listed": 29})
    archive.verify("mine", hours=1, scope="chosen", versions=VERIFICATION_REPORT["versions"] | {"listed": 3})
    assert "Read every version of every notebook whole: 29 versions." in run("verify", "--all").stderr


# ---------------------------------------------------------------------- findings and acknowledge


@pytest.mark.usefixtures("stack")
def test_findings_without_a_verification_are_not_known(run: Run) -> None:
    result = run("findings")
    assert (result.status, "Nothing has been verified yet" in result.stdout) == (0, True)
    assert run("findings", "--json").document["runId"] == ""


def test_findings_are_listed_with_the_next_command(run: Run, archive: Archive) -> None:
    archive.verify("day", DAMAGED, FOREIGN)
    result = run("findings")
    assert result.status == 3
    assert f"notebook-archive verify {ITEM}" in result.stdout
    assert "notebook-archive acknowledge 09d8def2bac9" in result.stdout
    assert columns_of(result.stdout) <= MAX_COLUMNS
    assert [each["kind"] for each in run("findings", "--json").document["findings"]] == ["damaged", "foreign"]


def test_acknowledgement_settles_a_finding(run: Run, archive: Archive) -> None:
    archive.verify("day", FOREIGN)
    document = run("acknowledge", "09d8", "--why", "a note of ours", "--yes", "--json").document
    assert document["acknowledgement"]["why"] == "a note of ours"
    body = make_client("s3").get_object(Bucket=archive.bucket, Key="acknowledgements/09d8def2bac9.json")["Body"]
    written = json.loads(body.read())
    assert written.keys() == {"findingId", "at", "by", "why"}
    assert (written["findingId"], ACCOUNT in written["by"]) == ("09d8def2bac9", True)
    result = run("findings", "--json")
    assert (result.status, result.document["findings"]) == (0, [])
    assert run("findings", "--all", "--json").document["findings"][0]["state"] == "acknowledged"


def test_second_acknowledgement_changes_nothing(run: Run, archive: Archive) -> None:
    archive.verify("day", FOREIGN)
    run("acknowledge", "09d8def2bac9", "--why", "first", "--yes")
    result = run("acknowledge", "09d8def2bac9", "--why", "second", "--yes")
    assert (result.status, "earlier" in result.stderr, "first" in result.stdout) == (0, True, True)


def test_acknowledgement_needs_yes_and_a_reason(run: Run, archive: Archive) -> None:
    archive.verify("day", FOREIGN)
    assert run("acknowledge", "09d8def2bac9", "--why", "ours", "--json").error["reason"] == "not-confirmed"
    assert run("acknowledge", "09d8def2bac9", "--yes", "--json").error["reason"] == "reason-missing"
    assert run("findings").status == 3


def test_unknown_finding_is_not_found(run: Run, archive: Archive) -> None:
    archive.verify("day", FOREIGN)
    result = run("acknowledge", "09d8def2bad0", "--why", "x", "--yes", "--json")
    assert (result.status, result.error["remedy"]) == (5, "Did you mean 09d8def2bac9?")


# ---------------------------------------------------------------------- documents that somebody replaced

DAMAGED_DOCUMENTS: tuple[Any, ...] = (None, [], 5, {}, {"runId": 5, "status": None, "startedAt": "x", "endedAt": 3})


@pytest.mark.parametrize(
    ("kind", "output"),
    [("run", "StateMachine"), ("verification", "VerificationStateMachine"), ("restore", "RestoreStateMachine")],
)
def test_damaged_report_hides_no_other(run: Run, archive: Archive, kind: str, output: str) -> None:
    run_id = archive.execute("bad", output=output)
    prefix = {"run": "runs", "verification": "verifications", "restore": "bulk-restores"}[kind]
    for document in DAMAGED_DOCUMENTS:
        archive.put(f"{prefix}/{run_id}/report.json", document)
        listed = run("runs", "--kind", kind, "--json")
        assert (listed.status, [each["status"] for each in listed.document]) == (0, ["no-report"])
        named = run("report", run_id, "--json")
        assert (named.status, named.error["reason"]) == (3, "archive-damaged")
        assert f"{prefix}/{run_id}/report.json" in named.error["message"]
        assert run("report", "--kind", kind).status != 1
        assert run("status", "--json").status == 3


def test_damaged_findings_are_reported(run: Run, archive: Archive) -> None:
    run_id = archive.verify("day", DAMAGED)
    for document in DAMAGED_DOCUMENTS:
        archive.put(f"verifications/{run_id}/findings.jsonl", document)
        for arguments in (["findings"], ["acknowledge", "09d8", "--why", "x", "--yes"], ["status"]):
            result = run(*arguments, "--json")
            assert (result.status, result.error["reason"]) == (3, "archive-damaged")


@pytest.mark.parametrize("command", ["run", "verify"])
@pytest.mark.usefixtures("stack")
def test_impossible_name_is_refused(run: Run, command: str) -> None:
    for name in ("a b", "a.b", "../x", "x" * 81):
        result = run(command, "--no-wait", "--yes", "--name", name, "--json")
        assert (result.status, result.error["reason"]) == (2, "run-name-invalid")
