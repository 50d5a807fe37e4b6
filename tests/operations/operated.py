"""Operate the stack over simulated days: the real handlers do the work, and the template's alarms and rules follow it.

The local AWS evaluates no alarms. So the metrics come from what happened: those that the handlers log, and AWS's own,
which are derived from invocations, executions, queues and responses. Each change of an alarm becomes the event that
CloudWatch sends. The rules of the template pass events on to the notifier, and what it publishes is read from SNS.

Only the time of events and metrics is simulated. The clock of the handlers is the real one.
"""

import contextlib
import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto.events.models import events_backends
from moto.sqs.models import sqs_backends

from tests.functions.conftest import Functions, sample
from tests.operations.evaluator import describe_change, evaluate_alarms, read_alarms
from tests.operations.machine import Ended, Machine, TaskFailed
from tests.operations.metrics import Point, read_emf
from tests.operations.patterns import is_matching
from tests.site import stored_body
from tests.strict_s3 import ACCOUNT
from tests.template.rendered import EVERYTHING, VARIANTS, render, state_machine

REGION = "eu-west-1"
STACK = "notebook-archive"
# The subjects of notifications that a failure is over.
OVER = f"[{STACK}] Over: "
PARAMETERS = {
    **VARIANTS["webhooks"],
    "AlarmTopicArn": EVERYTHING["AlarmTopicArn"],
    "VerifyScheduleState": "DISABLED",
}
# SQS sends the metrics of a queue until nobody has used it for this time (SQS developer guide).
_ACTIVE = timedelta(hours=6)
_MINUTE = timedelta(minutes=1)
_NOTIFIER, _NOTIFICATIONS = "NotifyOperatorsFunction", "NotificationQueue"
# The variable of the notifier that has the ARN of a state machine.
_MACHINES = {
    "ArchiveRun": "RUN_STATE_MACHINE_ARN",
    "ArchiveVerification": "VERIFICATION_STATE_MACHINE_ARN",
    "ArchiveRestore": "RESTORE_STATE_MACHINE_ARN",
}


@dataclass(frozen=True)
class Sent:
    """A notification as SNS delivered it, and when."""

    at: datetime
    subject: str
    text: str


@dataclass
class Operated:
    """A stack that has been deployed. `at` is the time there.

    `start` is the time from which alarms are evaluated. `throttled` are the functions that Lambda does not start now.
    `ended` are the executions by name.
    """

    functions: Functions
    at: datetime
    parameters: Mapping[str, str] = field(default_factory=lambda: PARAMETERS)
    extra_periods: int = 2
    throttled: set[str] = field(default_factory=set)
    points: list[Point] = field(default_factory=list)
    notifications: list[Sent] = field(default_factory=list)
    start: datetime | None = None
    ended: dict[str, Ended] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = json.dumps(render(self.parameters))
        self.rendered = json.loads(text.replace("eu-central-1", REGION).replace("111122223333", ACCOUNT))
        self.alarms = read_alarms(self.rendered)
        self._resources = self.rendered["Resources"]
        self._arrivals = itertools.count()
        self._pending: list[tuple[datetime, int, str, dict[str, Any]]] = []
        self._announced = 0
        self._measured_at = self.at
        self._used: dict[str, datetime] = {}
        self._waiting: dict[str, datetime] = {}
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        boto3.client("events").create_archive(ArchiveName="all", EventSourceArn=bus)
        sqs, sns = boto3.client("sqs"), boto3.client("sns")
        self.queues = {
            name: sqs.create_queue(QueueName=name)["QueueUrl"]
            for name, each in self._resources.items()
            if each["Type"] == "AWS::SQS::Queue"
        }
        self.topic = sns.create_topic(Name="operators")["TopicArn"]
        self._inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox")
        self.functions.configure(
            ARCHIVE_CURRENT="true",
            REQUEST_QUEUE_URL=self.queues["RequestQueue"],
            FAILURE_QUEUE_URL=self.queues["FailureQueue"],
            AWS_REGION=REGION,
            **{
                name: value
                for name, value in self._resources[_NOTIFIER]["Properties"]["Environment"]["Variables"].items()
                if name != "LEDGER_BUCKET"
            },
        )
        self.functions.configure(TEXT_TOPIC_ARN=self.topic)

    # What happens in the stack.

    def run(self, **given: Any) -> Ended:
        """Make an archive run now."""
        return self.execute("ArchiveRun", given)

    def verify(self, **given: Any) -> Ended:
        """Make a verification now."""
        return self.execute("ArchiveVerification", given)

    def execute(self, machine: str, given: Mapping[str, Any], name: str = "") -> Ended:
        """Execute a state machine now. As on AWS, its metrics and events follow."""
        name = name or f"execution-{next(self._arrivals)}"
        started_at = self.at
        self.functions.configure()  # the containers of the last execution ended long ago
        ended = Machine(state_machine(self.parameters, machine), self._invoke_task, _read_lines).execute(
            name, given, started_at
        )
        self.ended[name] = ended
        arn = str(self._resources[_NOTIFIER]["Properties"]["Environment"]["Variables"][_MACHINES[machine]])
        dimensions = {"StateMachineArn": arn}
        for status, metric in (("SUCCEEDED", "ExecutionsSucceeded"), ("FAILED", "ExecutionsFailed")):
            self._count("AWS/States", metric, dimensions, float(ended.status == status))
        execution_arn = f"{arn.replace(':stateMachine:', ':execution:')}:{name}"
        detail = {
            "executionArn": execution_arn,
            "stateMachineArn": arn,
            "name": name,
            "status": ended.status,
            "startDate": _milliseconds(started_at),
            "stopDate": _milliseconds(self.at),
            "input": json.dumps(given),
            "output": json.dumps(ended.output) if ended.output else None,
            "error": ended.error or None,
            "cause": ended.cause or None,
        }
        self._announce("aws.states", "Step Functions Execution Status Change", detail, [execution_arn])
        self._deliver()
        return ended

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function now. Raises TaskFailed if it fails, or if Lambda does not start it."""
        function = "".join(map(str.capitalize, name.split("_"))) + "Function"
        dimensions = {"FunctionName": function}
        if name in self.throttled:
            self._count("AWS/Lambda", "Throttles", dimensions, 1)
            raise TaskFailed("Lambda.TooManyRequestsException", "Rate Exceeded.")
        self._count("AWS/Lambda", "Throttles", dimensions, 0)
        out = io.StringIO()
        failure = None
        with contextlib.redirect_stdout(out):
            try:
                result = self.functions.invoke(name, dict(event))
            except Exception as error:  # noqa: BLE001 - Lambda counts any error of a handler
                document = {"errorType": type(error).__name__, "errorMessage": str(error)}
                failure = TaskFailed(document["errorType"], json.dumps(document))
        self._count("AWS/Lambda", "Errors", dimensions, float(failure is not None))
        for point in read_emf(out.getvalue().splitlines()):
            self.points.append(Point(point.namespace, point.metric, point.dimensions, self.at, point.value))
        self._collect_events()
        if failure:
            raise failure
        return result

    def request(self, item_id: str) -> None:
        """Request the backup of a notebook, with an event that the rule puts into the queue."""
        body = {"source": "arcgis.notebooks", "detail-type": "SnapshotArchiveRequested", "detail": {"itemId": item_id}}
        sent = boto3.client("sqs").send_message(QueueUrl=self.queues["RequestQueue"], MessageBody=json.dumps(body))
        self._waiting[sent["MessageId"]] = self.at

    def take_requests(self, attempts: int = 1) -> None:
        """Let Lambda take the waiting requests, for the given time, and pass them to the function."""
        sqs, url = boto3.client("sqs"), self.queues["RequestQueue"]
        for waiting in list(self._waiting):  # what was postponed is due again
            for message in _hold(url):
                if message.id == waiting:
                    message.visible_at = 0
        taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
        if not (messages := taken.get("Messages")):
            return
        records = [
            {
                **sample("archive_requests")["Records"][0],
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {**each["Attributes"], "ApproximateReceiveCount": str(attempts)},
            }
            for each in messages
        ]
        try:
            answer = self.invoke("archive_requests", {"Records": records})
        except TaskFailed:
            return
        again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in again:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                del self._waiting[message["MessageId"]]
        self._deliver()

    def answer(self, status: int) -> None:
        """Count a response of the HTTP proxy."""
        (alarm,) = (each for each in self.alarms if each.name == "ProxyApiFailingAlarm")
        self._count("AWS/ApiGateway", "5XXError", alarm.dimensions, float(status >= 500))

    # Time.

    def wait(self, duration: timedelta) -> list[Sent]:
        """Let time pass, and return the notifications that were sent meanwhile."""
        before = len(self.notifications)
        until = self.at + duration
        self._measure_queues(until)
        if self.start is not None:
            changes = evaluate_alarms(self.alarms, self.points, self.start, until, self.extra_periods)
            for change in changes:
                if change.at > self.at:
                    event = describe_change(change, STACK, REGION, ACCOUNT)
                    self._route(event, change.at)
        self._deliver(until)
        self.at = until
        return self.notifications[before:]

    def repeat_day(self, days: int) -> None:
        """Let days pass that have the metrics of the last 24 hours."""
        day = timedelta(days=1)
        last = [point for point in self.points if point.at >= self.at - day]
        for number in range(1, days + 1):
            self.points += [replace(point, at=point.at + number * day) for point in last]
        self.wait(days * day)

    def begin(self) -> None:
        """Evaluate alarms from now on. What they are now is not announced, as it was when they were created."""
        self.start = self.at

    # How events reach the notifier.

    def _announce(self, source: str, kind: str, detail: dict[str, Any], resources: list[str]) -> None:
        event = {
            "version": "0",
            "id": f"event-{next(self._arrivals)}",
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT,
            "time": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": resources,
            "detail": detail,
        }
        self._route(event, self.at)

    def _collect_events(self) -> None:
        """Route the events that handlers published since the last time."""
        published: list[Any] = events_backends[ACCOUNT][REGION].archives["all"].events
        for event in published[self._announced :]:
            self._announce(event["source"], event["detail-type"], event["detail"], event.get("resources", []))
        self._announced = len(published)

    def _route(self, event: dict[str, Any], at: datetime) -> None:
        """Pass an event to the targets of the rules that match it. A queue delivers it after its delay."""
        for rule in self._resources.values():
            if rule["Type"] == "AWS::Events::Rule" and is_matching(rule["Properties"]["EventPattern"], event):
                for target in rule["Properties"]["Targets"]:
                    name = target["Arn"].rpartition(":")[2]
                    delay = int(self._resources[name]["Properties"].get("DelaySeconds", 0))
                    if name in (_NOTIFIER, _NOTIFICATIONS):
                        self._pending.append((at + timedelta(seconds=delay), next(self._arrivals), name, event))

    def _deliver(self, until: datetime | None = None) -> None:
        """Pass to the notifier what is due."""
        until = until or self.at
        while due := min((each for each in self._pending if each[0] <= until), default=None):
            self._pending.remove(due)
            moment, number, way, event = due
            if way == _NOTIFIER:
                self.functions.invoke("notify_operators", event)
            else:
                record = {"messageId": f"message-{number}", "receiptHandle": "-", "body": json.dumps(event)}
                answer = self.functions.invoke("notify_operators", {"Records": [record]})
                assert len(answer["outcomes"]) == 1
            self._read_inbox(moment)

    def _read_inbox(self, at: datetime) -> None:
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                self.notifications.append(Sent(at, body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])

    # Metrics of AWS.

    def _invoke_task(self, function: str, payload: Mapping[str, Any]) -> Any:
        name = "".join(f"_{each.lower()}" if each.isupper() else each for each in function.rpartition(":")[2])
        return self.invoke(name.removeprefix("_").removesuffix("_function"), payload)

    def _count(self, namespace: str, metric: str, dimensions: Mapping[str, str], value: float) -> None:
        self.points.append(Point(namespace, metric, dimensions, self.at, value))

    def _measure_queues(self, until: datetime) -> None:
        """Measure the queues in each minute until then, as SQS does while they are active."""
        depths = {name: len(_hold(url)) for name, url in self.queues.items()}
        self._used = {name: self._used.get(name, self._measured_at) for name, depth in depths.items() if depth}
        minutes = (until - self._measured_at) // _MINUTE
        for at in (self._measured_at + number * _MINUTE for number in range(minutes)):
            for name, since in self._used.items():
                if at - since <= _ACTIVE:
                    self._measure(name, "ApproximateNumberOfMessagesVisible", depths[name], at)
            if self._waiting:
                age = at - min(self._waiting.values())
                self._measure("RequestQueue", "ApproximateAgeOfOldestMessage", age.total_seconds(), at)
        self._measured_at = until

    def _measure(self, queue: str, metric: str, value: float, at: datetime) -> None:
        self.points.append(Point("AWS/SQS", metric, {"QueueName": queue}, at, value))


def _read_lines(key: str) -> list[str]:
    return stored_body(key).decode().splitlines()


def _hold(url: str) -> list[Any]:
    """Return the messages in a queue of moto, with those that are hidden."""
    queue = sqs_backends[ACCOUNT][REGION].queues[url.rpartition("/")[2]]
    return list(queue._messages)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
