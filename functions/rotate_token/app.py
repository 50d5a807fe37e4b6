"""Rotates the token that a secret holds.

Trigger: Secrets Manager, once for each of the four steps of a rotation, with ``{"Step", "SecretId",
"ClientRequestToken"}``.
Answers: nothing that Secrets Manager reads; an error ends the rotation, and the token that was current stays so.
"""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.deadline import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.pipeline import problem, rotate_token

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make the step; whether the token is current then, and whether it lives too short, are metrics."""
    step, secret_id, version = (str(event.get(name, "")) for name in ("Step", "SecretId", "ClientRequestToken"))
    logger.append_keys(step=step[:40], secret=secret_id, version=version)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    try:
        rotated = rotate_token(step, secret_id, version, aws.mint(), deadline)
    except NotebookArchiveError as error:
        logger.exception("The step failed", extra={"problem": problem(error)})
        raise  # for Secrets Manager, and for the alarm, which counts Lambda's own Errors
    metrics.add_metric("TokensRotated", MetricUnit.Count, int(rotated.current))
    metrics.add_metric("TokensExpiringBeforeRotation", MetricUnit.Count, int(bool(rotated.warning)))
    logger.info(rotated.done)
    if rotated.warning:
        logger.warning(rotated.warning)
    return {"secret": rotated.secret, "done": rotated.done}
