"""Restores some archived versions as a test, compares them with the archive, and removes them again.

Trigger: a schedule with `{"runId", "startedAt"}`, the id and the time of this start, or a person with `{}`.
Returns: the summary of the results. The results themselves are an object in the archive. The function also emits the
figures as metrics, and sends an event. If a test failed, it then raises RestoreTestFailed.
"""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline
from notebook_archive.errors import RestoreTestFailed
from notebook_archive.events import DetailType, describe_restore_test
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.restore_tests import count_metrics, describe_failures, run_restore_tests
from notebook_archive.settings import TestRestoresSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do the restore test, log each version, emit the figures as metrics, and publish the event."""
    started_at = event.get("startedAt") or datetime.now(UTC).isoformat()
    run = RunId.from_execution(event.get("runId") or context.aws_request_id, started_at)
    logger.append_keys(run_id=run)
    metrics.add_metadata("run_id", run)
    settings = TestRestoresSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    tests, ledger = aws.restore_test_context(settings), aws.ledger(settings.restore.ledger)
    key, results = run_restore_tests(run, tests, ledger, settings.threads, deadline)
    for tested in results["tests"]:
        log = logger.warning if "problem" in tested else logger.info
        log("Failed" if "problem" in tested else "Passed", extra={"test": tested})
    for name, count in count_metrics(results).items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric(Metric.RESTORE_TEST_LONGEST, MetricUnit.Seconds, results["longestSeconds"])
    event_detail = describe_restore_test(results, key, settings.restore.archive.bucket)
    summary = {name: value for name, value in event_detail.items() if name != "bucket"}
    logger.info(results["message"], extra={"results": summary})
    aws.event_bus(settings.event_bus).publish(DetailType.RESTORE_TEST_COMPLETED, event_detail)
    if failures := describe_failures(results):
        raise RestoreTestFailed(f"{len(failures)} failed. {failures[0]}")
    return summary
