"""Test the alarm over all alarms, and who is notified with it."""

import re
from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, VARIANTS, render

TOPIC = EVERYTHING["AlarmTopicArn"]
CLOUDWATCH = {"AlarmTopicArn": TOPIC, "AlarmFormat": "CLOUDWATCH"}
# CloudWatch's limits for a composite alarm: the length of its rule, and the number of alarms in it.
MAX_RULE_CHARACTERS, MAX_ALARMS = 10_240, 100


def alarms(given: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms by logical id, without those of the composite alarm."""
    resources = render(given)["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}


def composite_alarm(given: dict[str, str]) -> Any:
    return render(given)["Resources"]["AnyAlarm"]["Properties"]


@pytest.mark.parametrize("given", [{}, {"AlarmTopicArn": TOPIC}, {"CompositeAlarm": "ON"}])
def test_it_needs_a_topic_and_is_off_by_default(given: dict[str, str]) -> None:
    assert "AnyAlarm" not in render(given)["Resources"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_rule_lists_every_alarm(variant: str) -> None:
    given = {**VARIANTS[variant], "AlarmTopicArn": TOPIC, "CompositeAlarm": "ON"}
    rule = composite_alarm(given)["AlarmRule"]
    assert re.fullmatch(r'ALARM\("\w+"\)( OR ALARM\("\w+"\))*', rule)
    listed = re.findall(r'"(\w+)"', rule)
    assert sorted(listed) == sorted(alarms(given))


def test_rule_keeps_the_limits_of_cloudwatch() -> None:
    rule = composite_alarm(EVERYTHING)["AlarmRule"]
    # An alarm's name is the stack's name, the logical id, and 12 characters. A stack's name has at most 128.
    longer = len("-") * 2 + 128 + 12
    assert rule.count("ALARM(") <= MAX_ALARMS
    assert len(rule) + rule.count("ALARM(") * longer <= MAX_RULE_CHARACTERS


def test_with_cloudwatch_format_only_it_notifies() -> None:
    alone, all_together = CLOUDWATCH, {**CLOUDWATCH, "CompositeAlarm": "ON"}
    assert all(each["AlarmActions"] == each["OKActions"] == [TOPIC] for each in alarms(alone).values())
    assert [name for name, each in alarms(all_together).items() if "AlarmActions" in each] == []
    assert composite_alarm(all_together)["AlarmActions"] == composite_alarm(all_together)["OKActions"] == [TOPIC]


def test_with_text_format_it_only_has_a_state() -> None:
    properties = composite_alarm({"AlarmTopicArn": TOPIC, "CompositeAlarm": "ON"})
    assert properties.keys().isdisjoint({"AlarmActions", "OKActions"})


@pytest.mark.parametrize(("choice", "enabled"), [("ON", True), ("MAINTENANCE", False)])
def test_maintenance_switches_its_actions_off(choice: str, enabled: bool) -> None:
    assert composite_alarm({**CLOUDWATCH, "CompositeAlarm": choice})["ActionsEnabled"] is enabled


@pytest.mark.parametrize(("choice", "state"), [("OFF", "ENABLED"), ("ON", "ENABLED"), ("MAINTENANCE", "DISABLED")])
def test_maintenance_disables_the_rules_of_the_notifier(choice: str, state: str) -> None:
    resources = render({"AlarmTopicArn": TOPIC, "CompositeAlarm": choice})["Resources"].values()
    rules = [each["Properties"] for each in resources if each["Type"] == "AWS::Events::Rule"]
    states = {each["EventPattern"]["detail-type"][0]: each.get("State", "ENABLED") for each in rules}
    assert states.pop("SnapshotArchiveRequested") == "ENABLED"
    assert len(states) == 3
    assert set(states.values()) == {state}
