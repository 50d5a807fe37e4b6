"""Describe the error that ended a run, as Step Functions caught it."""

import json
from collections.abc import Mapping
from typing import Any

from notebook_archive.backup.records import Problem
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.models import truncate

# Maximum characters of the error's message and of its name. Both are part of an event and of the execution's state,
# and neither may be larger than 256 KB.
MAX_ERROR = 2000
MAX_NAME = 100

_REMEDY = "Read the function's log for this run, then start the run again."


def describe_caught_error(error: Mapping[str, Any]) -> Problem:
    """Return the problem that Step Functions caught.

    `Error` is the name of a class, and `Cause` is the function's error as JSON text.
    """
    name = truncate(str(error.get("Error", "unknown")), MAX_NAME)
    kinds = _list_error_classes(NotebookArchiveError)
    kind, message = kinds.get(name), f"Step Functions reports {name}."
    try:
        cause = json.loads(str(error.get("Cause", "")))
        message = truncate(str(cause["errorMessage"]), MAX_ERROR)
        kind = kinds.get(str(cause.get("errorType")), kind)
    except (ValueError, KeyError, TypeError):
        pass  # the name alone is known
    return {"reason": name, "message": message, "remedy": kind.remedy if kind else _REMEDY}


def _list_error_classes(kind: type[NotebookArchiveError]) -> dict[str, type[NotebookArchiveError]]:
    """Return an error class and all below it, by name."""
    return {kind.__name__: kind} | {
        name: each for child in kind.__subclasses__() for name, each in _list_error_classes(child).items()
    }
