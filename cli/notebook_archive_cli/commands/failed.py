"""Declare the commands `failed list`, `failed retry` and `failed drop`."""

import sys

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.group("failed")
def command() -> None:
    """List, retry and drop failed backup requests."""


@command.command("list")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def _list(options: Options, *, is_utc: bool) -> None:
    """List the failed requests by reason.

    The exit status is 3 if there are any.

    Example: notebook-archive failed list
    """
    from functools import partial

    from notebook_archive_cli.running.failures import FailureQueue, render_failures
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    output = Output(options)
    failures = FailureQueue(Session(options)).describe()
    output.show(failures, partial(render_failures, is_utc=is_utc))
    if failures["messages"]:
        output.note(f"Remove the cause, then send them again: {options.command('failed', 'retry')}")
        sys.exit(ExitStatus.FINDING)


@command.command("retry")
@click.argument("reason", default="")
@add_common_options
@click.pass_obj
def _retry(options: Options, reason: str) -> None:
    """Send failed requests again.

    REASON is one that `failed list` shows. Without REASON, all are sent except those that would certainly fail again.
    The exit status is 3 if requests are left.

    Example: notebook-archive failed retry
    """
    from notebook_archive_cli.running.failures import FailureQueue, render_retried
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    retried = FailureQueue(Session(options)).retry(reason)
    Output(options).show(retried, render_retried)
    sys.exit(ExitStatus.FINDING if retried["left"] else ExitStatus.GOOD)


@command.command("drop")
@click.argument("reason")
@click.option("--yes", is_flag=True, help="Do not ask.")
@add_common_options
@click.pass_obj
def _drop(options: Options, reason: str, *, yes: bool) -> None:
    """Delete the failed requests with this REASON for good.

    REASON is one that `failed list` shows.

    Example: notebook-archive failed drop request-invalid
    """
    from notebook_archive_cli.running.failures import FailureQueue, format_items, render_dropped
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output, format_count

    output, failures = Output(options), FailureQueue(Session(options))
    number, item_ids = failures.count_with_reason(reason)
    items = f" Their items: {format_items(item_ids)}." if item_ids else ""
    plan = f"{format_count(number, 'request')} with the reason {reason} would be deleted for good.{items}"
    output.confirm([plan], "Delete them?", is_confirmed=yes)
    output.show(failures.drop(reason), render_dropped)
