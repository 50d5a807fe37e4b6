"""Describe errors in the arguments of a call, and suggest what the user may have meant."""

from collections.abc import Container

import click

from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options


def translate_usage_error(error: click.UsageError, options: Options, commands: Container[str]) -> CommandError:
    """Return the error to report. Its next command shows a help page. `commands` are the names of all commands."""
    # click does not say to which command an option without a value belongs.
    words = [word for word in options.arguments if word in commands][:1]
    remedy = "The next command shows the options."
    message = error.format_message()
    if error.ctx is not None:
        words = error.ctx.command_path.split()[1:]
        remedy = f"Usage: {error.ctx.command_path} {' '.join(error.ctx.command.collect_usage_pieces(error.ctx))}"
    if isinstance(error, click.exceptions.NoSuchCommand):
        message = f"No such command {error.command_name!r}."
        remedy = "The next command lists the commands."
        similar = _find_similar_commands(error)
        if similar:
            remedy = f"Did you mean {' or '.join(similar)}?"
            words.append(similar[0])
    elif isinstance(error, click.NoSuchOption):
        message = f"No such option: {error.option_name}."
        if error.possibilities:
            remedy = f"Did you mean {' or '.join(sorted(error.possibilities))}?\n{remedy}"
    command = options.command(*words, "--help")
    return CommandError("usage", message, remedy=remedy, command=command, status=ExitStatus.USAGE)


def _find_similar_commands(error: click.exceptions.NoSuchCommand) -> list[str]:
    """Return at most three commands of the same group with similar names, the most similar first."""
    import difflib

    if error.ctx is None or not isinstance(error.ctx.command, click.Group):
        return []
    return difflib.get_close_matches(error.command_name, error.ctx.command.list_commands(error.ctx), n=3)


def describe_interruption(options: Options) -> CommandError:
    """Return the error to report after Ctrl-C."""
    return CommandError(
        "interrupted",
        "Interrupted.",
        remedy="Nothing is running any more on this machine. Run the command again to complete it.",
        command=options.same_command(),
        status=ExitStatus.INTERRUPTED,
    )
