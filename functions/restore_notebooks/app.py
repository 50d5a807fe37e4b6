"""Restores a batch of notebooks as new items.

Trigger: the state machine ArchiveRestore, once for each line of the plan, with `{"runId", "startedAt", "batch"}`.
Returns: the same object. Its `batch` now contains the notebooks that were not completed in time, or is null.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.bulk_restore import list_made, restore_batch
from notebook_archive.clock import Deadline
from notebook_archive.errors import EventRefused
from notebook_archive.events import DetailType, describe_restore
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.settings import RestoreNotebooksSettings

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restore the batch. Store the outcome of each notebook in the archive, log it, and publish events."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run, batch=event["batch"]["number"])
    settings = RestoreNotebooksSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    restore_context = aws.restore_context(settings.restore)
    outcomes, rest = restore_batch(event["batch"], run, restore_context, settings.threads, deadline)
    for outcome in outcomes:
        log = logger.warning if outcome["state"] == "failed" else logger.info
        log(outcome["state"], extra={"restore": outcome})
    bucket = settings.restore.archive.bucket
    made = [describe_restore(record, bucket) for record in list_made(outcomes)]
    try:
        aws.event_bus(settings.event_bus).publish(DetailType.NOTEBOOK_RESTORED, *made)
    except EventRefused:
        logger.exception("The events about restored notebooks could not be sent")
    return {"runId": event["runId"], "startedAt": event["startedAt"], "batch": rest}
