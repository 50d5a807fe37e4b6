"""Receives deliveries of webhooks, and sends events that ask for their items to be archived.

Trigger: API Gateway, POST to `/webhooks/{key}` by a portal, or GET by a sender that tests the receiver.
Returns: 202 after EventBridge has accepted the events. Another function archives the items later.
"""

import os

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.errors import NotebookArchiveError, WebhookUnknown
from notebook_archive.events import DetailType, describe_requests
from notebook_archive.events.details import REQUEST_SOURCE
from notebook_archive.http import Answer, api_handler
from notebook_archive.http.webhook import Delivery, answer_accepted, answer_probe
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.settings import ReceiveWebhookSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
@api_handler(logger, Delivery)
def handler(delivery: Delivery, _: LambdaContext) -> Answer:
    """Publish the delivery's items, and return the response. A refused delivery is only logged and counted."""
    counts = {Metric.WEBHOOK_ACCEPTED: 0, Metric.WEBHOOK_REFUSED: 0, Metric.WEBHOOK_UNKNOWN: 0}
    metrics.add_metadata("correlation_id", delivery.correlation_id)
    try:
        settings = ReceiveWebhookSettings.from_env(os.environ)
        secret = WebhookSecret.parse(settings.secret, aws.webhook_secret(settings.secret).read())
        secret.authenticate(delivery)
        if delivery.method == "GET":
            return answer_probe(secret.sign_probe(delivery))
        items = delivery.parse_items(time_required=secret.requires_signature)
        event_bus = aws.webhook_event_bus(settings.event_bus)
        details = describe_requests(items.requested_ids)
        event_bus.publish(DetailType.SNAPSHOT_ARCHIVE_REQUESTED, *details, source=REQUEST_SOURCE)
        counts[Metric.WEBHOOK_ACCEPTED] = 1
        logger.info("Accepted", extra={"items": len(items.ids), "left_out": items.left_out, "skipped": items.skipped})
        return answer_accepted(items)
    except Exception as error:
        # A caller that does not know the path is not our portal, so it is not counted as a refused delivery.
        counts[Metric.WEBHOOK_UNKNOWN if isinstance(error, WebhookUnknown) else Metric.WEBHOOK_REFUSED] = 1
        metrics.add_metadata(
            "reason", (error if isinstance(error, NotebookArchiveError) else NotebookArchiveError).reason
        )
        raise
    finally:
        for name, count in counts.items():
            metrics.add_metric(name, MetricUnit.Count, count)
