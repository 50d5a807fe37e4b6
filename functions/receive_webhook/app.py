"""Takes deliveries of webhooks and asks the event bus to have their items archived.

Trigger: API Gateway, POST of ``/webhooks/{key}`` by a portal; GET by whoever tries out whether somebody listens.
Answers: 202 when the events are on the bus; the items themselves are fetched later, by another function.
"""

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.errors import NotebookArchiveError, WebhookUnknown
from notebook_archive.events import DetailType
from notebook_archive.events.details import REQUEST_SOURCE
from notebook_archive.http import Answer, api_handler
from notebook_archive.http.webhook import Delivery, WebhookSecret
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
@api_handler(logger, Delivery)
def handler(delivery: Delivery, _: LambdaContext) -> Answer:
    """Answer once the bus has the events; whatever is refused leaves nothing behind but a line and a count."""
    counts = {Metric.WEBHOOK_ACCEPTED: 0, Metric.WEBHOOK_REFUSED: 0, Metric.WEBHOOK_UNKNOWN: 0}
    metrics.add_metadata("correlation_id", delivery.correlation_id)
    try:
        secret = WebhookSecret.parse(*aws.webhook_secret())
        secret.admit(delivery)
        if delivery.method == "GET":
            return secret.probed(delivery)
        items = delivery.items(timed=secret.requires_signature)
        aws.event_bus().publish(DetailType.SNAPSHOT_ARCHIVE_REQUESTED, *items.requests(), source=REQUEST_SOURCE)
        counts[Metric.WEBHOOK_ACCEPTED] = 1
        told = {"items": len(items.ids), "left_out": items.left_out, "skipped": items.skipped}
        logger.info("Accepted", extra=told)
        return items.accepted()
    except Exception as error:
        # Who does not know the path is no portal of ours, and must not raise the alarm that one is refused.
        counts[Metric.WEBHOOK_UNKNOWN if isinstance(error, WebhookUnknown) else Metric.WEBHOOK_REFUSED] = 1
        metrics.add_metadata(
            "reason", (error if isinstance(error, NotebookArchiveError) else NotebookArchiveError).reason
        )
        raise
    finally:
        for name, count in counts.items():
            metrics.add_metric(name, MetricUnit.Count, count)
