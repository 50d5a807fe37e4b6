"""Takes back exactly what one restore did.

Trigger: a person or a program that invokes the function, with `{"restoreId", "dryRun"?, "force"?}`.
Returns: the record of the undo. With `dryRun`, only the plan. The function also sends an event and metrics.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.errors import EventRefused, NotebookArchiveError
from notebook_archive.events import DetailType, describe_restore
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.restore import UndoRequest, undo_restore
from notebook_archive.settings import UndoRestoreSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Undo the restore, log it, emit its figures as metrics, and publish the event."""
    figures = dict.fromkeys((Metric.RESTORES_UNDONE, Metric.RESTORES_FAILED), 0)
    try:
        request = UndoRequest.parse(event)
        logger.append_keys(restore_id=request.restore_id)
        metrics.add_metadata("restore_id", request.restore_id)
        settings = UndoRestoreSettings.from_env(os.environ)
        deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
        record = undo_restore(request, aws.restore_context(settings.restore), deadline)
    except NotebookArchiveError as error:
        figures[Metric.RESTORES_FAILED] = 1
        raise error.with_remedy() from error
    else:
        figures[Metric.RESTORES_UNDONE] = int(record["status"] == "undone")
    finally:
        for name, count in figures.items():
            metrics.add_metric(name, MetricUnit.Count, count)
    answer = dict(record)
    logger.info(record["status"], extra={"restore": answer})
    if record["status"] != "planned":
        try:
            detail = describe_restore(record, settings.restore.archive.bucket)
            aws.event_bus(settings.event_bus).publish(DetailType.NOTEBOOK_RESTORED, detail)
        except EventRefused:
            logger.exception("The event about the undone restore could not be sent")
    return answer
