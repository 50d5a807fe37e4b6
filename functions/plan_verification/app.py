"""Plans a verification of the archive.

Trigger: the first state of the state machine ArchiveVerification, with `{"runId", "startedAt", "input":
{"everything"?, "itemIds"?}}`.
Returns: a `VerificationPlan`, which is a summary. The plan itself is an object in the archive.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.archive import RunId
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.settings import PlanVerificationSettings
from notebook_archive.verification import plan_verification, read_wanted

logger = make_logger()


@log_invocation(logger)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Plan the verification and return its summary. An error fails the state; the state machine reports it."""
    run = RunId.from_execution(event["runId"], event["startedAt"])
    logger.append_keys(run_id=run)
    settings = PlanVerificationSettings.from_env(os.environ)
    wanted = read_wanted(event.get("input", {}))
    archive, ledger = aws.archive(settings.archive), aws.ledger(settings.ledger)
    second_place = aws.second_place(settings.second_place) if settings.second_place else None
    limits = {"verify_days": settings.verify_days, "threads": settings.threads}
    plan = plan_verification(run, event["startedAt"], wanted, archive, ledger, second_place, **limits)
    logger.info("Planned", extra={"versions": plan["versions"], "checks": plan["checks"], "batches": plan["batches"]})
    if plan["secondPlace"]:
        logger.info("Compared with the second place", extra={"second_place": plan["secondPlace"]})
    return {"runId": event["runId"], "startedAt": event["startedAt"], **plan}
