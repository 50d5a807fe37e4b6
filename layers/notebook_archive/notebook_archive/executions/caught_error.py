"""Describe the error that ended a run, as Step Functions caught it."""

import json
from collections.abc import Mapping
from typing import Any

from notebook_archive.backup.records import Problem
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.models import truncate

# Maximum number of characters of the error's message and of its name. Both become part of an event and of the
# execution's state. Each of these may have at most 256 KB.
MAX_ERROR = 2000
MAX_NAME = 100

_REMEDY = "Read the function's log for this run, then start the run again."


def describe_caught_error(error: Mapping[str, Any]) -> Problem:
    """Return the problem that Step Functions caught.

    `Error` is the name of an error class, and `Cause` is a string with the function's error as JSON.
    """
    name = truncate(str(error.get("Error", "unknown")), MAX_NAME)
    kinds = _list_error_classes(NotebookArchiveError)
    kind, message = kinds.get(name), f"Step Functions reports {name}."
    try:
        cause = json.loads(str(error.get("Cause", "")))
        message = truncate(str(cause["errorMessage"]), MAX_ERROR)
        kind = kinds.get(str(cause.get("errorType")), kind)
    except (ValueError, KeyError, TypeError):
        pass  # `Cause` is not a function's error, so only the name is known
    return {"reason": name, "message": message, "remedy": kind.remedy if kind else _REMEDY}


def _list_error_classes(kind: type[NotebookArchiveError]) -> dict[str, type[NotebookArchiveError]]:
    """Return an error class and all its subclasses, by name."""
    return {kind.__name__: kind} | {
        name: each for child in kind.__subclasses__() for name, each in _list_error_classes(child).items()
    }
