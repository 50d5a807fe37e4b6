"""Declare the command `findings`."""

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("findings")
@click.option("--all", "is_whole", is_flag=True, help="Also list findings that are acknowledged.")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def command(options: Options, *, is_whole: bool, is_utc: bool) -> ExitStatus:
    """List what verifications found in the archive, and what to do about it.

    A finding is open until it is acknowledged, or until a verification finds the object good. The exit status is 3 if
    a finding is open.

    Example: notebook-archive findings --all
    """
    from functools import partial

    from notebook_archive_cli.running.findings import is_settled, read_findings, render_findings
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    document = read_findings(Session(options))
    unsettled = [each for each in document["findings"] if not is_settled(each)]
    if not is_whole:
        document["findings"] = unsettled
    Output(options).show(document, partial(render_findings, options=options, is_utc=is_utc))
    return ExitStatus.FINDING if unsettled else ExitStatus.GOOD
