"""Check that the notifier gets its events and could send everything, and that the chat's topic has a subscriber."""

from botocore.exceptions import ClientError

from notebook_archive_cli.doctor.checks import Check, bad, good
from notebook_archive_cli.doctor.schedule import count_messages, list_subscriptions
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

_FUNCTION = "NotifyOperatorsFunction"
_RULES = ("AlarmChanged", "ExecutionEnded", "ReportWritten")
_POLLED = frozenset(("Enabled", "Enabling", "Updating", "Creating"))


def check_events(target: Target) -> Check:
    """Check that the rules and the queue send their events to the notifier."""
    name = "notifications"
    if not target.find(_FUNCTION):
        return good(
            name,
            "the stack sends none, because AlarmTopicArn is not set, or AlarmFormat is CLOUDWATCH without ChatTopicArn",
        )
    events = target.client("events")
    for logical_id in _RULES:
        bus, _, rule = target.find(logical_id).rpartition("|")
        try:
            state = events.describe_rule(Name=rule, EventBusName=bus or "default").get("State")
        except ClientError as error:
            if error.response["Error"].get("Code") != "ResourceNotFoundException":
                raise
            fix = "Deploy with another AlarmFormat, and then with the old one. That creates it again."
            return bad(name, f"the rule {rule or logical_id} was deleted", fix, target.options.deploy_command())
        if state != "ENABLED":
            command = target.aws("events", "enable-rule", "--name", rule, "--event-bus-name", bus or "default")
            return bad(name, f"the rule {rule} is disabled, so not all failures are reported", "Enable it.", command)
    mapping = target.find("TakeNotifications")
    state = target.client("lambda").get_event_source_mapping(UUID=mapping).get("State", "")
    if state not in _POLLED:
        command = target.aws("lambda", "update-event-source-mapping", "--uuid", mapping, "--enabled")
        message = f"the queue of notifications is not polled ({state}), so no alarm is reported"
        return bad(name, message, "Enable the event source mapping.", command)
    return good(name, "alarms, ended executions and reports reach the notifier")


def check_unsent(target: Target) -> Check:
    """Check that every notification could be sent."""
    name = "unsent notifications"
    if not target.find(_FUNCTION):
        return good(name, "none")
    waiting = count_messages(target, target.output("NotificationDeadLetterQueue"))
    if not waiting:
        return good(name, "none")
    source, destination = (
        _find_arn(target, target.output(each)) for each in ("NotificationDeadLetterQueue", "NotificationQueue")
    )
    words = ("start-message-move-task", "--source-arn", source, "--destination-arn", destination)
    return bad(
        name,
        f"{format_count(waiting, 'notification')} could not be sent",
        "The log of notify_operators says why. When the cause is gone, send them again.",
        target.aws("sqs", *words),
    )


def _find_arn(target: Target, url: str) -> str:
    attributes = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return str(attributes["QueueArn"])


def check_chat(target: Target) -> Check:
    """Check that the chat integration is subscribed to its topic."""
    name, topic = "chat", target.parameter("ChatTopicArn")
    if not topic:
        return good(name, "ChatTopicArn is not set, so nothing is sent to a chat")
    subscriptions = list_subscriptions(target, topic)
    if subscriptions is None:
        fix = "Create it, or set another ChatTopicArn."
        words = ("create-topic", "--name", topic.rpartition(":")[2])
        return bad(name, f"there is no topic {topic}", fix, target.aws("sns", *words))
    if not any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions):
        fix = "Add the topic to a channel in Amazon Q Developer in chat applications (docs/notifications.md, A chat)."
        return bad(name, "nobody subscribed to the topic of the chat", fix, "")
    return good(name, f"the topic of the chat has {format_count(len(subscriptions), 'subscriber')}")
