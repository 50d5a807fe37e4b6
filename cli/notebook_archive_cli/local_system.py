"""Read the description of the system that `make local` runs."""

import json
from pathlib import Path
from typing import Any

from notebook_archive_cli.errors import CommandError, ExitStatus

# `make local` writes it into the folder in which it runs (local/system.py).
LOCAL_FILE = Path(".local/stack.json")
_KEYS = {"awsEndpointUrl", "awsAccessKeyId", "awsSecretAccessKey", "region"}


def read_local_system() -> dict[str, Any]:
    """Return the description of the local system. Raises CommandError if this folder has none."""
    try:
        description: dict[str, Any] = json.loads(LOCAL_FILE.read_text(encoding="utf-8"))
        missing = _KEYS - set(description)
    except FileNotFoundError:
        raise _make_missing(f"{LOCAL_FILE.absolute()} does not exist") from None
    except (TypeError, ValueError):
        raise _make_missing(f"{LOCAL_FILE.absolute()} is not a JSON object") from None
    if missing:
        raise _make_missing(f"{LOCAL_FILE.absolute()} has no {', '.join(sorted(missing))}")
    return description


def _make_missing(problem: str) -> CommandError:
    return CommandError(
        "local-system-missing",
        f"There is no local system: {problem}.",
        remedy="Run `make local` in this folder and wait until it is ready, or leave out --local.",
        command="make local",
        status=ExitStatus.UNAVAILABLE,
    )
