"""Declare the command `undo`."""

from typing import TYPE_CHECKING

import click

from notebook_archive_cli.options import Options, add_common_options

if TYPE_CHECKING:
    from notebook_archive_cli.session import Session


@click.command("undo")
@click.argument("restore_id", metavar="[RESTOREID]", required=False)
@click.option("--run", "run_text", metavar="RUN", help="Undo every restore of this bulk restore.")
@click.option("--list", "is_list", is_flag=True, help="List the newest restores, with their RESTOREID.")
@click.option("--utc", "is_utc", is_flag=True, help="With --list, show times in UTC, not in the local time zone.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would be done. Change nothing.")
@click.option("--force", "is_forced", is_flag=True, help="Put content back although somebody has the notebook open.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")
@add_common_options
@click.pass_obj
def command(
    options: Options,
    restore_id: str | None,
    run_text: str | None,
    *,
    is_list: bool,
    is_utc: bool,
    is_dry_run: bool,
    is_forced: bool,
    is_confirmed: bool,
) -> int:
    """Take back exactly what one restore did, or all restores of a bulk restore.

    `restore` prints the RESTOREID. If somebody changed the notebook since then, nothing is undone, and the exit status
    is 3.

    Example: notebook-archive undo restore-20261122-060000-7c1f
    """
    from functools import partial

    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.restores import list_restores, render_restores
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    if [bool(restore_id), bool(run_text), is_list].count(True) != 1:
        raise click.UsageError("Give exactly one of RESTOREID, --run and --list.")
    if is_forced and not restore_id:
        raise click.UsageError("--force is possible only with RESTOREID.")
    if is_utc and not is_list:
        raise click.UsageError("--utc is possible only with --list.")
    session = Session(options)
    if is_list:
        Output(options).show(list_restores(session), partial(render_restores, is_utc=is_utc))
        return ExitStatus.GOOD
    if run_text:
        return _undo_run(session, run_text, is_dry_run=is_dry_run, is_confirmed=is_confirmed)
    return _undo_one(session, str(restore_id), is_dry_run=is_dry_run, is_forced=is_forced, is_confirmed=is_confirmed)


def _undo_one(session: "Session", restore_id: str, *, is_dry_run: bool, is_forced: bool, is_confirmed: bool) -> int:
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.restores import (
        carry_out_undo,
        describe_steps,
        plan_undo,
        render_undo,
        terminal_width,
    )
    from notebook_archive_cli.terminal.output import Output

    output = Output(session.options)
    record = plan_undo(session, restore_id, is_forced=is_forced)
    if record["status"] == "planned" and not is_dry_run:
        output.confirm(
            [f"The undo of {restore_id} would do this:", *describe_steps(record, terminal_width())],
            "Undo this restore?",
            is_confirmed=is_confirmed,
        )
        record = carry_out_undo(session, restore_id, is_forced=is_forced)
    output.show(record, render_undo)
    return ExitStatus.GOOD


def _undo_run(session: "Session", run_text: str, *, is_dry_run: bool, is_confirmed: bool) -> int:
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.bulk_restores import (
        LIST_COMMAND,
        list_made,
        parse_run,
        render_undone,
        undo_many,
    )
    from notebook_archive_cli.restoring.restores import terminal_width
    from notebook_archive_cli.terminal.layout import wrap_text
    from notebook_archive_cli.terminal.output import Output, format_count

    output, run = Output(session.options), parse_run(run_text, session.options, *LIST_COMMAND)
    made = list_made(session, run)
    if not is_dry_run:
        portals = ", ".join(sorted({each["portalUrl"] for each in made if "portalUrl" in each}))
        plan = (
            f"{format_count(len(made), 'restore')} of the bulk restore {run} would be undone on {portals}. Each undo "
            "deletes the item that the restore made. An item that somebody changed stays."
        )
        output.confirm([*wrap_text(plan, terminal_width())], "Undo them?", is_confirmed=is_confirmed)
    document = undo_many(session, run, made, is_dry_run=is_dry_run)
    output.show(document, render_undone)
    return ExitStatus.FINDING if document["failed"] else ExitStatus.GOOD
