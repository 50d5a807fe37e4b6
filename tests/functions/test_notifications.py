"""Test that the function sends what its samples call for, once, and that a refusal is visible."""

import json

import pytest

from notebook_archive.errors import NotificationRefused, SettingsInvalid
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import metrics
from tests.notifications.operators import Inbox
from tests.strict_s3 import BUCKET

_MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine"


@pytest.fixture
def mail(functions: Functions) -> Inbox:
    """Return the mailbox of a stack whose function reports to it."""
    inbox = Inbox("operators")
    functions.configure(
        TEXT_TOPIC_ARN=inbox.topic,
        CHAT_TOPIC_ARN="",
        RUN_STATE_MACHINE_ARN=f"{_MACHINE}:ArchiveRun-1A2B3C",
        VERIFICATION_STATE_MACHINE_ARN=f"{_MACHINE}:ArchiveVerification-1A2B3C",
        RESTORE_STATE_MACHINE_ARN=f"{_MACHINE}:ArchiveRestore-1A2B3C",
        ALARM_AFTER_HOURS="26",
        DIGEST_CONTENT="ALWAYS",
    )
    return inbox


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("notify_operators", "[notebook-archive] Requested backups have waited for an hour"),
        ("notify_operators.execution", "[notebook-archive] Archive run timed out"),
        ("notify_operators.report", "[notebook-archive] Archive run partial"),
        ("notify_operators.digest", "[notebook-archive] Digest: no run"),
    ],
)
def test_sample_is_sent_once(functions: Functions, mail: Inbox, name: str, subject: str) -> None:
    event = sample(name)
    if "detail" in event:
        event["detail"]["bucket"] = BUCKET
    assert functions.invoke("notify_operators", event) == {"outcomes": ["sent"]}
    assert functions.invoke("notify_operators", event) == {"outcomes": ["known"]}
    assert [message.subject for message in mail.read()] == [subject]


def test_sample_of_lasting_alarms_sends_nothing(functions: Functions, mail: Inbox) -> None:
    assert functions.invoke("notify_operators", sample("notify_operators.lasting")) == {"outcomes": []}
    assert mail.read() == []


def test_report_of_a_real_run_is_sent(functions: Functions, mail: Inbox) -> None:
    """The planning failed in the sample. The event is what report_run sends, with its whole report in the bucket."""
    summary = functions.invoke("report_run", sample("report_run.failed"))
    event = sample("notify_operators.report") | {"detail": summary | {"bucket": BUCKET}}
    assert functions.invoke("notify_operators", event) == {"outcomes": ["sent"]}
    (message,) = mail.read()
    assert message.subject.startswith("[notebook-archive] Archive run failed: ")
    assert summary["message"].removeprefix("The run failed: ")[:40] in " ".join(message.text.split())


def test_counts_are_metrics_and_decisions_are_logged(
    functions: Functions, mail: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    functions.invoke("notify_operators", sample("notify_operators.execution"))
    emitted = metrics(capsys.readouterr().out)
    counts = [emitted[name] for name in ("NotificationsSent", "NotificationsFolded", "NotificationsFailed")]
    assert counts == [[1.0], [0.0], [0.0]]
    event = json.loads(sample("notify_operators")["Records"][0]["body"])
    event["detail"]["alarmName"] = "notebook-archive-RunTimedOutAlarm-1A2B3C4D5E6F"
    event["detail"]["state"]["timestamp"] = "2026-11-29T02:20:00.000+0000"
    assert functions.invoke("notify_operators", event) == {"outcomes": ["folded"]}
    assert metrics(capsys.readouterr().out)["NotificationsFolded"] == [1.0]
    assert [line["message"] for line in functions.lines() if "notification" in line] == ["sent", "folded"]
    assert len(mail.read()) == 1


def test_refusal_fails_the_invocation(functions: Functions, mail: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    """So SQS or Lambda tries again, and then puts the event into the dead-letter queue, which has an alarm."""
    mail.close()
    with pytest.raises(NotificationRefused, match=r"SNS did not accept a message for the topic .*:operators"):
        functions.invoke("notify_operators", sample("notify_operators"))
    assert metrics(capsys.readouterr().out)["NotificationsFailed"] == [1.0]
    assert any("problem" in line for line in functions.lines())


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_settings_without_a_topic_are_refused(functions: Functions, mail: Inbox) -> None:
    functions.configure(TEXT_TOPIC_ARN="")
    with pytest.raises(SettingsInvalid, match="TEXT_TOPIC_ARN and CHAT_TOPIC_ARN are both empty"):
        functions.invoke("notify_operators", sample("notify_operators.digest"))
    assert mail.read() == []
