"""Reports on an archive run.

Trigger: the last state of the state machine ArchiveRun, with `{"runId", "startedAt", "input"?, "plan"?, "error"?}`.
Answers: the report's summary. The report itself is an object in the archive. Its figures are metrics, and an event
announces it.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.runs import figures, report_run, scope_of
from notebook_archive.settings import ReportRunSettings

logger = make_logger()
metrics = Metrics()

SUMMARY = (
    "runId",
    "scope",
    "status",
    "message",
    "notebooks",
    "protection",
    "recoveryPoint",
    "snapshots",
    "bytes",
    "seconds",
)


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
    asked = scope_of(event.get("input"))
    key, report = report_run(run, aws.archive(settings.archive), *given, settings.threads, deadline, asked=asked)
    for name, count in figures(report).items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric("BytesArchived", MetricUnit.Bytes, report["bytes"])
    metrics.add_metric("RunDuration", MetricUnit.Seconds, report["seconds"])
    summary: dict[str, Any] = {name: value for name, value in report.items() if name in SUMMARY}
    summary |= {"reportKey": key, "unprotected": len(report["unprotected"])}
    logger.info(report["message"], extra={"report": summary})
    completed = {**summary, "bucket": settings.archive.bucket}
    aws.event_bus(settings.event_bus).publish("ArchiveRunCompleted", completed)
    return summary
