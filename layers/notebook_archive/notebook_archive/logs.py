"""Configure a function's log. Every line is one JSON object with the keys of the invocation, whichever code logs it."""

import json
import logging
import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive.backup.records import OutcomeRecord, describe_problem, list_log_fields

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def make_logger() -> Logger:
    """Return the function's logger. Its handler also formats the log lines of this package and of the libraries.

    AWS's runtime client adds a handler to the root logger. That handler does not add our keys and may write plain text,
    so the function's own handler replaces it. `POWERTOOLS_LOG_LEVEL` sets the level for the function and the package.
    Libraries log only warnings and errors, because their other lines contain addresses and headers with tokens.
    """
    logger = Logger(json_serializer=_serialize, use_rfc3339=True, utc=True, name="%(name)s")
    level = os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO").upper()
    own, root = logging.getLogger(logger.name), logging.getLogger()
    own.setLevel(level)  # Powertools would use AWS_LAMBDA_LOG_LEVEL; Lambda itself drops lines below that level
    own.propagate = False  # otherwise each line of this logger is written twice
    logging.getLogger("notebook_archive").setLevel(level)
    root.handlers = [logger.registered_handler]
    root.setLevel(max(own.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    return logger


def log_invocation(logger: Logger) -> Callable[[Handler], Handler]:
    """Return a decorator that adds the invocation's keys to each line, and logs an error that ends the invocation."""

    def decorate(handler: Handler) -> Handler:
        @logger.inject_lambda_context(clear_state=True)
        @wraps(handler)
        def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            try:
                return handler(event, context)
            except Exception as error:
                # AWS's runtime client also logs the error, but without our keys.
                logger.exception("The invocation failed", extra={"problem": describe_problem(error)})
                raise  # the caller needs the error, and the alarms use Lambda's metric `Errors`

        return handle

    return decorate


def log_outcome(logger: Logger, outcome: OutcomeRecord) -> None:
    """Log the outcome of one notebook, as a warning if it failed."""
    write = logger.warning if outcome["state"] == "failed" else logger.info
    write(outcome["state"], extra=list_log_fields(outcome))


def _serialize(line: dict[str, Any]) -> str:
    """Return the line as JSON. A lone surrogate, which UTF-8 cannot encode, is escaped."""
    text = json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()
