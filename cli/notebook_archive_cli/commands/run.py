"""Declare the command `run`."""

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("run")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@click.option("--no-wait", "is_detached", is_flag=True, help="Only start the run, and print its id.")
@click.option("--name", default="", metavar="NAME", help="Name of the run, not used in the last 90 days.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask if another run is under way.")
@add_common_options
@click.pass_obj
def command(
    options: Options, items: tuple[str, ...], name: str, *, is_detached: bool, is_confirmed: bool
) -> ExitStatus:
    """Archive all notebooks now, or chosen ones, and follow the run.

    ITEM is an item id, its first digits (at least 4), or a title. Without ITEM, the run archives all notebooks. After
    Ctrl-C, the run goes on. The exit status is 3 if the run is not complete.

    Example: notebook-archive run "Flood model"
    """
    from functools import partial

    from notebook_archive_cli.reading.catalog import resolve_item
    from notebook_archive_cli.running.executions import RUNS, describe_started, follow, grade, render_started, start
    from notebook_archive_cli.running.reports import render_report
    from notebook_archive_cli.running.runs import list_running
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    session, output = Session(options), Output(options)
    item_ids = sorted({resolve_item(session, item) for item in items})
    for running in list_running(session, RUNS)[:1]:
        plan = [f"Run {running.run_id} is under way.", "Two runs at the same time double the load on ArcGIS."]
        output.confirm(plan, "Start another run now?", is_confirmed=is_confirmed)
    execution = start(session, RUNS, {"itemIds": item_ids} if item_ids else {}, name)
    if is_detached:
        output.show(describe_started(session, execution), render_started)
        return ExitStatus.GOOD
    report = follow(session, execution)
    output.show(report, partial(render_report, options=options))
    return grade(report)
