"""Verifies a batch of archived versions and other objects.

Trigger: the state machine ArchiveVerification, once for each line of the plan, with `{"runId", "startedAt", "batch"}`.
Returns: the same object. Its `batch` now contains the checks that were not started in time, or is null.
"""

import os
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.settings import VerifyVersionsSettings
from notebook_archive.verification import BatchVerifier

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Verify the batch. Store the results in the archive, and log each finding."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run, batch=event["batch"]["number"])
    settings = VerifyVersionsSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    end = datetime.fromisoformat(event["startedAt"]).timestamp() + settings.max_seconds
    verifier = BatchVerifier(run, aws.archive(settings.archive), aws.archive_reader(settings.archive), end)
    results, rest = verifier.verify(event["batch"], settings.threads, deadline)
    for finding in results["findings"]:
        logger.warning(finding["kind"], extra={"finding": finding})
    logger.info(
        "Verified",
        extra={
            "objects": len(results["versions"]) + len(results["others"]),
            "bytes": results["bytes"],
            "requests": results["requests"],
            "not_reached": len(results["notReached"]),
        },
    )
    return {"runId": event["runId"], "startedAt": event["startedAt"], "batch": rest}
