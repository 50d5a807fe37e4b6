"""Test that the doctor finds what keeps notifications from people, and that its fixes work."""

import io
import json
import zipfile
from typing import Any

import boto3
import pytest
from moto.cloudwatch.models import cloudwatch_backends

from notebook_archive_cli.doctor import notifications, schedule
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from tests.cli.aws_commands import run_aws
from tests.cli.conftest import ACCOUNT, REGION, MotoStack

_RULES = ("AlarmChanged", "ExecutionEnded", "ReportWritten")


def _make_function(sqs: Any, queue: str) -> str:
    """Return the id of the mapping of a function that reads a queue."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = boto3.client("iam").create_role(RoleName="notifier", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    lambdas = boto3.client("lambda")
    code: Any = {"ZipFile": package.getvalue()}
    lambdas.create_function(
        FunctionName="notifier", Runtime="python3.13", Role=role["Arn"], Handler="app.handler", Code=code
    )
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName="notifier", BatchSize=1)
    return str(mapping["UUID"])


@pytest.fixture
def target(stack: MotoStack) -> Target:
    """A stack with a notifier, and with a topic for its chat."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    for rule in _RULES:
        events.put_rule(Name=rule, EventPattern='{"source": ["aws.states"]}')
    dead = sqs.create_queue(QueueName="unsent")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    queue = sqs.create_queue(QueueName="notifications", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    mapping = _make_function(sqs, queue)
    stack.outputs |= {"NotificationQueue": queue, "NotificationDeadLetterQueue": dead}
    stack.parameters |= {"AlarmFormat": "TEXT", "ChatTopicArn": ""}
    stack.deploy()
    made = Target(Session(Options()))
    made.resources = {
        "NotifyOperatorsFunction": ("AWS::Lambda::Function", "notifier"),
        "TakeNotifications": ("AWS::Lambda::EventSourceMapping", mapping),
        **{rule: ("AWS::Events::Rule", rule) for rule in _RULES},
    }
    return made


def test_notifier_that_works_is_good(target: Target) -> None:
    checks = [notifications.check_events(target), notifications.check_unsent(target), notifications.check_chat(target)]
    assert [check.state for check in checks] == ["good"] * 3


def test_stack_without_a_notifier_is_good(target: Target) -> None:
    target.resources = {}
    assert notifications.check_events(target).state == notifications.check_unsent(target).state == "good"


def test_disabled_rule_is_enabled_by_the_command(target: Target) -> None:
    events = boto3.client("events")
    for rule in _RULES:
        events.disable_rule(Name=rule)
        check = notifications.check_events(target)
        assert (check.state, rule in check.message) == ("bad", True)
        run_aws(check.command)
    assert notifications.check_events(target).state == "good"


def test_deleted_rule_is_bad(target: Target) -> None:
    boto3.client("events").delete_rule(Name="ExecutionEnded")
    assert notifications.check_events(target).message == "the rule ExecutionEnded was deleted"


def test_unsent_notifications_have_a_command_that_sends_them(target: Target) -> None:
    """moto does not have this operation."""
    boto3.client("sqs").send_message(QueueUrl=target.output("NotificationDeadLetterQueue"), MessageBody="{}")
    check = notifications.check_unsent(target)
    assert check.message == "1 notification could not be sent"
    arn = "arn:aws:sqs:eu-west-1:123456789012"
    command = f"aws sqs start-message-move-task --source-arn {arn}:unsent --destination-arn {arn}:notifications"
    assert check.command == command


def test_chat_needs_a_topic_and_a_subscriber(stack: MotoStack, target: Target) -> None:
    stack.parameters["ChatTopicArn"] = "arn:aws:sns:eu-west-1:123456789012:chat"
    stack.deploy()
    target.session.__dict__.pop("stack", None)
    check = notifications.check_chat(target)
    assert check.message.startswith("there is no topic ")
    run_aws(check.command)
    assert notifications.check_chat(target).message == "nobody subscribed to the topic of the chat"
    endpoint = "https://global.sns-api.chatbot.amazonaws.com"
    boto3.client("sns").subscribe(TopicArn=stack.parameters["ChatTopicArn"], Protocol="https", Endpoint=endpoint)
    assert notifications.check_chat(target).state == "good"


_ALARM: Any = {
    "MetricName": "Errors", "Namespace": "AWS/Lambda", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
    "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}  # fmt: skip


def test_composite_alarm_notifies_in_place_of_the_others(stack: MotoStack, target: Target) -> None:
    sns, cloudwatch = boto3.client("sns"), boto3.client("cloudwatch")
    topic = sns.create_topic(Name="operators")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="gis-operators@example.com")
    stack.parameters |= {"AlarmTopicArn": topic, "AlarmFormat": "CLOUDWATCH", "CompositeAlarm": "ON"}
    stack.deploy()
    target.session.__dict__.pop("stack", None)
    cloudwatch.put_metric_alarm(AlarmName="notebook-archive-RunFailedAlarm-1", **_ALARM)
    # moto lists composite alarms, but does not create them.
    cloudwatch.put_metric_alarm(AlarmName="notebook-archive-AnyAlarm-1", **_ALARM)
    (own,) = cloudwatch_backends[ACCOUNT][REGION].get_alarms_by_alarm_names(["notebook-archive-AnyAlarm-1"])
    own.rule = 'ALARM("notebook-archive-RunFailedAlarm-1")'
    assert schedule.check_alarms(target).message == "1 alarm would notify nobody"
    own.alarm_actions = [topic]
    assert schedule.check_alarms(target).state == "good"


def test_maintenance_is_reported(stack: MotoStack, target: Target) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="operators")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="gis-operators@example.com")
    stack.parameters |= {"AlarmTopicArn": topic, "CompositeAlarm": "MAINTENANCE"}
    stack.deploy()
    target.session.__dict__.pop("stack", None)
    check = schedule.check_alarms(target)
    assert (check.state, check.message) == ("bad", "CompositeAlarm is MAINTENANCE, so no failure is reported")


def test_only_the_alarm_about_the_notifier_needs_an_action(stack: MotoStack, target: Target) -> None:
    """With AlarmFormat TEXT, the notifier sends the others."""
    sns, cloudwatch = boto3.client("sns"), boto3.client("cloudwatch")
    topic = sns.create_topic(Name="operators")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="gis-operators@example.com")
    stack.parameters["AlarmTopicArn"] = topic
    stack.deploy()
    target.session.__dict__.pop("stack", None)
    cloudwatch.put_metric_alarm(AlarmName="notebook-archive-RunFailedAlarm-1", **_ALARM)
    own = "notebook-archive-NotificationFailedAlarm-1"
    cloudwatch.put_metric_alarm(AlarmName=own, AlarmActions=[topic], ActionsEnabled=False, **_ALARM)
    check = schedule.check_alarms(target)
    assert check.message == "1 alarm would notify nobody"
    run_aws(check.command)
    assert schedule.check_alarms(target).state == "good"
