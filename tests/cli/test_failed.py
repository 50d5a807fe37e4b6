"""Test the commands that list failed backup requests, send them again and delete them."""

import json
import re
from datetime import UTC, datetime

import boto3
import pytest
from mypy_boto3_sqs import SQSClient

from notebook_archive_cli.running import failures
from tests.cli.conftest import MAX_COLUMNS, MotoStack, Run, columns_of


@pytest.fixture
def sqs(stack: MotoStack, monkeypatch: pytest.MonkeyPatch) -> SQSClient:
    # Like SQS, moto waits for messages. Without this, each test would wait for messages that never arrive.
    monkeypatch.setattr(failures, "WAIT_SECONDS", 0)
    assert stack.outputs
    return boto3.session.Session().client("sqs")


def put(sqs: SQSClient, **attributes: str) -> None:
    url = sqs.get_queue_url(QueueName="FailureQueue")["QueueUrl"]
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=told)  # type: ignore[arg-type]


def test_reasons_of_function_and_eventbridge_are_shown(sqs: SQSClient, run: Run) -> None:
    """The attribute names are those in the EventBridge User Guide."""
    put(sqs, reason="arcgis-unavailable", message="It is away.", remedy="Wait.", attempts="4")
    rule = "arn:aws:events:eu-west-1:123456789012:rule/asked"
    for _ in range(2):
        put(
            sqs,
            RULE_ARN=rule,
            TARGET_ARN="arn:aws:sqs:eu-west-1:123456789012:requests",
            ERROR_CODE="NO_PERMISSIONS",
            ERROR_MESSAGE="The queue refused.",
        )
    put(sqs)
    result = run("failed", "list")
    assert result.status == 3
    lines = [line.partition(", since")[0] for line in result.stdout.splitlines()]
    assert lines[:2] == ["NO_PERMISSIONS: 2 requests", "  Message: The queue refused."]
    assert f"Correct the rule {rule}, then send the request again." in " ".join(result.stdout.split())
    assert columns_of(result.stdout) <= MAX_COLUMNS
    failed = lines.index("arcgis-unavailable: 1 request")
    assert lines[failed + 1 : failed + 3] == ["  Message: It is away.", "  Remedy: Wait."]
    assert "unknown: 1 request" in lines
    assert result.stderr == "Remove the cause, then send them again: notebook-archive failed retry\n"


@pytest.mark.usefixtures("in_berlin")
def test_times_of_failed_requests_are_in_utc_on_request(sqs: SQSClient, run: Run) -> None:
    put(sqs, reason="arcgis-unavailable")
    assert ", since 20" in run("failed", "list").stdout
    assert " UTC" not in run("failed", "list").stdout
    assert " UTC\n" in run("failed", "list", "--utc").stdout


@pytest.mark.parametrize("text", ["Not an id: '[/b]'.", "[red]x", "[link=https://gis.example.com]x[/link]", ":key:"])
def test_markup_in_messages_is_shown_as_text(sqs: SQSClient, run: Run, text: str) -> None:
    put(sqs, reason="request-invalid", message=text, remedy=text)
    assert f"  Message: {text}\n  Remedy: {text}\n" in run("failed", "list").stdout


def test_control_characters_are_not_printed(sqs: SQSClient, run: Run) -> None:
    put(sqs, ERROR_CODE="SDK_CLIENT_ERROR", ERROR_MESSAGE="a\u202eb\u2028c\u009b2Jd", RULE_ARN="e\u202ef")
    printed = run("failed", "list").stdout
    assert "a\ufffdb\ufffdc\ufffd2Jd" in printed
    assert "e\ufffdf" in printed


def test_a_request_received_twice_is_counted_once(sqs: SQSClient, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "HIDDEN_SECONDS", 0)
    for _ in range(3):
        put(sqs)
    assert run("failed", "list").stdout.startswith("unknown: 3 requests, since ")


def test_a_request_that_another_reader_has_is_not_moved(sqs: SQSClient, run: Run) -> None:
    put(sqs)
    sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="FailureQueue")["QueueUrl"])
    put(sqs)
    result = run("failed", "retry")
    assert result.status == 3
    assert " ".join(result.stdout.split()) == (
        "1 request sent again. 1 request left in the failure queue. Those that another reader received are visible "
        "again after 120 seconds."
    )
    assert columns_of(result.stdout) <= MAX_COLUMNS


def test_a_request_is_sent_again(sqs: SQSClient, run: Run) -> None:
    assert run("failed", "list").stdout == "The failure queue is empty.\n"
    put(sqs, ERROR_CODE="NO_PERMISSIONS")
    result = run("failed", "retry")
    assert (result.status, result.stdout) == (0, "1 request sent again.\n")
    assert run("failed", "list", "--json").document == {"messages": 0, "reasons": []}


def test_a_deleted_queue_is_reported_in_a_sentence(sqs: SQSClient, run: Run) -> None:
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="FailureQueue")["QueueUrl"])
    result = run("failed", "list", "--json")
    assert (result.status, result.stdout) == (5, "")


ITEMS = [f"{number:032x}" for number in range(7)]


def ask(sqs: SQSClient, *items: str, **attributes: str) -> None:
    url = sqs.get_queue_url(QueueName="FailureQueue")["QueueUrl"]
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    body = json.dumps({"detail": {"itemIds": list(items)}})
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)  # type: ignore[arg-type]


def held(sqs: SQSClient, name: str = "FailureQueue") -> int:
    """Return the number of messages that can be received now."""
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return int(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
    )


def test_first_time_attempts_and_items_are_shown(sqs: SQSClient, run: Run) -> None:
    ask(sqs, *ITEMS, reason="arcgis-unavailable", message="It is away.", remedy="Wait.", attempts="4")
    put(sqs, reason="request-invalid", message="No ids.", remedy="Send others.", attempts="1")
    printed = run("failed", "list").stdout
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert re.search(rf"arcgis-unavailable: 1 request, since {today} ..:.. UTC, tried 4 times\n", printed)
    assert f"Items: {' '.join(ITEMS[:5])} and 2 more " in " ".join(printed.split())
    assert re.search(rf"request-invalid: 1 request, since {today} ..:.. UTC, tried 1 time\n", printed)


def test_invalid_requests_are_sent_again_only_by_reason(sqs: SQSClient, run: Run) -> None:
    put(sqs, reason="request-invalid")
    put(sqs, reason="arcgis-unavailable")
    result = run("failed", "retry")
    assert result.status == 3
    assert result.stdout.startswith("1 request sent again.\n1 request skipped.\n1 request left")
    assert (held(sqs), held(sqs, "RequestQueue")) == (1, 1)
    assert run("failed", "retry", "request-invalid").status == 0
    assert (held(sqs), held(sqs, "RequestQueue")) == (0, 2)


def test_requests_are_deleted_only_after_confirmation(sqs: SQSClient, run: Run) -> None:
    ask(sqs, ITEMS[0], reason="request-invalid")
    put(sqs, reason="arcgis-unavailable")
    refused = run("failed", "drop", "request-invalid")
    assert (refused.status, held(sqs)) == (2, 2)
    plan = "1 request with the reason request-invalid would be deleted for good."
    assert f"{plan} Their items: {ITEMS[0]}." in " ".join(refused.stderr.split())
    dropped = run("failed", "drop", "request-invalid", "--yes", "--json")
    assert (dropped.status, dropped.document, held(sqs)) == (0, {"dropped": 1, "left": 1}, 1)


def test_failure_says_when_a_new_secret_is_used(sqs: SQSClient, run: Run) -> None:
    put(sqs, reason="permission-denied", message="403.", remedy="Add the owner's secret.")
    printed = " ".join(run("failed", "list").stdout.split())
    assert "Remedy: Add the owner's secret. The stack uses a new secret within five minutes." in printed


@pytest.mark.parametrize("arguments", [["drop", "nonsense", "--yes"], ["retry", "nonsense"]], ids=["drop", "retry"])
def test_unknown_reason_lists_those_that_exist(sqs: SQSClient, run: Run, arguments: list[str]) -> None:
    put(sqs, reason="request-invalid")
    put(sqs, reason="arcgis-unavailable")
    result = run("failed", *arguments, "--json")
    assert (result.status, result.error["reason"], held(sqs)) == (5, "reason-not-found", 2)
    assert result.error["remedy"] == "Its reasons are: arcgis-unavailable, request-invalid."
