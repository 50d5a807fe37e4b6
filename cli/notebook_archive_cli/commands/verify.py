"""Declare the command `verify`."""

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("verify")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@click.option("--all", "is_everything", is_flag=True, help="Read every version of every notebook.")
@click.option("--no-wait", "is_detached", is_flag=True, help="Only start the verification, and print its id.")
@click.option("--name", default="", metavar="NAME", help="Name of the verification, not used in the last 90 days.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask before --all.")
@add_common_options
@click.pass_obj
def command(
    options: Options,
    items: tuple[str, ...],
    name: str,
    *,
    is_everything: bool,
    is_detached: bool,
    is_confirmed: bool,
) -> ExitStatus:
    """Verify the archive now, and follow the verification.

    ITEM is an item id, its first digits (at least 4), or a title. Without ITEM and --all, the versions that are due are
    read. After Ctrl-C, the verification goes on. The exit status is 3 if a finding is open, or if the verification is
    not complete.

    Example: notebook-archive verify "Flood model"
    """
    from functools import partial

    from notebook_archive_cli.reading.catalog import resolve_item
    from notebook_archive_cli.running.executions import (
        VERIFICATIONS,
        describe_started,
        follow,
        grade,
        render_started,
        start,
    )
    from notebook_archive_cli.running.findings import describe_everything, describe_verification
    from notebook_archive_cli.running.reports import render_verification
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    if items and is_everything:
        raise click.UsageError("Give items or --all, not both.", click.get_current_context())
    session, output = Session(options), Output(options)
    item_ids = sorted({resolve_item(session, item) for item in items})
    given = {"itemIds": item_ids} if item_ids else {"everything": True} if is_everything else {}
    if is_everything:
        output.confirm(describe_everything(session), "Read everything now?", is_confirmed=is_confirmed)
    execution = start(session, VERIFICATIONS, given, name)
    if is_detached:
        output.show(describe_started(session, execution), render_started)
        return ExitStatus.GOOD
    report = follow(session, execution)
    output.show(describe_verification(session, report), partial(render_verification, options=options))
    return grade(report)
