"""Declare the command `erase`."""

import sys

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command("erase")
@click.argument("item", default="", metavar="[ITEM]")
@click.option("--owner", default="", metavar="NAME", help="All notebooks that this user owns or ever owned.")
@click.option("--why", default="", metavar="TEXT", help="The reason, without personal data. Otherwise it asks.")
@click.option("--confirm", "typed", default="", metavar="TEXT", help="The user's name or the item's id, for scripts.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only show what would be erased, and what prevents it.")
@add_common_options
@click.pass_obj
def command(options: Options, item: str, owner: str, why: str, typed: str, *, is_dry_run: bool) -> None:
    """Erase all archived versions of ITEM, or of all notebooks of a user, for good.

    Nobody can bring them back. Use the break-glass role's credentials. The exit status is 3 if a lock keeps something.
    ITEM is an item id, its first digits (at least 4), or a title.

    Example: notebook-archive erase --owner ana --dry-run
    """
    if bool(item) == bool(owner):
        raise click.UsageError("Give either an ITEM or --owner NAME.", click.get_current_context())
    from notebook_archive_cli.erasing.erasure import ErasurePlanner, ask_reason, erase
    from notebook_archive_cli.erasing.erasure_text import render_erasure
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import UNLIMITED_WIDTH, Output

    output, session = Output(options), Session(options)
    planner = ErasurePlanner(session)
    plan = planner.plan_owner(owner) if owner else planner.plan_item(item)
    if is_dry_run:
        output.show(plan.document, render_erasure)
        sys.exit(ExitStatus.FINDING if plan.is_prevented else ExitStatus.GOOD)
    plan.check(options)
    reason = why or ask_reason(options)
    lines = [str(line) for line in render_erasure(plan.document, UNLIMITED_WIDTH)]
    output.confirm_by_typing(lines, owner or plan.item_ids[0], typed)
    result = erase(session, plan, reason)
    output.show(result, render_erasure)
    sys.exit(ExitStatus.GOOD if result["status"] == "erased" else ExitStatus.FINDING)
