"""Declare the command `runs`."""

import click

from notebook_archive_cli.options import Options, add_common_options


@click.command("runs")
@add_common_options
@click.pass_obj
def command(options: Options) -> None:
    """List the runs, the newest first."""
    from notebook_archive_cli.output import Output
    from notebook_archive_cli.reports import list_runs, render_runs
    from notebook_archive_cli.session import Session

    Output(options).show(list_runs(Session(options)), render_runs)
