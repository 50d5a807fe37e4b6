"""Test that queues accept only TLS, and that the parameters choose the key of queues and log groups."""

from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, VARIANTS, render, template

_KEY = {"KmsKeyArn": EVERYTHING["KmsKeyArn"]}
_KEY_FOR_ALL = {**_KEY, "KmsKeyScope": "ALL"}
_QUEUES = {"RequestQueue", "FailureQueue", "ScheduleDeadLetterQueue"}
_TOPIC = {"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]}
_QUEUES_OF_NOTIFIER = {"NotificationQueue", "NotificationDeadLetterQueue"}


def _of_type(kind: str, given: dict[str, str]) -> dict[str, dict[str, Any]]:
    resources = render(given)["Resources"]
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_queue_refuses_requests_without_tls(variant: str) -> None:
    refused = {}
    for policy in _of_type("AWS::SQS::QueuePolicy", VARIANTS[variant]).values():
        (queue,) = policy["Queues"]
        (refused[queue],) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert refused == {
        queue: {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": f"arn:aws:sqs:eu-central-1:111122223333:{queue}",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        for queue in _QUEUES | (_QUEUES_OF_NOTIFIER if "AlarmTopicArn" in VARIANTS[variant] else set())
    }


def test_no_queue_may_use_the_schedule_dead_letter_queue() -> None:
    queues = _of_type("AWS::SQS::Queue", {})
    assert queues["ScheduleDeadLetterQueue"]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}
    redriving = [queue["RedrivePolicy"]["deadLetterTargetArn"] for queue in queues.values() if "RedrivePolicy" in queue]
    assert redriving == ["arn:aws:sqs:eu-central-1:111122223333:FailureQueue"]


@pytest.mark.parametrize("given", [{}, _KEY])
def test_queues_and_logs_use_aws_keys_by_default(given: dict[str, str]) -> None:
    """With another key that EventBridge may not use, backup requests would be lost, and nothing would report it."""
    queues = _of_type("AWS::SQS::Queue", given)
    assert queues.keys() == _QUEUES
    assert {(queue["SqsManagedSseEnabled"], "KmsMasterKeyId" in queue) for queue in queues.values()} == {(True, False)}
    assert not [group for group in _of_type("AWS::Logs::LogGroup", given).values() if "KmsKeyId" in group]


def test_key_scope_all_encrypts_all_queues_and_log_groups() -> None:
    given = {**EVERYTHING, **_KEY_FOR_ALL}
    queues, groups = _of_type("AWS::SQS::Queue", given), _of_type("AWS::Logs::LogGroup", given)
    assert {queue["KmsMasterKeyId"] for queue in queues.values()} == {_KEY["KmsKeyArn"]}
    assert not [queue for queue in queues.values() if "SqsManagedSseEnabled" in queue], "SQS accepts one kind of key"
    assert {group["KmsKeyId"] for group in groups.values()} == {_KEY["KmsKeyArn"]}
    made = {name for name, item in template()["Resources"].items() if item["Type"] == "AWS::Logs::LogGroup"}
    assert groups.keys() == made


@pytest.mark.parametrize(("given", "has_key"), [(_KEY, False), (_KEY_FOR_ALL, True)])
def test_senders_to_a_queue_may_use_its_key(given: dict[str, str], has_key: bool) -> None:
    statements = [
        (name, statement)
        for name, role in _of_type("AWS::IAM::Role", given).items()
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    senders = {name for name, statement in statements if "sqs:SendMessage" in statement["Action"]}
    allowed = {name: statement for name, statement in statements if statement["Sid"] == "UseKeyOfQueues"}
    assert senders
    assert allowed.keys() == (senders if has_key else set())
    for statement in allowed.values():
        assert set(statement["Action"]) == {"kms:GenerateDataKey", "kms:Decrypt"}
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}


def test_key_scope_all_requires_a_key() -> None:
    rule = template()["Rules"]["KeyScopeNeedsKey"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "KmsKeyScope"}, "ALL"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]}
