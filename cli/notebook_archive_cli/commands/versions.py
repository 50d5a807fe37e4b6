"""Declare the command `versions`."""

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option


@click.command("versions")
@click.argument("item", metavar="ITEM")
@click.option("--utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_second_place_option
@add_common_options
@click.pass_obj
def command(options: Options, item: str, utc: bool) -> None:  # noqa: FBT001
    """List the archived versions of a notebook, the one with the newest content first.

    ITEM is an item id, its first digits (at least 4), or a title. Other commands take a version as ITEM@latest, ITEM@-2
    (two before the latest), ITEM@2026-11-22 (the newest at the end of that day), ITEM@2026-11-22T06:00 or ITEM@KEY
    (KEY, or its beginning).

    Proof is the best proof of each version: "listed" (level 1 of 5), "read" (all bytes, level 2 or 3), "restored"
    (level 4 or 5), or "finding" if it has an open finding. Saved content is a copy of the notebook without a snapshot.

    Example: notebook-archive versions "Flood model"
    """
    from notebook_archive_cli.reading.catalog import list_versions, resolve_item
    from notebook_archive_cli.reading.catalog_tables import render_versions
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    session = Session(options)
    versions = list_versions(session, resolve_item(session, item))
    Output(options).show(versions, lambda found, width: render_versions(found, width, options, utc=utc))
