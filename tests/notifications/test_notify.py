"""Test that each failure is reported once, with its cause and a command, and that nothing is sent if nothing failed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from notebook_archive.archive import RunId, keys
from notebook_archive.backup.records import Problem
from notebook_archive.errors import NotificationRefused
from notebook_archive.notifications import ALARMS, Decision, Notification
from tests.notifications.examples import NOT_A_NOTEBOOK, TOKEN_REJECTED
from tests.notifications.operators import Operators, alarm_event, execution_event, night, report_event
from tests.notifications.reports import (
    item_id,
    make_finding,
    make_restore_report,
    make_run_report,
    make_test_results,
    make_verification_report,
    name_notebook,
    tell_restore,
    tell_restore_test,
    tell_run,
    tell_verification,
    unprotected,
)
from tests.strict_s3 import BUCKET, LEDGER_BUCKET, Fault, plain_client

RUN = "2026-11-22/nightly"
_NOTEBOOK = name_notebook(3, "bo") | NOT_A_NOTEBOOK


def _fail_run(operators: Operators, day: int = 22, run: str = "nightly") -> Decision:
    report = make_run_report(f"2026-11-{day}/{run}", night(day), "partial", [_NOTEBOOK])
    return tell_run(operators, report, night(day))


def test_failed_run_is_reported_once(operators: Operators) -> None:
    """Its report comes first, then the end of its execution, then the alarm. Each event may come twice."""
    ended = execution_event(
        "run", "nightly", night(22, 2, 4), error="ArchiveRun.partial", cause="Partial. 40 notebooks"
    )
    alarm = alarm_event("RunFailedAlarm", night(22, 2, 18))
    outcomes = [_fail_run(operators).outcome, _fail_run(operators).outcome]
    outcomes += [operators.tell(event).outcome for event in (ended, ended, alarm, alarm)]
    assert outcomes == ["sent", "known", "known", "known", "folded", "known"]
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] Archive run partial: 1 of 40 notebooks failed, not a notebook"
    assert f'"Restricted survey" ({item_id(3)}), owner bo' in message.text
    assert len(operators.chat.read()) == 1


def test_lost_event_of_a_report_is_made_up_for(operators: Operators) -> None:
    """The bus did not accept the event, so the execution ended with that error after it had written its report."""
    report = make_run_report(RUN, night(22), "partial", [_NOTEBOOK])
    operators.archive.put_document(keys.report_key(RunId(RUN)), report)
    assert operators.tell(execution_event("run", "nightly", night(22, 2, 4), error="EventRefused")).outcome == "sent"
    assert "not a notebook" in operators.mail.read()[0].subject
    assert operators.tell(alarm_event("RunFailedAlarm", night(22, 2, 18))).outcome == "folded"


def test_execution_without_a_report_has_its_cause(operators: Operators) -> None:
    cause = json.dumps(
        {"errorType": "ArchiveDenied", "errorMessage": "S3 returned AccessDenied for runs/ in bucket b."}
    )
    decision = operators.tell(execution_event("run", "nightly", night(22), error="ArchiveDenied", cause=cause))
    (message,) = operators.mail.read()
    assert decision.outcome == "sent"
    assert message.subject == "[notebook-archive] Archive run failed: archive denied"
    assert "S3 returned AccessDenied" in message.text
    assert "notebook-archive doctor --stack notebook-archive --region eu-central-1" in message.text
    assert operators.tell(alarm_event("RunFailedAlarm", night(22, 2, 30))).outcome == "folded"


def test_run_id_of_another_stack_is_not_its_report(operators: Operators) -> None:
    """Another stack with the same bucket had an execution with this name, and its run was complete."""
    operators.archive.put_document(keys.report_key(RunId(RUN)), make_run_report(RUN, night(22)))
    cause = json.dumps({"errorType": "RunIdTaken", "errorMessage": "Run id 2026-11-22/nightly is already used."})
    assert (
        operators.tell(execution_event("run", "nightly", night(22), error="RunIdTaken", cause=cause)).outcome == "sent"
    )
    assert operators.mail.read()[0].subject.endswith("Archive run failed: run id taken")


def test_stopped_execution_is_reported_once(operators: Operators) -> None:
    for day, (kind, noun) in enumerate((("run", "Run"), ("verification", "Verification"), ("restore", "Restore"))):
        for status, end in (("TIMED_OUT", "TimedOut"), ("ABORTED", "Aborted")):
            at = night(20 + day, 2 if end == "Aborted" else 12)
            assert operators.tell(execution_event(kind, end, at, status)).outcome == "sent"
            alarm = alarm_event(f"{noun}{end}Alarm", at + timedelta(minutes=15))
            assert operators.tell(alarm).outcome == "folded"
            assert len(operators.mail.read()) == 1


def test_alarm_without_a_report_is_reported(operators: Operators) -> None:
    """Step Functions sends its events at best effort, so the alarm about an execution may be the only one."""
    assert operators.tell(alarm_event("RunFailedAlarm", night(22))).outcome == "sent"
    assert operators.mail.read()[0].subject.endswith("An archive run failed")


def test_report_of_an_earlier_night_hides_no_alarm(operators: Operators) -> None:
    _fail_run(operators, 21)
    assert operators.tell(alarm_event("RunFailedAlarm", night(22))).outcome == "sent"


def test_report_of_a_complete_run_hides_no_alarm(operators: Operators) -> None:
    tell_run(operators, make_run_report(RUN, night(22)), night(22))
    assert operators.tell(alarm_event("RunFailedAlarm", night(22, 2, 20))).outcome == "sent"


def test_quiet_week_sends_nothing(operators: Operators) -> None:
    for day in range(1, 8):
        tell_run(operators, make_run_report(f"2026-11-{day:02}/nightly", night(day)), night(day))
        report = make_verification_report(f"2026-11-{day:02}/verify", night(day, 8))
        tell_verification(operators, report, night(day, 8))
        results = make_test_results(f"2026-11-{day:02}/test", night(day, 12))
        tell_restore_test(operators, results, night(day, 12))
        operators.tell(alarm_event("NoSuccessfulRunAlarm", night(day, 3), "OK"))
    assert operators.mail.read() == operators.chat.read() == []


def test_series_of_failures_has_its_beginning(operators: Operators) -> None:
    tell_run(operators, make_run_report("2026-11-19/nightly", night(19)), night(19))
    for day in (20, 21, 22):
        _fail_run(operators, day)
    assert [message.text.split("\n")[4] for message in operators.mail.read()] == ["  2026-11-20 02:14 UTC"] * 3


def test_unprotected_notebook_is_reported_when_it_is_new(operators: Operators) -> None:
    nights = ([unprotected(3)], [unprotected(3)], [unprotected(3), unprotected(4)], [unprotected(4)], [unprotected(3)])
    outcomes = []
    for day, entries in enumerate(nights, start=20):
        report = make_run_report(f"2026-11-{day}/nightly", night(day), not_protected=entries)
        outcomes.append(tell_run(operators, report, night(day)).outcome)
        assert operators.tell(alarm_event("NotebooksUnprotectedAlarm", night(day, 2, 18))).outcome == "folded"
    assert outcomes == ["sent", "quiet", "sent", "quiet", "sent"]
    first, second, _ = operators.mail.read()
    assert first.subject.endswith("1 notebook has nothing in the archive")
    assert "2 notebooks have nothing in the archive, 1 of them" in " ".join(second.text.split())
    assert "notebook-archive owners add dora --stack" in first.text


def test_run_over_chosen_notebooks_is_no_full_run(operators: Operators) -> None:
    chosen = make_run_report("2026-11-22/a", night(22, 10), not_protected=[unprotected(3)], scope="chosen")
    assert tell_run(operators, chosen, night(22, 10)).outcome == "quiet"
    full = make_run_report("2026-11-23/nightly", night(23), not_protected=[unprotected(3)])
    assert tell_run(operators, full, night(23)).outcome == "sent"


def test_findings_are_reported_until_acknowledged(operators: Operators) -> None:
    outcomes = []
    for day, state in ((20, "new"), (21, "open"), (22, "acknowledged")):
        findings = [make_finding(1, "2026-11-20T08:00:00Z", state)]
        report = make_verification_report(f"2026-11-{day}/verify", night(day, 8), findings)
        outcomes.append(tell_verification(operators, report, night(day, 8)).outcome)
        if state != "acknowledged":
            assert operators.tell(alarm_event("VerificationFailedAlarm", night(day, 8, 20))).outcome == "folded"
    assert outcomes == ["sent", "sent", "quiet"]
    assert "notebook-archive findings --stack" in operators.mail.read()[0].text


def test_bulk_restore_and_restore_test_are_reported_once(operators: Operators) -> None:
    problem: Problem = {"reason": "owner-missing", "message": "No member 'dora'.", "remedy": "Add the member."}
    outcome: Any = {**name_notebook(3, "dora"), "archivedOwner": "dora", "state": "failed", "problem": problem}
    restored = make_restore_report("2026-11-22/back-1", night(22, 9), [outcome])
    assert tell_restore(operators, restored, night(22, 9)).outcome == "sent"
    assert operators.tell(alarm_event("BulkRestoreFailedAlarm", night(22, 9, 20))).outcome == "folded"
    tested = make_test_results("2026-11-22/test", night(22, 12), [problem])
    assert tell_restore_test(operators, tested, night(22, 12)).outcome == "sent"
    assert operators.tell(alarm_event("RestoreTestFailedAlarm", night(22, 12, 20))).outcome == "folded"
    first, second = operators.mail.read()
    assert "notebook-archive restore --resume 2026-11-22/back-1 --stack" in first.text
    assert "notebook-archive restore-test --run 2026-11-22/test --stack" in second.text


def test_missing_run_says_when_the_last_one_was(operators: Operators) -> None:
    tell_run(operators, make_run_report("2026-11-21/nightly", night(21)), night(21))
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6)))
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] No archive run has been complete for 26 hours"
    assert "  2026-11-21 02:14 UTC" in message.text


@pytest.mark.parametrize(("hours", "outcome"), [(26, "folded"), (5, "sent")])
def test_missing_run_is_folded_into_failed_ones(operators: Operators, hours: int, outcome: str) -> None:
    """Only runs that failed within AlarmAfterHours count."""
    operators.hours = hours
    _fail_run(operators, 22)
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 9))).outcome == outcome


def test_end_of_a_reported_state_is_reported(operators: Operators) -> None:
    """Only alarms that are states have an end. Each alarm is on another day, so none is folded into another."""
    for day, (alarm, words) in enumerate(ALARMS.items()):
        at = night(1) + timedelta(days=10 * day)
        states = ((0, "ALARM"), (2, "OK"), (4, "OK"))
        outcomes = [operators.tell(alarm_event(alarm, at + timedelta(hours=hour), state)) for hour, state in states]
        expected = ["sent", "sent", "quiet"] if words.kind == "state" else ["sent", "quiet", "quiet"]
        assert [each.outcome for each in outcomes] == expected, alarm
        subjects = [message.subject for message in operators.mail.read()]
        assert subjects[1:] == ([f"[notebook-archive] Over: {words.recovered}"[:99]] if words.recovered else [])


def test_end_of_a_folded_alarm_is_not_reported(operators: Operators) -> None:
    _fail_run(operators, 22)
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 9)))
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(23, 3), "OK")).outcome == "quiet"


def test_failing_requests_are_reported_once(operators: Operators) -> None:
    """A function that crashes for hours: first it fails, then requests are late, then they are in the failure queue."""
    alarms = [("RequestsFailingAlarm", 8), ("BackupLateAlarm", 9), ("BackupFailedAlarm", 13)]
    outcomes = [operators.tell(alarm_event(alarm, night(22, hour))).outcome for alarm, hour in alarms]
    assert outcomes == ["sent", "folded", "folded"]
    assert operators.tell(alarm_event("BackupFailedAlarm", night(23, 13))).outcome == "sent", "the next day"


def test_event_of_something_else_is_ignored(operators: Operators) -> None:
    events = [
        alarm_event("RunFailedAlarm", night(22), stack="notebook-archive-dev"),
        alarm_event("RunFailedAlarm", night(22), stack="other"),
        alarm_event("RunFailedAlarm", night(22), "INSUFFICIENT_DATA"),
        {**alarm_event("RunFailedAlarm", night(22)), "detail": {}},
        {**execution_event("run", "n", night(22)), "detail": {"stateMachineArn": "arn:another", "status": "FAILED"}},
        execution_event("run", "n", night(22), "SUCCEEDED"),
        report_event("SnapshotArchived", {"itemId": item_id(1)}, night(22)),
        {},
    ]
    assert {operators.tell(event).outcome for event in events} == {"quiet"}
    assert operators.mail.read() == []


def test_unknown_alarm_of_the_stack_is_ignored(operators: Operators) -> None:
    assert operators.tell(alarm_event("EverythingAlarm", night(22))).outcome == "quiet"


def test_topic_that_refuses_gets_the_message_later(operators: Operators) -> None:
    """The other topic gets it once."""
    topic = operators.chat.topic
    operators.chat.close()
    with pytest.raises(NotificationRefused, match="chat"):
        _fail_run(operators)
    assert len(operators.mail.read()) == 1
    operators.chat = type(operators.chat)("chat")
    assert operators.chat.topic == topic
    assert _fail_run(operators).outcome == "sent"
    assert (len(operators.mail.read()), len(operators.chat.read())) == (0, 1)
    assert _fail_run(operators).outcome == "known"


def test_failure_is_reported_although_s3_refuses(operators: Operators) -> None:
    """Nothing can be read or recorded then. The alarm about the execution is folded, because its end was an event."""
    report = make_run_report(RUN, night(22), "failed", error=TOKEN_REJECTED)
    for operation in ("GetObject", "PutObject", "ListObjectsV2"):
        operators.s3.faults.append(Fault(operation, "403-AccessDenied", times=None))
    detail = {"runId": RUN, "status": "failed", "message": report["message"], "bucket": BUCKET}
    assert operators.tell(report_event("ArchiveRunCompleted", detail, night(22))).outcome == "sent"
    assert operators.tell(alarm_event("RunFailedAlarm", night(22, 2, 20))).outcome == "folded"
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] Archive run failed"
    assert "The credential in secret 'notebook-archive/admin' was refused." in " ".join(message.text.split())


def test_damaged_record_is_not_trusted(operators: Operators) -> None:
    _fail_run(operators)
    operators.mail.read()
    key = keys.notification_key("run", RUN)
    plain_client().put_object(Bucket=LEDGER_BUCKET, Key=key, Body=b"{")
    assert _fail_run(operators).outcome == "sent"


def test_record_names_no_person_and_no_title(operators: Operators) -> None:
    """So `notebook-archive erase` need not look at records."""
    failed = [name_notebook(1, "ana") | NOT_A_NOTEBOOK]
    report = make_run_report(RUN, night(22), "partial", failed, [unprotected(3)])
    tell_run(operators, report, night(22))
    record = operators.records.find("run", RUN)
    assert record
    assert record.unprotected == (item_id(3),)
    for word in ("ana", "dora", "Flood", "Restricted"):
        assert word not in repr(record)


def test_digest_says_what_happened_since_the_last_one(operators: Operators) -> None:
    _fail_run(operators, 20)
    assert operators.tell({"digest": night(20, 6).isoformat()}).outcome == "sent"
    tell_run(operators, make_run_report("2026-11-21/nightly", night(21)), night(21))
    operators.tell(alarm_event("BackupLateAlarm", night(21, 5)))
    operators.mail.read()
    assert operators.tell({"digest": night(21, 6).isoformat()}).outcome == "sent"
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] Digest: 40 of 40 protected, last run complete, 1 alarm on"
    assert "2026-11-21 05:14 UTC: Requested backups have waited for an hour" in message.text
    assert "2026-11-20" not in message.text
    assert operators.tell({"digest": night(21, 6).isoformat()}).outcome == "known"


def test_digest_after_a_failed_plan_has_the_last_figures(operators: Operators) -> None:
    tell_run(operators, make_run_report("2026-11-20/nightly", night(20)), night(20))
    error: Any = {"reason": "arcgis-unavailable", "message": "No response.", "remedy": "Start it."}
    tell_run(operators, make_run_report("2026-11-21/nightly", night(21), "failed", error=error), night(21))
    operators.mail.read()
    operators.tell({"digest": night(21, 6).isoformat()})
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] Digest: 40 of 40 protected, last run failed"
    assert "in the last run that counted them. The last run, 2026-11-21/nightly, failed" in " ".join(
        message.text.split()
    )
    assert "Not measured" not in message.text


def test_digest_without_changes_can_be_left_out(operators: Operators) -> None:
    operators.only_changes = True
    outcomes = []
    for day in range(18, 24):
        failed = [_NOTEBOOK] if day == 21 else []
        report = make_run_report(f"2026-11-{day}/nightly", night(day), "partial" if failed else "complete", failed)
        tell_run(operators, report, night(day))
        outcomes.append(operators.tell({"digest": night(day, 6).isoformat()}).outcome)
    assert outcomes == ["sent", "quiet", "quiet", "sent", "sent", "quiet"]


def test_digest_names_an_alarm_that_was_folded(operators: Operators) -> None:
    """If the schedule is disabled after a failed run, the alarm stays on, so nothing else is sent."""
    _fail_run(operators, 22)
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 9)))
    operators.mail.read()
    operators.tell({"digest": night(25, 6).isoformat()})
    assert "No archive run has been complete for" in operators.mail.read()[0].text


def test_digest_of_an_empty_archive_says_so(operators: Operators) -> None:
    operators.tell({"digest": night(22).isoformat()})
    (message,) = operators.mail.read()
    assert message.subject == "[notebook-archive] Digest: no run"
    assert "No run over all notebooks has ended in the last 31 days." in message.text


def test_many_notebooks_are_not_all_named(operators: Operators) -> None:
    failed = [name_notebook(number) | NOT_A_NOTEBOOK for number in range(1, 31)]
    decision = tell_run(operators, make_run_report(RUN, night(22), "partial", failed), night(22))
    assert isinstance(decision.notification, Notification)
    assert len(decision.notification.concerns) == 11
    assert decision.notification.concerns[-1] == "and 20 more notebooks"
    assert "(not-a-notebook, 30 notebooks)" in " ".join(operators.mail.read()[0].text.split())


def test_redriven_event_is_told_by_its_own_time(operators: Operators) -> None:
    """An event may wait for days in the dead-letter queue. Its alarm is folded as it would have been then."""
    _fail_run(operators, 20)
    _fail_run(operators, 22)
    assert operators.tell(alarm_event("RunFailedAlarm", night(20) + timedelta(minutes=5))).outcome == "folded"
