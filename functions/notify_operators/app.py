"""Reports to operators in words what failed.

Trigger: the queue of changed alarms and ended executions, one message at a time, whose body is an EventBridge event; a
rule with an event about a report of this stack; the schedule of the digest, with `{"digest": time}`; or the schedule
that looks for folded alarms that are still on, with `{"lastingAlarms": time}`.
Returns: what became of each event. The function emits the counts as metrics. If a topic did not accept a message, it
raises NotificationRefused, so that the event is tried again and then put into the dead-letter queue.
"""

import json
import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.errors import NotificationRefused
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.notifications import Decision, notify
from notebook_archive.settings import NotifyOperatorsSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Decide what becomes of each event, send the notifications, log the decisions, and emit their counts."""
    notifier = aws.notifier(NotifyOperatorsSettings.from_env(os.environ))
    events = [json.loads(message["body"]) for message in event["Records"]] if "Records" in event else [event]
    decisions: list[Decision] = []
    failed = 0
    try:
        for each in events:
            for decision in notify(each, notifier):
                decisions.append(decision)
                logger.info(decision.outcome, extra={"notification": decision.key, "why": decision.reason})
    except NotificationRefused:
        failed = 1
        raise
    finally:
        outcomes = [decision.outcome for decision in decisions]
        metrics.add_metric(Metric.NOTIFICATIONS_SENT, MetricUnit.Count, outcomes.count("sent"))
        metrics.add_metric(Metric.NOTIFICATIONS_FOLDED, MetricUnit.Count, outcomes.count("folded"))
        metrics.add_metric(Metric.NOTIFICATIONS_FAILED, MetricUnit.Count, failed)
    return {"outcomes": outcomes}
