"""Check what starts runs and requests, and who is notified: schedules, the event rule, the queues, and the alarms."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botocore.exceptions import ClientError

from notebook_archive_cli.doctor.checks import Check, bad, format_json, good, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.running.polls import is_poll_late, read_last_poll
from notebook_archive_cli.running.schedules import find_next_start
from notebook_archive_cli.terminal.output import format_count


def check_runs(target: Target) -> Check:
    """Check the schedule of archive runs."""
    return _check_schedule(target, "schedule of runs", "ArchiveRunSchedule", "ScheduleState", target.find("ArchiveRun"))


def check_verifications(target: Target) -> Check:
    """Check the schedule of verifications."""
    machine = target.find("ArchiveVerification")
    name = "schedule of verifications"
    return _check_schedule(target, name, "ArchiveVerificationSchedule", "VerifyScheduleState", machine)


def check_restore_tests(target: Target) -> Check:
    """Check the schedule of restore tests."""
    name = "schedule of restore tests"
    if not target.find("RestoreTestStart"):
        return good(name, "RestoreTestSchedule is not set, so no restore is tested by itself")
    return _check_schedule(target, name, "RestoreTestStart", "", target.find("TestRestoresFunction"))


def check_polls(target: Target) -> Check:
    """Check the schedule of polls for changes."""
    name = "schedule of polls"
    if not target.find("ChangePollStart"):
        return good(name, "ChangePoll is not set, so changes wait for the next run or for the webhook")
    return _check_schedule(target, name, "ChangePollStart", "", target.find("PollChangesFunction"))


def check_last_poll(target: Target) -> Check:
    """Check that polls for changes succeed."""
    name = "last poll"
    if not target.parameter("ChangePoll"):
        return good(name, "not needed: ChangePoll is not set")
    read_log = target.aws("logs", "tail", target.output("PollChangesLogGroup"), "--since", "3h")
    last = read_last_poll(target.session)
    if last is None:
        return unknown(
            name, "no poll has succeeded yet", "If one should have, read the log of PollChangesFunction.", read_log
        )
    if is_poll_late(target.session, last, datetime.now(UTC)):
        message = f"the last poll that succeeded was at {last:%Y-%m-%d %H:%M %Z}, so changes wait for the next run"
        return bad(name, message, "Read why in the log of PollChangesFunction.", read_log)
    return good(name, f"succeeded at {last:%Y-%m-%d %H:%M %Z}")


def _check_schedule(target: Target, name: str, logical_id: str, parameter: str, starts: str) -> Check:
    """Check one schedule. `starts` is the id of what it should start, and `parameter` the one that sets its state."""
    physical = target.find(logical_id)
    try:
        schedule = target.client("scheduler").get_schedule(Name=physical)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        fix = "Deploy with another Schedule, and then with the old one. That creates it again."
        return bad(name, f"the schedule {physical or logical_id} was deleted", fix, target.options.deploy_command())
    expression, zone = schedule["ScheduleExpression"], schedule.get("ScheduleExpressionTimezone", "UTC")
    if schedule["State"] != "ENABLED":
        message = "disabled, so nothing starts by itself"
        if parameter and target.parameter(parameter) == "DISABLED":
            return bad(name, message, *target.deploy_with(parameter, "ENABLED"))
        return bad(name, message, "Enable it.", target.aws("scheduler", *_make_update(schedule)))
    if starts and starts not in schedule["Target"]["Arn"]:
        fix = "Let it start the right one. The command shows the schedule."
        show = target.aws("scheduler", "get-schedule", "--name", physical)
        return bad(name, f"it starts {schedule['Target']['Arn']}, which is not this stack's", fix, show)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return bad(name, f"there is no time zone {zone!r}", *target.deploy_with("ScheduleTimezone", "UTC"))
    following = find_next_start(schedule, datetime.now(UTC))
    return good(name, f"{expression} in {zone}" + (f", next at {following:%Y-%m-%d %H:%M %Z}" if following else ""))


def _make_update(schedule: dict[str, Any]) -> list[str]:
    """Return the words of the command that enables the schedule. The command needs all properties."""
    words = ["update-schedule", "--name", schedule["Name"], "--state", "ENABLED"]
    words += ["--schedule-expression", schedule["ScheduleExpression"]]
    words += ["--schedule-expression-timezone", schedule.get("ScheduleExpressionTimezone", "UTC")]
    words += ["--flexible-time-window", format_json(schedule.get("FlexibleTimeWindow", {"Mode": "OFF"}))]
    if schedule.get("Description"):
        words += ["--description", schedule["Description"]]
    return [*words, "--target", format_json(schedule["Target"])]


def check_rule(target: Target) -> Check:
    """Check the rule that sends requests from the event bus to the queue."""
    name, bus = "event rule", target.parameter("EventBusName") or "default"
    rule = target.find("BackupRequested").rpartition("|")[2]
    events = target.client("events")
    try:
        described = events.describe_rule(Name=rule, EventBusName=bus)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        fix = "Deploy with another EventBusName, and then with the old one. That creates it again."
        return bad(name, f"the rule {rule} was deleted", fix, target.options.deploy_command())
    if described.get("State") != "ENABLED":
        command = target.aws("events", "enable-rule", "--name", rule, "--event-bus-name", bus)
        return bad(name, "disabled, so requests and webhooks archive nothing", "Enable the rule.", command)
    queue = target.output("RequestQueue").rpartition("/")[2]
    targets = events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    if not any(each["Arn"].endswith(f":{queue}") for each in targets):
        arn = ":".join([*described["Arn"].split(":")[:2], "sqs", *described["Arn"].split(":")[3:5], queue])
        words = (
            "put-targets",
            "--rule",
            rule,
            "--event-bus-name",
            bus,
            "--targets",
            format_json([{"Id": "requests", "Arn": arn}]),
        )
        return bad(name, "it does not send to the request queue", "Add the queue.", target.aws("events", *words))
    return good(name, f"enabled on the bus {bus}")


def check_dead_letters(target: Target) -> Check:
    """Check that the schedules could deliver what they started."""
    name, url = "dead-letter queue", target.output("ScheduleDeadLetterQueue")
    waiting = count_messages(target, url)
    if not waiting:
        return good(name, "empty")
    return bad(
        name,
        f"{format_count(waiting, 'start')} of a run or verification could not be delivered",
        "Find the cause in the messages (docs/operations.md, The dead-letter queue). Start a run by hand, with "
        f"`{target.command('run')}`. Then empty the queue.",
        target.aws("sqs", "purge-queue", "--queue-url", url),
    )


def check_failures(target: Target) -> Check:
    """Check that no request failed."""
    name = "failure queue"
    waiting = count_messages(target, target.output("FailureQueue"))
    if not waiting:
        return good(name, "empty")
    return bad(
        name,
        f"{format_count(waiting, 'request')} failed",
        f"`{target.command('failed', 'list')}` says why. When the cause is gone, send them again.",
        target.command("failed", "retry"),
    )


def count_messages(target: Target, url: str) -> int:
    """Return the number of messages in a queue, as SQS estimates it."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(each, "0")) for each in names)


def check_alarms(target: Target) -> Check:
    """Check that somebody is notified of alarms."""
    name, topic = "alarms", target.parameter("AlarmTopicArn")
    if not topic:
        fix, _ = target.deploy_with("AlarmTopicArn", "ARN-OF-THE-TOPIC")
        return bad(
            name,
            "AlarmTopicArn is not set, so nobody is notified when a run fails",
            f"Make a topic, and subscribe to it. {fix}",
            target.aws("sns", "create-topic", "--name", f"{target.session.stack.name}-alarms"),
        )
    subscriptions = list_subscriptions(target, topic)
    if subscriptions is None:
        return bad(
            name, f"there is no topic {topic}", "Make it, or set another AlarmTopicArn.", _create_topic(target, topic)
        )
    if not any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions):
        message = "a subscription is not confirmed yet" if subscriptions else "nobody subscribed to the topic"
        words = (
            "subscribe",
            "--topic-arn",
            topic,
            "--protocol",
            "email",
            "--notification-endpoint",
            "NAME@EXAMPLE.COM",
        )
        return bad(name, message, "Subscribe, and confirm the mail that arrives.", target.aws("sns", *words))
    composite = target.parameter("CompositeAlarm")
    if composite == "MAINTENANCE":
        message = "CompositeAlarm is MAINTENANCE, so no failure is reported"
        return bad(name, message, *target.deploy_with("CompositeAlarm", "ON"))
    found = target.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"{target.session.stack.name}-", AlarmTypes=["CompositeAlarm", "MetricAlarm"]
    )
    alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
    acting = alarms
    # With AlarmFormat TEXT, only the alarm about the notifier itself has an action. With a composite alarm, that one
    # notifies in place of the others.
    is_text = target.parameter("AlarmFormat") == "TEXT"
    if is_text or composite == "ON":
        names = ["NotificationFailedAlarm", *([] if is_text else ["AnyAlarm"])]
        acting = [each for each in alarms if any(logical in each["AlarmName"] for logical in names)]
    silent = [
        each["AlarmName"] for each in acting if not each.get("ActionsEnabled", True) or not each.get("AlarmActions")
    ]
    if silent:
        command = target.aws("cloudwatch", "enable-alarm-actions", "--alarm-names", *silent)
        return bad(name, f"{format_count(len(silent), 'alarm')} would notify nobody", "Enable their actions.", command)
    if not alarms:
        return unknown(name, "the stack has a topic, but CloudWatch shows no alarm of it")
    return good(name, f"{format_count(len(alarms), 'alarm')} notify {format_count(len(subscriptions), 'subscriber')}")


def list_subscriptions(target: Target, topic: str) -> list[dict[str, Any]] | None:
    """Return the subscriptions of a topic, or None if the topic does not exist.

    The ARN of one that is not confirmed is not an ARN.
    """
    try:
        pages = target.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        return [each for page in pages for each in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"].get("Code") not in ("NotFound", "NotFoundException"):
            raise
        return None


def _create_topic(target: Target, topic: str) -> str:
    return target.aws("sns", "create-topic", "--name", topic.rpartition(":")[2])
