"""Test the script that shows failed backup requests, sends them again and deletes them."""

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_sqs import SQSClient

from scripts import failures

STACK = "notebook-archive"


def stack(name: str, **queues: str) -> None:
    """Create a stack with these queues. Each output names one queue."""
    template = {
        "Resources": {name: {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": q}} for name, q in queues.items()},
        "Outputs": {name: {"Value": {"Ref": name}} for name in queues},
    }
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def without_waiting(params: dict[str, Any], **_: Any) -> None:
    params["WaitTimeSeconds"] = 0


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SQSClient]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        # Like SQS, moto waits for messages. Without this, each test would wait for messages that never arrive.
        boto3.DEFAULT_SESSION.events.register("provide-client-params.sqs.ReceiveMessage", without_waiting)
        stack(STACK, FailureQueue="failures", RequestQueue="requests")
        yield boto3.client("sqs")
    boto3.setup_default_session()


def put(sqs: SQSClient, **attributes: str) -> None:
    url = sqs.get_queue_url(QueueName="failures")["QueueUrl"]
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=told)  # type: ignore[arg-type]


def test_reasons_of_function_and_eventbridge_are_shown(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert failures.main([]) == 1
    lines = [line.partition(", since")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "NO_PERMISSIONS: 2 messages",
        "  What happened: The queue refused.",
        f"  What to do: EventBridge could not deliver the event. Correct the rule {rule}, then send the message again.",
    ]
    failed = lines.index("arcgis-unavailable: 1 message")
    assert lines[failed + 1 : failed + 3] == ["  What happened: It is away.", "  What to do: Wait."]
    assert "not told: 1 message" in lines
    assert lines[-1] == "Remove the cause, then send them again: .venv/bin/python -m scripts.failures --again"


@pytest.mark.parametrize("text", ["Not an id: '[/b]'.", "[red]x", "[link=https://gis.example.com]x[/link]", ":key:"])
def test_markup_in_messages_is_shown_as_text(sqs: SQSClient, capsys: pytest.CaptureFixture[str], text: str) -> None:
    put(sqs, reason="request-invalid", message=text, remedy=text)
    assert failures.main([]) == 1
    assert f"  What happened: {text}\n  What to do: {text}\n" in capsys.readouterr().out


def test_control_characters_are_not_printed(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    put(sqs, ERROR_CODE="SDK_CLIENT_ERROR", ERROR_MESSAGE="a\u202eb\u2028c\u009b2Jd", RULE_ARN="e\u202ef")
    assert failures.main([]) == 1
    printed = capsys.readouterr().out
    assert "a\ufffdb\ufffdc\ufffd2Jd" in printed
    assert "e\ufffdf" in printed


def test_a_message_received_twice_is_counted_once(
    sqs: SQSClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "HIDDEN_SECONDS", 0)
    for _ in range(3):
        put(sqs)
    assert failures.main([]) == 1
    assert capsys.readouterr().out.startswith("not told: 3 messages, since ")


def test_a_message_that_another_reader_has_is_not_moved(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    put(sqs)
    sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="failures")["QueueUrl"])
    put(sqs)
    assert failures.main(["--again"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "1 message sent again.",
        "1 message left in the failure queue. Messages that another reader received can be sent again after 120 s.",
    ]


def test_a_message_is_sent_again(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.main([]) == 0
    put(sqs, ERROR_CODE="NO_PERMISSIONS")
    assert failures.main(["--again"]) == 0
    assert failures.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The failure queue is empty.",
        "1 message sent again.",
        "The failure queue is empty.",
    ]


@pytest.mark.usefixtures("sqs")
def test_a_missing_stack_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.main(["--stack-name", "nowhere"]) == 2
    assert "This account and region have no stack 'nowhere'" in capsys.readouterr().err


@pytest.mark.usefixtures("sqs")
def test_a_stack_without_a_failure_queue_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    stack("other", Another="another")
    assert failures.main(["--stack-name", "other"]) == 2
    assert "Stack 'other' has no output 'FailureQueue'" in capsys.readouterr().err


def test_a_deleted_queue_is_reported_in_a_sentence(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="failures")["QueueUrl"])
    assert failures.main([]) == 2
    assert "AWS refused ReceiveMessage" in capsys.readouterr().err


def test_missing_aws_credentials_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    boto3.setup_default_session()
    assert failures.main([]) == 2
    assert "No AWS credentials are found" in capsys.readouterr().err
    boto3.setup_default_session()


ITEMS = [f"{number:032x}" for number in range(7)]


def ask(sqs: SQSClient, *items: str, **attributes: str) -> None:
    url = sqs.get_queue_url(QueueName="failures")["QueueUrl"]
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    body = json.dumps({"detail": {"itemIds": list(items)}})
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)  # type: ignore[arg-type]


def held(sqs: SQSClient, name: str = "failures") -> int:
    """Return the number of messages that can be received now."""
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return int(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
    )


def test_first_time_attempts_and_items_are_shown(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    ask(sqs, *ITEMS, reason="arcgis-unavailable", message="It is away.", remedy="Wait.", attempts="4")
    put(sqs, reason="request-invalid", message="No ids.", remedy="Send others.", attempts="1")
    assert failures.main([]) == 1
    printed = capsys.readouterr().out
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert re.search(rf"arcgis-unavailable: 1 message, since {today} ..:.. UTC, tried 4 times\n", printed)
    assert f"\n  Items: {' '.join(ITEMS[:5])} and 2 more\n" in printed
    assert re.search(rf"request-invalid: 1 message, since {today} ..:.. UTC, tried 1 time\n", printed)


def test_invalid_requests_are_sent_again_only_by_reason(sqs: SQSClient, capsys: pytest.CaptureFixture[str]) -> None:
    put(sqs, reason="request-invalid")
    put(sqs, reason="arcgis-unavailable")
    assert failures.main(["--again"]) == 1
    assert capsys.readouterr().out.startswith(
        "1 message sent again.\n"
        "1 message with reason request-invalid skipped, because such requests fail again.\n"
        "1 message left"
    )
    assert (held(sqs), held(sqs, "requests")) == (1, 1)
    assert failures.main(["--again", "request-invalid"]) == 0
    assert (held(sqs), held(sqs, "requests")) == (0, 2)


@pytest.mark.parametrize(("answer", "more", "left"), [("y\n", [], 1), ("n\n", [], 2), ("", [], 2), ("", ["--yes"], 1)])
def test_messages_are_deleted_only_after_confirmation(
    sqs: SQSClient, answer: str, more: list[str], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sqs, reason="request-invalid")
    put(sqs, reason="arcgis-unavailable")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert failures.main(["--drop", "request-invalid", *more]) == 1
    assert (held(sqs), held(sqs, "requests")) == (left, 0)
    assert failures.main(["--drop", "arcgis-unavailable", "--yes"]) == int(left > 1)
