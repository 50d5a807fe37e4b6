"""Archives a batch of notebooks.

Trigger: the state machine ArchiveRun, once for each line of the plan, with `{"runId", "startedAt", "batch"}`.
Returns: the same object. Its `batch` now contains the notebooks that were not started in time, or is null.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline
from notebook_archive.errors import EventRefused
from notebook_archive.events import DetailType, describe_stored
from notebook_archive.logs import log_invocation, log_outcome, make_logger
from notebook_archive.runs import archive_batch
from notebook_archive.settings import ArchiveNotebooksSettings

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Archive the batch. Store the outcome of each notebook in the archive, and log it."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run, batch=event["batch"]["number"])
    settings = ArchiveNotebooksSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    archive_context = aws.archive_context(settings.backup)
    outcomes, rest = archive_batch(event["batch"], run, archive_context, settings.threads, deadline)
    for outcome in outcomes:
        log_outcome(logger, outcome)
    bucket = settings.backup.archive.bucket
    stored = [detail for outcome in outcomes for detail in describe_stored(outcome, run, bucket)]
    try:
        aws.event_bus(settings.event_bus).publish(DetailType.SNAPSHOT_ARCHIVED, *stored)
    except EventRefused:
        logger.exception("The events about archived snapshots could not be sent")
    return {"runId": event["runId"], "startedAt": event["startedAt"], "batch": rest}
