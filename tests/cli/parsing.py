"""Parse command lines of `notebook-archive` without running them."""

import shlex

import click

from notebook_archive_cli.main import notebook_archive
from notebook_archive_cli.options import Options


def parse_command_line(line: str) -> click.Context:
    """Parse a command line, and return the context of its command. Raise click.UsageError if it is wrong."""
    program, *words = shlex.split(line, comments=True)
    assert program.rpartition("/")[2] == "notebook-archive", line
    command: click.Command = notebook_archive
    context: click.Context | None = None
    name: str | None = program
    while True:
        # With --help, click would print the page.
        words = [word for word in words if word not in {"--help", "-h"}] if is_help(words) else words
        resilient = is_help(shlex.split(line, comments=True))
        context = command.make_context(name, words, parent=context, resilient_parsing=resilient, obj=Options())
        if not isinstance(command, click.Group):
            return context
        words = [*context._protected_args, *context.args]
        if not words and resilient:
            return context
        name, found, words = command.resolve_command(context, words)
        assert found, f"{line}: no such command"
        command = found


def is_help(words: list[str]) -> bool:
    """Return whether these words ask for a help page."""
    return bool({"--help", "-h"}.intersection(words))
