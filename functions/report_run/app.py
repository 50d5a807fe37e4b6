"""Writes the report of an archive run.

Trigger: the last state of the state machine ArchiveRun, with `{"runId", "startedAt", "input"?, "plan"?, "error"?}`.
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
from notebook_archive.clock import Deadline
from notebook_archive.events import DetailType, describe_run
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.runs import count_metrics, read_scope, report_run
from notebook_archive.settings import ReportRunSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the report, emit its figures as metrics, and publish the event."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run)
    metrics.add_metadata("run_id", run)
    settings = ReportRunSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    given = (event["startedAt"], event.get("plan"), event.get("error"))
    asked = read_scope(event.get("input"))
    key, report = report_run(run, aws.archive(settings.archive), *given, settings.threads, deadline, asked=asked)
    for name, count in count_metrics(report).items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric(Metric.BYTES_ARCHIVED, MetricUnit.Bytes, report["bytes"])
    metrics.add_metric(Metric.RUN_DURATION, MetricUnit.Seconds, report["seconds"])
    event_detail = describe_run(report, key, settings.archive.bucket)
    summary = {name: value for name, value in event_detail.items() if name != "bucket"}
    logger.info(report["message"], extra={"report": summary})
    aws.event_bus(settings.event_bus).publish(DetailType.ARCHIVE_RUN_COMPLETED, event_detail)
    return summary
