"""Plans an archive run.

Trigger: the first state of the state machine ArchiveRun, with `{"runId", "startedAt", "input": {"itemIds"?}}`.
Returns: a `Plan`, which is a summary. The plan itself is an object in the archive.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.runs import plan_run, read_item_ids
from notebook_archive.settings import PlanRunSettings

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan the run and return its summary. A NotebookArchiveError fails the state; the state machine reports it."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run)
    settings = PlanRunSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    administrator, archive = aws.administrator(settings.portal, deadline), aws.archive(settings.archive)
    item_ids = read_item_ids(event.get("input", {}))
    sizes = {"batch_size": settings.batch_size, "threads": settings.threads}
    plan = plan_run(run, event["startedAt"], administrator, archive, item_ids, **sizes)
    logger.info("Planned", extra={"notebooks": plan["notebooks"], "batches": plan["batches"]})
    return {"runId": event["runId"], "startedAt": event["startedAt"], **plan}
