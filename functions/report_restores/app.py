"""Writes the report of a bulk restore.

Trigger: the last state of the state machine ArchiveRestore, with `{"runId", "startedAt", "input"?, "plan"?, "error"?}`.
Returns: the report's summary. The report itself is an object in the archive. The function also emits the report's
figures as metrics, and sends an event.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.bulk_restore import count_metrics, guess_request, report_restores
from notebook_archive.events import DetailType, describe_bulk_restore
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.settings import ReportRestoresSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Write the report, emit its figures as metrics, and publish the event."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run)
    metrics.add_metadata("run_id", run)
    settings = ReportRestoresSettings.from_env(os.environ)
    given = (guess_request(event.get("input")), event.get("plan"), event.get("error"))
    archive = aws.archive(settings.archive)
    key, report = report_restores(run, event["startedAt"], *given, archive, settings.threads)
    for name, count in count_metrics(report).items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric(Metric.BULK_BYTES_RESTORED, MetricUnit.Bytes, 0 if report["dryRun"] else report["bytes"])
    metrics.add_metric(Metric.BULK_RESTORE_DURATION, MetricUnit.Seconds, report["seconds"])
    event_detail = describe_bulk_restore(report, key, settings.archive.bucket)
    summary = {name: value for name, value in event_detail.items() if name != "bucket"}
    logger.info(report["message"], extra={"report": summary})
    aws.event_bus(settings.event_bus).publish(DetailType.ARCHIVE_RESTORE_COMPLETED, event_detail)
    return summary
