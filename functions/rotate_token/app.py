"""Rotates the token in a secret.

Trigger: Secrets Manager, once for each of the four steps of a rotation, with `{"Step", "SecretId",
"ClientRequestToken"}`.
Returns: a summary that Secrets Manager ignores. An error ends the rotation, and the current token stays current.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.metrics import Metric
from notebook_archive.rotation import rotate_token
from notebook_archive.settings import RotateTokenSettings

logger = make_logger()
metrics = Metrics()


@log_invocation(logger)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the step. Metrics count the tokens that became current, and those that expire before the next rotation."""
    step, secret_id, version = (str(event.get(name, "")) for name in ("Step", "SecretId", "ClientRequestToken"))
    logger.append_keys(step=step[:40], secret=secret_id, version=version)
    settings = RotateTokenSettings.from_env(os.environ)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.RESERVE_SECONDS)
    result = rotate_token(step, secret_id, version, aws.rotation_context(settings), deadline)
    metrics.add_metric(Metric.TOKENS_ROTATED, MetricUnit.Count, int(result.is_current))
    metrics.add_metric(Metric.TOKENS_EXPIRING_BEFORE_ROTATION, MetricUnit.Count, int(bool(result.warning)))
    logger.info(result.message)
    if result.warning:
        logger.warning(result.warning)
    return {"secret": result.secret, "done": result.message}
