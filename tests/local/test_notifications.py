"""Test that the deployed notifier sends what failed to a topic, once.

MiniStack sends the events of executions, but none of alarms. So the test puts such an event into the queue, as the rule
would do.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local.system import LocalSystem
from tests.local.conftest import TOPIC
from tests.local.test_events import until, waiting
from tests.notifications.operators import alarm_event


class _Mailbox:
    """A queue that is subscribed to the topic of the alarms."""

    def __init__(self, system: LocalSystem) -> None:
        self._sns: Any = system.aws.session.client("sns", endpoint_url=system.aws.endpoint_url)
        self.sqs: Any = system.aws.session.client("sqs", endpoint_url=system.aws.endpoint_url)
        assert self._sns.create_topic(Name="operators")["TopicArn"] == TOPIC
        self._url = self.sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        self._sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def read(self) -> list[dict[str, Any]]:
        found = []
        while got := self.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                self.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found


@pytest.fixture(scope="module")
def mailbox(present: LocalSystem) -> _Mailbox:
    """The mailbox. Alarms and executions reach the notifier at once, because nobody waits four minutes for a test."""
    made = _Mailbox(present)
    made.sqs.set_queue_attributes(QueueUrl=present.outputs["NotificationQueue"], Attributes={"DelaySeconds": "0"})
    return made


def _collect(mailbox: _Mailbox, found: list[dict[str, Any]]) -> Callable[[], bool]:
    def has_message() -> bool:
        found.extend(mailbox.read())
        return bool(found)

    return has_message


def test_failed_run_is_one_message(present: LocalSystem, mailbox: _Mailbox) -> None:
    """The execution's end arrives too, and the alarm after it."""
    started = present.aws.step_functions.start_execution(
        stateMachineArn=present.outputs["StateMachine"], name="told-once", input='{"nonsense": 1}'
    )
    messages: list[dict[str, Any]] = []
    until(_collect(mailbox, messages), "no message")
    now = datetime.now(UTC)
    mailbox.sqs.send_message(
        QueueUrl=present.outputs["NotificationQueue"], MessageBody=json.dumps(alarm_event("RunFailedAlarm", now))
    )
    mailbox.sqs.send_message(
        QueueUrl=present.outputs["NotificationQueue"], MessageBody=json.dumps(alarm_event("BackupLateAlarm", now))
    )
    until(lambda: waiting(present, "NotificationQueue") == 0, "the notifier does not take its events")
    until(_collect(mailbox, messages) if len(messages) < 2 else lambda: True, "no message about the alarm")
    late = [each for each in messages if "waited for an hour" in each["Subject"]]
    (failed,) = [each for each in messages if each not in late]
    assert failed["Subject"] == "[notebook-archive] Archive run failed: run input invalid"
    assert f"The archive run {now:%Y-%m-%d}/told-once failed. It archived nothing." in failed["Message"]
    assert "nonsense" in failed["Message"]
    assert len(late) == 1
    described = present.aws.step_functions.describe_execution(executionArn=started["executionArn"])
    assert described["status"] == "FAILED"


def test_digest_names_what_was_sent(present: LocalSystem, mailbox: _Mailbox) -> None:
    functions = present.aws.session.client("lambda", endpoint_url=present.aws.endpoint_url)
    payload = json.dumps({"digest": datetime.now(UTC).isoformat()}).encode()
    answer = functions.invoke(FunctionName=present.outputs["NotifyOperatorsFunction"], Payload=payload)
    assert json.load(answer["Payload"]) == {"outcomes": ["sent"]}
    messages: list[dict[str, Any]] = []
    until(_collect(mailbox, messages), "no digest")
    assert "Archive run failed: run input invalid" in messages[-1]["Message"]
