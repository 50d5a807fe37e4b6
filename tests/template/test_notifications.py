"""Test what the parameters of notifications change: who is notified, in which form, and through which resources."""

import json
from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, render, template

_TOPIC, _CHAT = EVERYTHING["AlarmTopicArn"], EVERYTHING["ChatTopicArn"]
_TEXT = {"AlarmTopicArn": _TOPIC}
_CLOUDWATCH = {"AlarmTopicArn": _TOPIC, "AlarmFormat": "CLOUDWATCH"}


def _variables(given: dict[str, str]) -> dict[str, Any]:
    function = render(given)["Resources"]["NotifyOperatorsFunction"]["Properties"]
    return function["Environment"]["Variables"]  # type: ignore[no-any-return]


def _alarms(given: dict[str, str]) -> dict[str, dict[str, Any]]:
    resources = render(given)["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == "AWS::CloudWatch::Alarm"}


@pytest.mark.parametrize(
    ("given", "text", "chat"),
    [
        (_TEXT, _TOPIC, ""),
        (_TEXT | {"ChatTopicArn": _CHAT}, _TOPIC, _CHAT),
        (_CLOUDWATCH | {"ChatTopicArn": _CHAT}, "", _CHAT),
    ],
)
def test_notifier_publishes_to_the_chosen_topics(given: dict[str, str], text: str, chat: str) -> None:
    variables = _variables(given)
    assert (variables["TEXT_TOPIC_ARN"], variables["CHAT_TOPIC_ARN"]) == (text, chat)
    policies = render(given)["Resources"]["NotifyOperatorsRole"]["Properties"]["Policies"]
    statements = {each["Sid"]: each for each in policies[0]["PolicyDocument"]["Statement"]}
    topics = [each for each in (text, chat) if each]
    assert statements["Publish"]["Resource"] == topics
    assert statements["UseKeysOfTopics"]["Condition"]["StringEquals"] == {
        "kms:ViaService": "sns.eu-central-1.amazonaws.com",
        "kms:EncryptionContext:aws:sns:topicArn": topics,
    }


@pytest.mark.parametrize("given", [{}, _CLOUDWATCH])
def test_there_is_no_notifier_without_a_reader(given: dict[str, str]) -> None:
    added = render(_TEXT)["Resources"].keys() - render(given)["Resources"].keys()
    assert {"NotifyOperatorsFunction", "AlarmChanged", "ExecutionEnded", "ReportWritten", "NotificationQueue"} <= added


def test_only_the_alarm_about_the_notifier_goes_straight() -> None:
    for given, actions in ((_TEXT, None), (_CLOUDWATCH | {"ChatTopicArn": _CHAT}, [_TOPIC])):
        alarms = _alarms(given)
        own = alarms.pop("NotificationFailedAlarm")
        assert (own["AlarmActions"], own["OKActions"]) == ([_TOPIC], [_TOPIC])
        assert {str(alarm.get("AlarmActions")) for alarm in alarms.values()} == {str(actions)}


def test_patterns_match_the_documented_events() -> None:
    """A pattern may have 2,048 characters, so it cannot name all alarms."""
    resources = render(_TEXT)["Resources"]
    rules = {name: resources[name]["Properties"] for name in ("AlarmChanged", "ExecutionEnded", "ReportWritten")}
    assert all(len(json.dumps(rule["EventPattern"])) < 2048 for rule in rules.values())
    assert rules["AlarmChanged"]["EventPattern"]["detail"]["alarmName"] == [{"prefix": "notebook-archive-"}]
    assert [rule.get("EventBusName") for rule in rules.values()] == [None, None, "default"]
    for rule in rules.values():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"].endswith(":NotificationDeadLetterQueue")


def test_alarms_wait_longer_than_a_report_is_attempted() -> None:
    """Lambda attempts a report at once, after one minute, and after two more."""
    resources = render(_TEXT)["Resources"]
    assert resources["NotificationQueue"]["Properties"]["DelaySeconds"] > 180
    assert resources["NotifyOperatorsFunction"]["Properties"]["DeadLetterQueue"]["TargetArn"].endswith(
        "DeadLetterQueue"
    )


def test_digest_needs_a_schedule() -> None:
    assert "DigestStart" not in render(_TEXT)["Resources"]
    resources = render(_TEXT | {"DigestSchedule": "rate(1 day)", "DigestContent": "CHANGES"})["Resources"]
    target = resources["DigestStart"]["Properties"]["Target"]
    assert target["Arn"].endswith(":NotifyOperatorsFunction")
    assert json.loads(target["Input"]) == {"digest": "<aws.scheduler.scheduled-time>"}
    variables = resources["NotifyOperatorsFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["DIGEST_CONTENT"] == "CHANGES"


def test_folded_alarms_are_looked_at_again() -> None:
    schedule = render(_TEXT)["Resources"]["LastingAlarmsStart"]["Properties"]
    assert schedule["ScheduleExpression"] == "rate(6 hours)"
    assert json.loads(schedule["Target"]["Input"]) == {"lastingAlarms": "<aws.scheduler.scheduled-time>"}


def test_chat_and_digest_need_a_topic() -> None:
    rules = template()["Rules"]
    assert rules["ChatNeedsAlarms"]["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ChatTopicArn"}, ""]}]}
    assert rules["DigestNeedsTopic"]["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DigestSchedule"}, ""]}]}
