"""Archives the notebooks that events ask for.

Trigger: the queue of `SnapshotArchiveRequested` events, up to ten messages at a time.
Returns: the messages that SQS must deliver again. The outcome of each notebook is logged, and events announce what was
stored.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.backup_requests import archive_requests, fail_requests
from notebook_archive.backup_requests.queue import Message
from notebook_archive.clock import Deadline
from notebook_archive.errors import EventRefused, NotebookArchiveError
from notebook_archive.events import DetailType, describe_stored
from notebook_archive.logs import log_invocation, log_outcome, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.settings import ArchiveRequestsSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Archive each notebook once, even if several messages name it. Postpone or move messages that failed."""
    messages = [Message.of(record) for record in event["Records"]]
    run = messages[0].run
    logger.append_keys(run_id=run)
    metrics.add_metadata("run_id", run)
    settings = ArchiveRequestsSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    requests = [message.request for message in messages if message.request]
    try:
        archive_context = aws.archive_context(settings.backup)
    except NotebookArchiveError as error:  # such as a missing secret with the certificate authority
        outcomes = fail_requests(requests, error)
    else:
        outcomes = archive_requests(requests, run, archive_context, settings.threads, deadline)
    for outcome in outcomes.values():
        log_outcome(logger, outcome)
    for message in messages:
        if message.refusal:
            logger.warning("refused", extra={"message_id": message.id, "problem": message.refusal})
    again = aws.request_queue(settings.request_queue_url, settings.failure_queue_url).settle(messages, outcomes)
    bucket = settings.backup.archive.bucket
    stored = [detail for outcome in outcomes.values() for detail in describe_stored(outcome, run, bucket)]
    try:
        aws.event_bus(settings.event_bus).publish(DetailType.SNAPSHOT_ARCHIVED, *stored)
    except EventRefused:
        logger.exception("The events about archived snapshots could not be sent")
    archived = sum(len(outcome["archived"]) for outcome in outcomes.values())
    skipped = sum(message.has_skipped(outcomes) for message in messages)
    metrics.add_metric(Metric.SNAPSHOTS_ARCHIVED_BY_EVENT, MetricUnit.Count, archived)
    metrics.add_metric(Metric.REQUESTS_POSTPONED, MetricUnit.Count, len(again))
    metrics.add_metric(Metric.REQUESTS_SKIPPED, MetricUnit.Count, skipped)
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in again]}
