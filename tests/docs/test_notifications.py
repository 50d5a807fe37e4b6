"""Test that the page about notifications shows the messages that are sent."""

import json

from tests.docs.documents import ROOT, Document
from tests.notifications.examples import write_page
from tests.template.rendered import EVERYTHING, render

PAGE = Document(ROOT / "docs/notifications.md")


def test_messages_are_those_that_are_sent() -> None:
    assert PAGE.text == write_page(PAGE.text), "run: python -m tests.notifications.examples"


def test_waiting_times_are_those_of_the_template() -> None:
    resources = render({"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]})["Resources"]
    queue = resources["NotificationQueue"]["Properties"]
    assert queue["DelaySeconds"] == 240
    assert "wait four minutes" in PAGE.prose
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["VisibilityTimeout"] * 5 <= 3600
    assert "an alarm five times within an hour" in PAGE.prose


def test_key_policy_lets_cloudwatch_encrypt() -> None:
    (statement,) = PAGE.section("An encrypted topic").fences("json")
    assert json.loads(statement)["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(json.loads(statement)["Action"]) == {"kms:GenerateDataKey*", "kms:Decrypt"}
