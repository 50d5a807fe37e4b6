"""Describe errors in the arguments of a call, and suggest what the user may have meant."""

from collections.abc import Sequence

import click

from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options


class UnknownCommand(click.UsageError):
    """There is no such command. `similar` are the commands with similar names, the most similar first."""

    def __init__(self, name: str, commands: Sequence[str], context: click.Context) -> None:
        import difflib

        super().__init__(f"No such command {name!r}.", context)
        self.similar = difflib.get_close_matches(name, commands, n=3)


def translate_usage_error(error: click.UsageError, options: Options) -> CommandError:
    """Return the error to report. Its next command shows a help page."""
    words: list[str] = []
    remedy = ""
    message = error.format_message()
    if error.ctx is not None:
        words = error.ctx.command_path.split()[1:]
        remedy = f"Usage: {error.ctx.command_path} {' '.join(error.ctx.command.collect_usage_pieces(error.ctx))}"
    if isinstance(error, UnknownCommand):
        remedy = "List the commands with the next command."
        if error.similar:
            remedy = f"Did you mean {' or '.join(error.similar)}?"
            words.append(error.similar[0])
    elif isinstance(error, click.NoSuchOption):
        message = f"No such option: {error.option_name}."
        if error.possibilities:
            remedy = f"Did you mean {' or '.join(sorted(error.possibilities))}? {remedy}"
    command = options.command(*words, "--help")
    return CommandError("usage", message, remedy=remedy, command=command, status=ExitStatus.USAGE)


def describe_interruption(options: Options) -> CommandError:
    """Return the error to report after Ctrl-C."""
    return CommandError(
        "interrupted",
        "Interrupted.",
        remedy="Nothing is running any more on this machine. Run the command again to complete it.",
        command=options.same_command(),
        status=ExitStatus.INTERRUPTED,
    )
