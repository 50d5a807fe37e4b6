"""Print the results of the checks."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from rich.text import Text

from notebook_archive_cli.doctor.checks import Check
from notebook_archive_cli.options import Options
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import format_count

# What each line begins with, and the style in a terminal.
LABELS = {"good": ("good", "green"), "bad": ("BAD", "bold red"), "unknown": ("unknown", "yellow")}
INDENT = " " * 9
# Time between two lines of progress, if standard error is not a terminal.
PAUSE_SECONDS = 10.0
_CLEAR_LINE = "\r\x1b[K"


def make_document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the results as JSON."""
    counts = {state: sum(each.state == state for each in checks) for state in LABELS}
    return {"checks": [each.to_document() for each in checks], "counts": counts}


def render(document: dict[str, Any], width: int) -> Iterator[Text | str]:
    """Return a line for each check, and below a bad line its fix and the command."""
    for check in document["checks"]:
        label, style = LABELS[check["state"]]
        text = f"{check['name']}: {check['message']}".rstrip(".") + "."
        first, *rest = wrap_text(text, width, INDENT, label)
        yield Text.assemble((first[: len(INDENT)], style), first[len(INDENT) :])
        yield from rest
        yield from wrap_text(check["fix"], width, INDENT) if check["fix"] else ()
        if check["command"]:
            # A command stays in one line, so that it can be copied.
            yield f"{INDENT}  {check['command']}"
    counts = document["counts"]
    yield ""
    total = format_count(len(document["checks"]), "check")
    yield f"{total}: {counts['good']} good, {counts['bad']} bad, {counts['unknown']} unknown."


class Progress:
    """Say on standard error which check is running: in one line of a terminal, or every ten seconds."""

    def __init__(self, options: Options) -> None:
        self._is_quiet = options.is_json
        self._is_terminal = sys.stderr.isatty()
        self._said_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal and not self._is_quiet:
            sys.stderr.write(_CLEAR_LINE)

    def announce(self, name: str) -> None:
        """Say which check begins."""
        if self._is_quiet:
            return
        if self._is_terminal:
            width = shutil.get_terminal_size().columns
            sys.stderr.write(f"{_CLEAR_LINE}{f'Checking: {name} …'[: width - 1]}")
            sys.stderr.flush()
        elif time.monotonic() - self._said_at >= PAUSE_SECONDS:
            sys.stderr.write(f"Checking: {name} …\n")
            self._said_at = time.monotonic()
