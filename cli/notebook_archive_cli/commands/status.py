"""Declare the command `status`."""

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("status")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def command(options: Options, *, is_utc: bool) -> ExitStatus:
    """Say whether the last backup succeeded, and what needs attention.

    A backup is a run over all notebooks. The exit status is 3 if the last backup or verification failed or is late, if
    a finding is open, or if an alarm has gone off.

    Example: notebook-archive status
    """
    from notebook_archive_cli.running.status import grade_status, read_status, render_status
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    status = read_status(Session(options), is_utc=is_utc)
    Output(options).show(status, render_status)
    return grade_status(status)
