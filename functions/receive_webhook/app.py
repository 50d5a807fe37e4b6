"""Takes deliveries of webhooks and asks the event bus to have their items archived.

Trigger: API Gateway, POST of ``/webhooks/{key}`` by a portal; GET by whoever tries out whether somebody listens.
Answers: 202 when the events are on the bus; the items themselves are fetched later, by another function.
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http import Answer, exchange
from notebook_archive.http.webhook import MOST_ITEMS, Delivery, WebhookSecret, accepted, requests_of

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@exchange(logger, Delivery)
def handler(delivery: Delivery, _: LambdaContext) -> Answer:
    """Answer once the bus has the events; whatever is refused leaves nothing behind but a line and a count."""
    counts = {"WebhookAccepted": 0, "WebhookRefused": 0}
    try:
        secret = WebhookSecret.parse(*aws.webhook_secret())
        secret.admit(delivery)
        if delivery.method == "GET":
            return secret.probed(delivery)
        item_ids = delivery.item_ids()
        aws.publish("SnapshotArchiveRequested", *requests_of(item_ids), source="arcgis.notebooks")
        counts["WebhookAccepted"] = 1
        logger.info("Accepted", extra={"items": len(item_ids), "left_out": max(0, len(item_ids) - MOST_ITEMS)})
        return accepted(item_ids)
    except NotebookArchiveError as error:
        counts["WebhookRefused"] = 1
        metrics.add_metadata("reason", error.reason)
        raise
    finally:
        for name, count in counts.items():
            metrics.add_metric(name, MetricUnit.Count, count)
