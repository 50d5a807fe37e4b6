"""Send events to the notifier, and read what operators receive: a mailbox and a chat, as SQS queues of SNS topics."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from notebook_archive.archive import Archive
from notebook_archive.notifications import Decision, Notifier, Publisher, Records, Stack, Topic, notify
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, StrictS3

REGION = "eu-central-1"
STACK = "notebook-archive"
MACHINES = {
    kind: f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
    for kind, name in (
        ("run", "ArchiveRun-1A2B3C"),
        ("verification", "ArchiveVerification-1A2B3C"),
        ("restore", "ArchiveRestore-1A2B3C"),
    )
}


@functools.cache
def _client(service: str) -> Any:
    """Return one client for all tests, because making a client takes longer than a test."""
    return boto3.Session(region_name="eu-west-1").client(service)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Message:
    """A message as a subscriber of a topic gets it."""

    subject: str
    text: str


class Inbox:
    """A subscriber of a topic of its own."""

    def __init__(self, name: str) -> None:
        sns, self._sqs = _client("sns"), _client("sqs")
        self.topic = sns.create_topic(Name=name)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def read(self) -> list[Message]:
        """Return the messages that have arrived since the last call, in order."""
        found: list[Message] = []
        while got := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for each in got:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=each["ReceiptHandle"])
                body = json.loads(each["Body"])
                found.append(Message(body["Subject"], body["Message"]))
        return found

    def close(self) -> None:
        """Delete the topic, so that SNS refuses further messages."""
        _client("sns").delete_topic(TopicArn=self.topic)


@dataclass
class Operators:
    """The operators of a stack, its archive, and its notifier."""

    s3: StrictS3
    hours: int = 26
    only_changes: bool = False
    has_chat: bool = True
    mail: Inbox = field(init=False)
    chat: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.mail, self.chat = Inbox("operators"), Inbox("chat")
        client = self.s3.client(2)
        self.archive = Archive(client, BUCKET, ACCOUNT)
        self.records = Records(client, LEDGER_BUCKET, ACCOUNT)

    def tell(self, event: Mapping[str, Any]) -> Decision:
        """Send an event to the notifier, which makes one decision about it."""
        (decision,) = self.tell_all(event)
        return decision

    def tell_all(self, event: Mapping[str, Any]) -> list[Decision]:
        """Send an event to the notifier."""
        topics = [Topic(self.mail.topic, "text"), *([Topic(self.chat.topic, "chat")] if self.has_chat else [])]
        stack = Stack(STACK, REGION)
        machines: dict[str, Any] = {arn: kind for kind, arn in MACHINES.items()}
        notifier = Notifier(
            self.archive,
            self.records,
            Publisher(_client("sns"), stack),
            topics,
            stack,
            machines,
            self.hours,
            self.only_changes,
        )
        return notify(json.loads(json.dumps(event)), notifier)


def alarm_event(alarm: str, at: datetime, state: str = "ALARM", stack: str = STACK) -> dict[str, Any]:
    """Return the event that CloudWatch sends when the state of an alarm changes."""
    name = f"{stack}-{alarm}-1A2B3C4D5E6F"
    before = "OK" if state == "ALARM" else "ALARM"
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"description": "An alarm.", "metrics": []},
            "previousState": {"reason": "-", "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"), "value": before},
            "state": {
                "reason": "Threshold Crossed",
                "reasonData": "{}",
                "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
                "value": state,
            },
        },
    }


def execution_event(
    kind: str,
    name: str,
    started: datetime,
    status: str = "FAILED",
    error: str | None = None,
    cause: str | None = None,
    lasted: timedelta = timedelta(minutes=10),
) -> dict[str, Any]:
    """Return the event that Step Functions sends when an execution ends."""
    machine, ended = MACHINES[kind], started + lasted
    return {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT,
        "time": ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"{machine.replace(':stateMachine:', ':execution:')}:{name}"],
        "detail": {
            "executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
            "stateMachineArn": machine,
            "name": name,
            "status": status,
            "startDate": int(started.timestamp() * 1000),
            "stopDate": int(ended.timestamp() * 1000),
            "input": "{}",
            "output": None,
            "error": error,
            "cause": cause,
        },
    }


def report_event(detail_type: str, detail: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return the event that this stack sends after it has written a report."""
    return {
        "version": "0",
        "id": "0d5081cb-f823-45f4-b1e5-a8b8e012348c",
        "detail-type": detail_type,
        "source": "notebook-archive",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": dict(detail),
    }


def night(number: int, hour: int = 2, minute: int = 14) -> datetime:
    """Return a time in a night of November 2026 (UTC)."""
    return datetime(2026, 11, number, hour, minute, tzinfo=UTC)
