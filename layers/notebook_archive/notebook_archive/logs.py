"""Set up the log of a function: one JSON object a line, with the keys of the invocation, whichever code writes it."""

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
    """Return the function's logger, and use its handler for the lines of the package and the libraries too.

    AWS's runtime client gives the root logger a handler without our keys, which may write plain text. The function's
    own handler replaces it. `POWERTOOLS_LOG_LEVEL` sets the level of the function and of the package. Libraries
    log warnings and errors only: below that, they write addresses and headers, which may hold tokens.
    """
    logger = Logger(json_serializer=_serialize, use_rfc3339=True, utc=True, name="%(name)s")
    level = os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO").upper()
    own, root = logging.getLogger(logger.name), logging.getLogger()
    own.setLevel(level)  # Powertools prefers AWS_LAMBDA_LOG_LEVEL; Lambda drops lines below that level
    own.propagate = False  # otherwise each of its lines is written twice
    logging.getLogger("notebook_archive").setLevel(level)
    root.handlers = [logger.registered_handler]
    root.setLevel(max(own.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    return logger


def log_invocation(logger: Logger) -> Callable[[Handler], Handler]:
    """Return a decorator that adds the invocation to each line of a handler, and logs the error that ends it."""

    def decorate(handler: Handler) -> Handler:
        @logger.inject_lambda_context(clear_state=True)
        @wraps(handler)
        def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            try:
                return handler(event, context)
            except Exception as error:
                # AWS's runtime client also logs the error, but without our keys.
                logger.exception("The invocation failed", extra={"problem": describe_problem(error)})
                raise  # the caller needs the error, and the alarms count Lambda's own Errors

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
