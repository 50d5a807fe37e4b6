"""Searches for notebooks that changed since the last poll, and sends events that ask for their backup.

Trigger: the schedule in the parameter `ChangePoll`, or a person. The event is ignored.
Returns: the numbers of changes that were found, requested and postponed. Another function archives the notebooks.
"""

import os
import time
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.polling import poll_changes
from notebook_archive.settings import PollChangesSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(_: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Poll, log the result, and emit the figures as metrics. Raise the error if the search was incomplete."""
    settings = PollChangesSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    poll = poll_changes(
        aws.administrator(settings.portal, deadline),
        aws.archive(settings.archive),
        aws.polls(settings.ledger),
        aws.event_bus(settings.event_bus),
        settings.threads,
        int(time.time() * 1000),
    )
    summary = {"found": poll.found, "requested": len(poll.requested), "postponed": poll.postponed}
    log = logger.warning if poll.postponed else logger.info
    log("Polled", extra={**summary, "item_ids": poll.requested[:100]})
    metrics.add_metric(Metric.CHANGES_FOUND, MetricUnit.Count, poll.found)
    metrics.add_metric(Metric.CHANGES_REQUESTED, MetricUnit.Count, len(poll.requested))
    metrics.add_metric(Metric.CHANGES_POSTPONED, MetricUnit.Count, poll.postponed)
    if poll.seconds_since_last is not None:
        metrics.add_metric(Metric.CHANGE_POLL_AGE_SECONDS, MetricUnit.Seconds, poll.seconds_since_last)
    if poll.incomplete:
        raise poll.incomplete
    return summary
