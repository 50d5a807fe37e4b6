"""Declare the command `list`."""

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option

STATES = ("protected", "stale", "unprotected", "empty", "gone", "deleted", "unknown")


@click.command("list")
@click.option("--owner", metavar="NAME", help="Only the notebooks of this owner.")
@click.option("--title", metavar="TEXT", help="Only notebooks with this text in the title.")
@click.option(
    "--state", metavar="STATE", type=click.Choice(STATES, case_sensitive=False), help="Only notebooks in this state."
)
@click.option("--deleted", "is_deleted", is_flag=True, help="Only notebooks that were deleted in ArcGIS.")
@click.option("--utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_second_place_option
@add_common_options
@click.pass_obj
def command(options: Options, owner: str, title: str, state: str, is_deleted: bool, utc: bool) -> None:  # noqa: FBT001
    """List the notebooks in the archive, in the order of their titles.

    Example: notebook-archive list --owner ana --state stale

    \b
    STATE is the state after the last run over all notebooks:
      protected    its last change is archived
      stale        only an older version is archived
      unprotected  nothing is archived
      empty        it has no content yet
      gone         it was deleted during the run
      deleted      ArcGIS does not have it any more; its versions stay
      unknown      that run did not have it, for example because it is newer
    """
    from notebook_archive_cli.reading.catalog import describe_unknown_owner, filter_notebooks, list_notebooks
    from notebook_archive_cli.reading.catalog_tables import render_notebooks
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    notebooks = list_notebooks(Session(options))
    chosen = filter_notebooks(notebooks, owner or "", title or "", "deleted" if is_deleted else state or "")
    output = Output(options)
    if problem := describe_unknown_owner(notebooks, owner or ""):
        output.note(problem)
    output.show(chosen, lambda found, width: render_notebooks(found, width, utc=utc))
