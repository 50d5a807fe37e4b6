"""Test backups that events ask for, with messages as Lambda receives them from the queue."""

import copy
import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto.events.models import events_backends

from local.arcgis import Item
from notebook_archive import aws
from notebook_archive.backup_requests.queue import MAX_ATTEMPTS, MAX_RECEIVES
from notebook_archive.events.details import MAX_REQUEST_ITEMS
from tests.functions.conftest import Functions, sample
from tests.strict_s3 import ACCOUNT, contents

FIRST = "e49a12b28da29e813ee6be0b546a3015"
DETAIL_TYPE = "SnapshotArchiveRequested"


class Queues:
    """The request queue and the failure queue."""

    def __init__(self, functions: Functions) -> None:
        self._functions, self._sqs = functions, boto3.client("sqs")
        self.requests, self.failures = (
            self._sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("requests", "failures")
        )
        functions.configure(REQUEST_QUEUE_URL=self.requests, FAILURE_QUEUE_URL=self.failures)

    def deliver(self, *bodies: Any, attempts: int = 1) -> list[str]:
        """Send messages, and pass all of them in one batch as Lambda does. Return the bodies to deliver again."""
        for body in bodies:
            self._sqs.send_message(
                QueueUrl=self.requests, MessageBody=body if isinstance(body, str) else json.dumps(body)
            )
        taken = self._sqs.receive_message(
            QueueUrl=self.requests, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )["Messages"]
        records = [
            {
                **sample("archive_requests")["Records"][0],
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {**each["Attributes"], "ApproximateReceiveCount": str(attempts)},
            }
            for each in taken
        ]
        answer = self._functions.invoke("archive_requests", {"Records": records})
        again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        return [record["body"] for record in records if record["messageId"] in again]

    def set_aside(self) -> list[tuple[str, dict[str, str]]]:
        """Return the messages in the failure queue: each body, and the reason why it failed."""
        found = self._sqs.receive_message(
            QueueUrl=self.failures, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return [
            (each["Body"], {name: value["StringValue"] for name, value in each["MessageAttributes"].items()})
            for each in found
        ]


@pytest.fixture
def queues(functions: Functions) -> Queues:
    return Queues(functions)


def asked(**detail: Any) -> dict[str, Any]:
    return {"source": "arcgis.notebooks", "detail-type": DETAIL_TYPE, "detail": detail}


def refuse(**_: Any) -> None:
    raise EndpointConnectionError(endpoint_url="https://sqs.eu-west-1.amazonaws.com/")


def notebooks(functions: Functions) -> list[Item]:
    return [each for each in functions.deployment.organisation.notebooks() if each.owner in ("ana", "ben")]


def archived(item_id: str = "") -> set[str]:
    return {key.rpartition("/")[2] for key in contents(f"notebooks/{item_id}") if "/snapshots/" in key}


@pytest.mark.filterwarnings("ignore:No application metrics")
class TestRequests:
    def test_sample_message_is_archived(self, functions: Functions, queues: Queues) -> None:
        answer = functions.invoke("archive_requests", sample("archive_requests"))
        assert answer == {"batchItemFailures": []}
        item = functions.deployment.organisation.items[FIRST]
        assert archived(FIRST) == {each.resource_key for each in item.snapshots}
        assert queues.set_aside() == []

    @pytest.mark.parametrize("detail", [{"itemId": FIRST}, {"itemIds": [FIRST, FIRST]}, {"itemId": FIRST, "more": [1]}])
    def test_item_may_be_given_in_several_forms(self, queues: Queues, detail: dict[str, Any]) -> None:
        assert queues.deliver(asked(**detail)) == []
        assert len(archived()) == 2

    def test_many_messages_of_one_item_are_one_backup(self, functions: Functions, queues: Queues) -> None:
        functions.deployment.requests.clear()
        assert queues.deliver(*[asked(itemId=FIRST)] * 10) == []
        counts = functions.deployment.requests.counts()
        assert (counts["items/item"], counts["snapshots/list"], counts["snapshots/download"]) == (1, 1, 2)

    def test_repeated_request_downloads_nothing(self, functions: Functions, queues: Queues) -> None:
        queues.deliver(asked(itemId=FIRST))
        functions.deployment.requests.clear()
        assert queues.deliver(asked(itemId=FIRST)) == []
        counts = functions.deployment.requests.counts()
        assert counts == {"portals/self": 1, "items/item": 1, "snapshots/list": 1}

    def test_archived_snapshots_are_announced_once(self, queues: Queues) -> None:
        bus = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
        boto3.client("events").create_archive(ArchiveName="all", EventSourceArn=bus)
        queues.deliver(asked(itemId=FIRST))
        queues.deliver(asked(itemId=FIRST))
        (event,) = events_backends[ACCOUNT]["eu-west-1"].archives["all"].events
        assert (event["source"], event["detail-type"]) == ("notebook-archive", "SnapshotArchived")
        detail = event["detail"]
        assert (detail["itemId"], detail["owner"], detail["bucket"]) == (FIRST, "ana", "archive")
        assert {each["resourceKey"] for each in detail["snapshots"]} == archived(FIRST)

    def test_current_content_is_archived_if_configured(self, functions: Functions, queues: Queues) -> None:
        queues.deliver(asked(itemId=FIRST))
        assert not [key for key in contents(f"notebooks/{FIRST}/") if "/current/" in key]
        functions.configure(ARCHIVE_CURRENT="true")
        bus = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
        boto3.client("events").create_archive(ArchiveName="all", EventSourceArn=bus)
        functions.deployment.requests.clear()
        assert queues.deliver(asked(itemId=FIRST)) == []
        counts = functions.deployment.requests.counts()
        del counts["generateToken"], counts["portals/servers"]
        assert counts == {"portals/self": 2, "items/item": 1, "snapshots/list": 1, "items/data": 1}
        (key,) = [key for key in contents(f"notebooks/{FIRST}/") if "/current/" in key]
        assert contents(key)[key].body == functions.deployment.organisation.items[FIRST].content
        (event,) = events_backends[ACCOUNT]["eu-west-1"].archives["all"].events
        (stored,) = event["detail"]["snapshots"]
        assert (stored["key"], stored["resourceKey"]) == (key, key.removeprefix(f"notebooks/{FIRST}/"))

    def test_missing_items_and_other_types_are_skipped(self, functions: Functions, queues: Queues) -> None:
        other = next(each for each in functions.deployment.organisation.items.values() if each.type == "Web Map")
        assert queues.deliver(asked(itemIds=["0" * 32, other.id, FIRST])) == []
        assert len(archived()) == 2
        assert queues.set_aside() == []


@pytest.mark.filterwarnings("ignore:No application metrics")
class TestFailures:
    @pytest.mark.parametrize(
        "body",
        [
            "no JSON",
            "[" * 5000,
            "null",
            {},
            asked(),
            asked(itemIds=[]),
            asked(itemIds=FIRST),
            asked(itemIds=[FIRST, 5]),
            asked(itemId="../../x"),
            asked(itemId=FIRST.upper()),
            asked(itemIds=[f"{n:032x}" for n in range(MAX_REQUEST_ITEMS + 1)]),
            asked(itemId=FIRST, resourceKey="x"),
            asked(itemId=FIRST, itemIds=[FIRST]),
        ],
        ids=lambda body: str(body)[:60],
    )
    def test_malformed_request_moves_to_failures_at_once(self, functions: Functions, queues: Queues, body: Any) -> None:
        functions.deployment.requests.clear()
        assert queues.deliver(body) == []
        ((kept, why),) = queues.set_aside()
        assert kept == (body if isinstance(body, str) else json.dumps(body))
        assert (why["reason"], why["attempts"]) == ("request-invalid", "1")
        assert functions.deployment.requests.counts() == {}

    def test_bad_message_does_not_delay_a_good_one(self, queues: Queues) -> None:
        assert queues.deliver("no JSON", asked(itemId=FIRST)) == []
        assert len(archived()) == 2

    @pytest.mark.parametrize("operation", ["portals/self", "items/item", "snapshots/list"])
    def test_failing_request_is_retried_then_moved_to_failures(
        self, functions: Functions, queues: Queues, operation: str
    ) -> None:
        functions.milliseconds = 100_000
        functions.deployment.faults.add(operation, "http-503", times=100, retry_after="0")
        body = asked(itemId=FIRST)
        assert queues.deliver(body) == [json.dumps(body)]
        assert queues.set_aside() == []
        assert queues.deliver(body, attempts=MAX_ATTEMPTS) == []
        ((kept, why),) = queues.set_aside()
        assert (json.loads(kept), why["reason"], why["attempts"]) == (body, "arcgis-unavailable", str(MAX_ATTEMPTS))
        assert why["remedy"]
        functions.deployment.faults.clear()
        assert queues.deliver(kept) == []
        assert len(archived()) == 2

    def test_failure_of_one_notebook_affects_only_its_message(self, functions: Functions, queues: Queues) -> None:
        other = notebooks(functions)[1].id
        functions.deployment.faults.add("snapshots/list", "http-503", times=100, item_id=other, retry_after="0")
        good, bad = asked(itemId=FIRST), asked(itemId=other)
        assert queues.deliver(good, bad) == [json.dumps(bad)]
        functions.deployment.faults.clear()
        assert len(archived(FIRST)) == 2

    @pytest.mark.parametrize("attempts", [1, MAX_ATTEMPTS, MAX_RECEIVES - 1])
    def test_request_without_time_is_not_counted_as_failed(
        self, functions: Functions, queues: Queues, attempts: int
    ) -> None:
        functions.milliseconds = 70_000
        body = asked(itemId=FIRST)
        assert queues.deliver(body, attempts=attempts) == [json.dumps(body)]
        assert queues.set_aside() == []
        functions.milliseconds = 900_000
        assert queues.deliver(body, attempts=attempts + 1) == []
        assert len(archived()) == 2

    def test_request_that_never_has_time_moves_to_failures(self, functions: Functions, queues: Queues) -> None:
        functions.milliseconds = 70_000
        body = asked(itemId=FIRST)
        assert queues.deliver(body, attempts=MAX_RECEIVES) == []
        ((kept, why),) = queues.set_aside()
        assert (json.loads(kept), why["reason"], why["attempts"]) == (body, "deadline-exceeded", str(MAX_RECEIVES))

    @pytest.mark.parametrize("operation", ["ChangeMessageVisibility", "SendMessage"])
    def test_message_that_sqs_cannot_move_is_delivered_again(
        self, functions: Functions, queues: Queues, operation: str
    ) -> None:
        other = notebooks(functions)[1].id
        functions.deployment.faults.add("snapshots/list", "http-503", times=100, item_id=other, retry_after="0")
        bad, good = asked(itemId=other), asked(itemId=FIRST)
        attempts = 1 if operation == "ChangeMessageVisibility" else MAX_ATTEMPTS
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register(f"before-call.sqs.{operation}", refuse)
        functions.configure()
        assert queues.deliver(bad, good, "no JSON", attempts=attempts) == (
            [json.dumps(bad)] if attempts == 1 else [json.dumps(bad), "no JSON"]
        )
        assert len(archived(FIRST)) == 2
        assert len(queues.set_aside()) == (1 if attempts == 1 else 0)
        name = "notebook_archive.backup_requests.queue"
        messages = [line["message"] for line in functions.lines() if line["name"] == name]
        assert len(messages) == (1 if attempts == 1 else 2)
        assert all("(EndpointConnectionError); SQS delivers it again" in each for each in messages)

    def test_slow_sqs_costs_the_time_of_one_call(self, functions: Functions, queues: Queues) -> None:
        functions.deployment.faults.add("snapshots/list", "http-503", times=100, retry_after="0")
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("before-call.sqs.ChangeMessageVisibility", lambda **_: time.sleep(1))
        functions.configure(THREADS="1")
        started = time.monotonic()
        assert len(queues.deliver(*[asked(itemId=FIRST)] * 10)) == 10
        assert time.monotonic() - started < 8

    def test_messages_are_settled_if_the_bus_does_not_respond(self, functions: Functions, queues: Queues) -> None:
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("before-call.events.PutEvents", refuse)
        functions.configure()
        assert queues.deliver("no JSON", asked(itemId=FIRST)) == []
        assert len(archived(FIRST)) == 2
        assert len(queues.set_aside()) == 1
        assert "could not be sent (EndpointConnectionError)" in functions.log.getvalue()

    def test_queue_and_bus_calls_fit_into_the_reserved_time(self, queues: Queues) -> None:
        """In botocore's standard mode, the pauses between attempts are up to 1, 2, 4 … seconds."""
        assert queues
        seconds = aws.BUS_SECONDS
        for client in (aws.request_queue("", "")._sqs, aws.event_bus("")._client):
            config: Any = client.meta.config
            tries = config.retries["total_max_attempts"]
            seconds += tries * (2 * config.connect_timeout + config.read_timeout) + 2 ** (tries - 1) - 1
        assert seconds <= aws.RESERVE_SECONDS

    def test_request_without_credential_is_counted(
        self, functions: Functions, queues: Queues, capsys: pytest.CaptureFixture[str]
    ) -> None:
        functions.configure(ROUTE="notebook-server")
        without = {user.username for user in functions.deployment.users if not user.has_secret}
        unread = next(each.id for each in functions.deployment.organisation.notebooks() if each.owner in without)
        counted = []
        for items in ([FIRST], [unread, FIRST], ["0" * 32]):
            capsys.readouterr()
            assert queues.deliver(asked(itemIds=items)) == []
            (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
            counted.append((line["RequestsSkipped"], line["RequestsPostponed"]))
        assert counted == [([0], [0]), ([1], [0]), ([0], [0])], "a deleted item does not count as skipped"

    def test_missing_certificate_secret_fails_each_notebook(self, functions: Functions, queues: Queues) -> None:
        functions.configure(CA_BUNDLE_SECRET="notebook-archive/missing")
        body = json.dumps(asked(itemId=FIRST))
        assert queues.deliver(body) == [body]
        assert queues.deliver("not JSON") == []
        assert [problem["reason"] for _, problem in queues.set_aside()] == ["request-invalid"]

    def test_event_is_not_changed(self, queues: Queues) -> None:
        body = asked(itemId=FIRST, unknown={"a": [1, None]})
        before = copy.deepcopy(body)
        assert queues.deliver(body) == []
        assert body == before
