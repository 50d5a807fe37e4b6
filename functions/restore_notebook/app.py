"""Restores one archived version of a notebook to ArcGIS.

Trigger: a person or a program that invokes the function, with `{"itemId", "resourceKey", "as", …}`. docs/restore.md
describes all fields.
Returns: the record of the restore, and the command that undoes it. With `dryRun`, only the plan. The function also
sends an event and metrics.
"""

import json
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
from notebook_archive.restore import RestoreRequest, restore_version
from notebook_archive.settings import RestoreNotebookSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restore the version, log it, emit its figures as metrics, and publish the event."""
    figures = dict.fromkeys((Metric.NOTEBOOKS_RESTORED, Metric.RESTORES_FAILED), 0)
    try:
        request = RestoreRequest.parse(event, context.aws_request_id)
        logger.append_keys(restore_id=request.restore_id)
        metrics.add_metadata("restore_id", request.restore_id)
        settings = RestoreNotebookSettings.from_env(os.environ)
        deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
        record = restore_version(request, aws.restore_context(settings.restore), deadline)
    except NotebookArchiveError as error:
        figures[Metric.RESTORES_FAILED] = 1
        raise error.with_remedy() from error
    else:
        figures[Metric.NOTEBOOKS_RESTORED] = int(record["status"] == "restored")
    finally:
        for name, count in figures.items():
            metrics.add_metric(name, MetricUnit.Count, count)
    answer = {name: value for name, value in record.items() if name != "left"}
    logger.info(record["status"], extra={"restore": answer})
    if record["status"] == "planned":
        return answer
    if record["status"] == "restored":
        metrics.add_metric(Metric.BYTES_RESTORED, MetricUnit.Bytes, record["bytes"])
        metrics.add_metric(Metric.RESTORE_DURATION, MetricUnit.Seconds, record["seconds"])
    try:
        detail = describe_restore(record, settings.restore.archive.bucket)
        aws.event_bus(settings.event_bus).publish(DetailType.NOTEBOOK_RESTORED, detail)
    except EventRefused:
        logger.exception("The event about the restored notebook could not be sent")
    payload = json.dumps({"restoreId": request.restore_id})
    return answer | {
        "undo": f"aws lambda invoke --function-name {settings.undo_function} --cli-binary-format raw-in-base64-out "
        f"--payload '{payload}' undo.json"
    }
