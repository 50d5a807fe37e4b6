"""Test that the deployed notifier reports failures of the deployed stack, once each, in words.

The local AWS evaluates no alarms (tests/operations does), but it has the rules, the function and SNS.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.arcgis import Seed
from local.aws import REGION
from local.system import LocalSystem
from tests.local.test_events import until

pytestmark = pytest.mark.soak
TOPIC = f"arn:aws:sns:{REGION}:000000000000:operators"
# The queue of notifications delivers an ended execution after four minutes.
DELAY_SECONDS = 250


@pytest.fixture(scope="module")
def reporting() -> Iterator[LocalSystem]:
    """A system with a topic for alarms."""
    with LocalSystem(Seed.samples(), {"AlarmTopicArn": TOPIC}) as system:
        yield system


@pytest.fixture(scope="module")
def inbox(reporting: LocalSystem) -> str:
    """Return the URL of a queue that is subscribed to the topic."""
    sns, sqs = client(reporting, "sns"), client(reporting, "sqs")
    assert sns.create_topic(Name="operators")["TopicArn"] == TOPIC
    url: str = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
    return url


def client(system: LocalSystem, service: str) -> Any:
    return system.aws.session.client(service, endpoint_url=system.aws.endpoint_url)  # type: ignore[call-overload]


def receive(system: LocalSystem, inbox: str) -> list[tuple[str, str]]:
    """Return the subjects and texts of the notifications that arrived."""
    messages = client(system, "sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
    bodies = [json.loads(message["Body"]) for message in messages]
    return [(body["Subject"], body["Message"]) for body in bodies]


def run_and_receive(system: LocalSystem, inbox: str, name: str) -> tuple[str, str]:
    """Make a run that fails, and return the only notification about it."""
    machine = system.outputs["StateMachine"]
    client(system, "stepfunctions").start_execution(stateMachineArn=machine, name=name, input="{}")
    found: list[tuple[str, str]] = []

    def has_arrived() -> bool:
        found.extend(receive(system, inbox))
        return bool(found)

    until(has_arrived, "no notification arrived")
    return found[0]


def test_expired_token_is_reported_once(reporting: LocalSystem, inbox: str) -> None:
    expired = reporting.arcgis.enterprise.tokens.issue("ana", (), -5).value
    secrets = client(reporting, "secretsmanager")
    name = "notebook-archive/owners/ana"
    good = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"token": expired}))
    subject, text = run_and_receive(reporting, inbox, "expired-token")
    assert subject == "[notebook-archive] Archive run partial: 4 of 15 notebooks failed, credential broken"
    assert "notebook-archive owners add ana --stack notebook-archive" in text
    secrets.put_secret_value(SecretId=name, SecretString=good)
    # The end of the same execution follows, and is folded.
    time.sleep(DELAY_SECONDS)
    assert receive(reporting, inbox) == []


def test_portal_that_is_down_is_reported(reporting: LocalSystem, inbox: str) -> None:
    reporting.arcgis.enterprise.faults.add("*", "http-503")
    subject, text = run_and_receive(reporting, inbox, "portal-down")
    reporting.arcgis.enterprise.faults.clear()
    assert subject.startswith("[notebook-archive] Archive run failed: ")
    assert "notebook-archive run --stack notebook-archive" in text
