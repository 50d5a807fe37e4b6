"""Declare the command `runs`."""

import click

from notebook_archive_cli.commands.kinds import KINDS
from notebook_archive_cli.options import Options, add_common_options

DEFAULT_LIMIT = 20
MAX_LIMIT = 1_000


@click.command("runs")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="What to list. `restore` lists bulk restores.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="NUMBER",
    help="How many to list.",
)
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def command(options: Options, kind: str, limit: int, *, is_utc: bool) -> None:
    """List the runs, the newest first, including those that are running.

    With --kind, list verifications or bulk restores. `report` shows any of them by its id.

    Example: notebook-archive runs --kind verification --limit 5
    """
    from functools import partial

    from notebook_archive_cli.running.executions import get_state_machine
    from notebook_archive_cli.running.reports import list_runs, render_runs
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    machine = get_state_machine(kind)
    runs = list_runs(Session(options), machine, limit)
    Output(options).show(runs, partial(render_runs, machine=machine, is_utc=is_utc))
