"""Reports on an archive run.

Trigger: the last state of the state machine ArchiveRun, with ``{"runId", "startedAt", "plan"?, "error"?}``.
Answers: the report's summary; the report itself is an object in the archive, its figures are metrics, and an event
says that it is there.
"""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.pipeline import report_run

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Write the report; the figures are metrics, zeros included, so that silence is told from success.

    A run over chosen notebooks does not count as a run: it must not hide that the organisation's did not end well.
    """
    run = RunId.of_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run)
    key, report = report_run(run, aws.archive(), event["startedAt"], event.get("plan"), event.get("error"))
    for status in ("complete", "partial", "failed"):
        ended_so = report["status"] == status and report["scope"] == "everything"
        metrics.add_metric(f"Run{status.capitalize()}", MetricUnit.Count, int(ended_so))
    for name in ("notebooks", "snapshots"):
        for state, count in report[name].items():
            value = sum(count.values()) if isinstance(count, dict) else count
            metrics.add_metric(f"{name.capitalize()}{state.capitalize()}", MetricUnit.Count, value)
    metrics.add_metric("NotebooksUnprotected", MetricUnit.Count, len(report["unprotected"]))
    metrics.add_metric("BytesArchived", MetricUnit.Bytes, report["bytes"])
    metrics.add_metric("RunDuration", MetricUnit.Seconds, report["seconds"])
    summary = {
        name: report[name] for name in ("scope", "status", "message", "notebooks", "snapshots", "bytes", "seconds")
    }
    summary |= {"runId": event["runId"], "reportKey": key, "unprotected": len(report["unprotected"])}
    logger.info(report["message"], extra={"report": summary})
    aws.publish("ArchiveRunCompleted", {**summary, "bucket": aws.settings().archive_bucket})
    return summary
