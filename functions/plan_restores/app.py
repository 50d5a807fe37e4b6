"""Plans a bulk restore.

Trigger: the first state of the state machine ArchiveRestore, with `{"runId", "startedAt", "input"}`. docs/restore.md
describes the fields of `input`.
Returns: a `BulkPlan`, which is a summary. The plan itself is an object in the archive.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.bulk_restore import plan_restores, read_request
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.settings import PlanRestoresSettings

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan the bulk restore and return its summary. An error fails the state; the state machine reports it."""
    name, started_at = event["runId"], event["startedAt"]
    run = RunId.from_execution(name, started_at)
    logger.append_keys(run_id=run)
    settings = PlanRestoresSettings.from_env(os.environ)
    request = read_request(event.get("input", {}))
    archive, sources = aws.archive(settings.archive), aws.restore_sources(settings)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    plan = plan_restores(run, started_at, request, archive, sources, settings.threads, deadline)
    logger.info("Planned", extra={"notebooks": plan["notebooks"], "batches": plan["batches"]})
    return {"runId": name, "startedAt": started_at, **plan}
