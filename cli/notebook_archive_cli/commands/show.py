"""Declare the command `show`."""

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option


@click.command("show")
@click.argument("version", metavar="VERSION")
@click.option("--outputs", is_flag=True, help="Show all lines of each output, not only the first 12.")
@click.option("--utc", is_flag=True, help="Show times in UTC. A day in VERSION ends in UTC.")
@add_second_place_option
@add_common_options
@click.pass_obj
def command(options: Options, version: str, outputs: bool, utc: bool) -> None:  # noqa: FBT001
    """Show an archived version in the terminal, cell by cell.

    VERSION is ITEM@latest, ITEM@-2 (two before the latest), ITEM@2026-11-22 (the newest at the end of that day),
    ITEM@2026-11-22T06:00 or ITEM@KEY (a KEY that `versions` prints, or its beginning). ITEM is an item id, its first
    digits (at least 4), or a title. ITEM alone is its latest version.

    Example: notebook-archive show "Flood model@latest"
    """
    from notebook_archive_cli.reading.catalog import resolve_version_to_read
    from notebook_archive_cli.reading.notebook_document import describe_notebook, read_body
    from notebook_archive_cli.reading.notebook_text import render_notebook
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    session = Session(options)
    document = describe_notebook(*read_body(session, resolve_version_to_read(session, version, utc=utc)))
    # `render_notebook` removes escape sequences whole, so it gets the document as it is.
    Output(options).show(
        document, lambda _, width: render_notebook(document, width, is_whole=outputs, utc=utc), is_paged=True
    )
