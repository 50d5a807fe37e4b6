"""Declare the command `report`."""

import click

from notebook_archive_cli.commands.kinds import KINDS
from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("report")
@click.argument("run", default="")
@click.option("--kind", type=click.Choice(KINDS), help="Look only for this kind.")
@click.option("--wait", "is_waiting", is_flag=True, help="Follow the run until it ends.")
@click.option("--all", "is_whole", is_flag=True, help="Show every entry of long lists.")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC.")
@add_common_options
@click.pass_obj
def command(
    options: Options, run: str, kind: str | None, *, is_waiting: bool, is_whole: bool, is_utc: bool
) -> ExitStatus:
    """Show the report of a run, a verification or a bulk restore.

    RUN is a run id, the name of an execution, or the beginning of either. Without RUN, the last run over everything is
    shown; with --kind, the last one of this kind. The exit status is 3 if the run is not complete.
    """
    from functools import partial

    from notebook_archive_cli.executions import grade
    from notebook_archive_cli.output import Output
    from notebook_archive_cli.reports import get_report, render_report
    from notebook_archive_cli.session import Session

    report = get_report(Session(options), run, kind, is_waiting=is_waiting)
    Output(options).show(report, partial(render_report, options=options, is_utc=is_utc, is_whole=is_whole))
    return grade(report)
