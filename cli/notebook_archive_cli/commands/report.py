"""Declare the command `report`."""

import click

from notebook_archive_cli.commands.kinds import KINDS
from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("report")
@click.argument("run", default="")
@click.option("--kind", type=click.Choice(KINDS), help="Look only for this kind. `restore` is a bulk restore.")
@click.option("--wait", "is_waiting", is_flag=True, help="If the run is still running, follow it until it ends.")
@click.option("--all", "is_whole", is_flag=True, help="Show long lists whole, not only the first 20 entries.")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def command(
    options: Options, run: str, kind: str | None, *, is_waiting: bool, is_whole: bool, is_utc: bool
) -> ExitStatus:
    """Show the report of a run, a verification or a bulk restore.

    RUN is an id that `runs` lists, such as 2026-11-28/nightly, the name at its end, or the beginning of either. Without
    RUN, the report of the last run over all notebooks is shown, or with --kind the last one of this kind. The exit
    status is 3 if the status in the report is not `complete`.

    Example: notebook-archive report 2026-11-28/nightly --all
    """
    from functools import partial

    from notebook_archive_cli.running.executions import grade
    from notebook_archive_cli.running.reports import get_report, render_report
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    report = get_report(Session(options), run, kind, is_waiting=is_waiting)
    Output(options).show(report, partial(render_report, options=options, is_utc=is_utc, is_whole=is_whole))
    return grade(report)
