"""Print documents, tables, progress and errors.

A result goes to standard output, and everything else to standard error. Text from ArcGIS and AWS is printed without
characters that move a terminal's cursor or change the direction of its text.
"""

import json
import os
import re
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from notebook_archive_cli.errors import CommandError, ExitStatus, NotConfirmed
from notebook_archive_cli.options import Options

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# This invisible character is part of many emoji and does not move the cursor.
_ZERO_WIDTH_JOINER = "\u200d"

# The width with which results are written to a pipe or a file.
UNLIMITED_WIDTH = 100_000


def replace_unprintable(text: str) -> str:
    """Replace characters that move a terminal's cursor or change the direction of its text. Return the text."""
    kept = (each if each.isprintable() or each == _ZERO_WIDTH_JOINER else "\N{REPLACEMENT CHARACTER}" for each in text)
    return "".join(kept)


def replace_unprintable_in(document: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a copy of a document. In its texts, only line breaks and tabs are kept of the unprintable characters."""
    match document:
        case str():
            return re.sub(r"[^\n\t]+", lambda found: replace_unprintable(found[0]), document)
        case Mapping():
            return {name: replace_unprintable_in(value) for name, value in document.items()}
        case list() | tuple():
            return [replace_unprintable_in(value) for value in document]
    return document


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 snapshot`, `1,200 snapshots`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Output:
    """What a command prints."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def show(
        self,
        document: Any,  # noqa: ANN401 - JSON
        render: Callable[[Any, int], Iterable["RenderableType"]],
        *,
        is_paged: bool = False,
    ) -> None:
        """Print the result: with `--json` the document, otherwise what `render(document, width)` returns.

        `width` is the width of the terminal. A pipe or a file has no width, so nothing needs to be cut there. With
        `is_paged`, a result that is longer than the terminal is shown in a pager.
        """
        if self._options.is_json:
            sys.stdout.write(_format_json(document) + "\n")
            return
        from notebook_archive_cli.terminal.paging import TextPager

        console = self._console(sys.stdout)
        width = console.width if console.is_terminal or "COLUMNS" in os.environ else UNLIMITED_WIDTH
        with console.pager(TextPager(), styles=True) if is_paged and console.is_terminal else nullcontext():
            for each in render(replace_unprintable_in(document), width):
                # Code, too, must not be wrapped at words or cut at the right edge.
                is_line = isinstance(each, str) or getattr(each, "no_wrap", False)
                console.print(replace_unprintable_in(each) if isinstance(each, str) else each, soft_wrap=bool(is_line))

    def confirm(self, plan: Sequence[str], question: str, *, is_confirmed: bool) -> None:
        """Print the plan on standard error and ask. Raises CommandError if the answer is not yes.

        With `is_confirmed` (the option `--yes`) nothing is asked.
        """
        for line in plan:
            self.note(line)
        if is_confirmed:
            return
        if self._options.is_json or not sys.stdin.isatty():
            raise CommandError(
                "not-confirmed",
                "The command asks before it does this, and there is no terminal to ask on. Nothing was changed.",
                remedy="If you want it, run the command again with --yes.",
                command=self._options.same_command("--yes"),
                status=ExitStatus.USAGE,
            )
        if not click.confirm(replace_unprintable(question), default=False, err=True):
            raise NotConfirmed

    def confirm_by_typing(self, plan: Sequence[str], expected: str, given: str) -> None:
        """Print the plan on standard error, and ask for a text. Raises CommandError if it is not the expected one.

        With `given` (the option `--confirm`) nothing is asked.
        """
        for line in plan:
            self.note(line)
        if not given and (self._options.is_json or not sys.stdin.isatty()):
            raise CommandError(
                "not-confirmed",
                "This cannot be taken back, and there is no terminal to ask on. Nothing was changed.",
                remedy=f"If you want it, run the command again with --confirm and the text {expected!r}.",
                command=self._options.same_command("--confirm", expected),
                status=ExitStatus.USAGE,
            )
        question = f"This cannot be taken back. To confirm it, type {replace_unprintable(expected)}"
        if (given or click.prompt(question, default="", show_default=False, err=True)) != expected:
            raise CommandError(
                "not-confirmed",
                f"The text is not {expected!r}. Nothing was changed.",
                remedy="Type it exactly, or leave it.",
                command=self._options.same_command("--dry-run"),
                status=ExitStatus.INTERRUPTED,
            )

    def note(self, text: str) -> None:
        """Print a line on standard error. With `--json` nothing is printed, because only errors go there.

        A line that is indented, such as a command, is not wrapped.
        """
        if not self._options.is_json:
            sys.stderr.write(replace_unprintable(text) + "\n" if text.startswith(" ") else _wrap(text))

    def progress(self, text: str) -> None:
        """Show on standard error how far the work is.

        On a terminal, the text replaces the one before, and an empty text removes it.
        """
        if self._options.is_json:
            return
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{replace_unprintable(text)}")
            sys.stderr.flush()
        elif text:
            self.note(text)

    @staticmethod
    def _console(file: Any) -> "Console":  # noqa: ANN401 - a text stream
        from rich.console import Console

        class PipedConsole(Console):
            def on_broken_pipe(self) -> None:
                """Leave the error to `main`. rich would end the process with status 1."""
                raise BrokenPipeError

        return PipedConsole(file=file, highlight=False, markup=False, emoji=False)


def _format_json(document: Any) -> str:  # noqa: ANN401 - JSON
    """Return a document as JSON. A terminal shows letters of every script, but no unprintable character."""
    if not sys.stdout.isatty():
        return json.dumps(document, indent=2)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def print_error(error: CommandError, options: Options) -> None:
    """Print an error on standard error: what happened, what to do, and the next command.

    With `--debug`, the stack trace is printed too: as the key `trace` of the JSON object, otherwise before the error.
    """
    trace = "".join(traceback.format_exception(error)) if options.is_debug else ""
    if options.is_json:
        document = error.document() | ({"trace": trace} if trace else {})
        sys.stderr.write(json.dumps(document, indent=2) + "\n")
        return
    # An answer "no" is not an error of the user.
    text = str(error) if isinstance(error, NotConfirmed) else f"Error: {error}"
    lines = [_wrap(text), _wrap(error.remedy) if error.remedy else ""]
    sys.stderr.write(trace + "".join(lines) + (f"  {error.command}\n" if error.command else ""))


def _wrap(text: str) -> str:
    """Return the lines of a text, wrapped to the width of the terminal. Paths and ids stay whole for copying."""
    width = shutil.get_terminal_size().columns
    lines: list[str] = []
    # Candidates stand on lines of their own.
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip(" ")))
        clean = replace_unprintable(line)
        lines += textwrap.wrap(
            clean, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return "".join(f"{line}\n" for line in lines)
