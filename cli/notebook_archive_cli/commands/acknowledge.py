"""Declare the command `acknowledge`."""

import click

from notebook_archive_cli.options import Options, add_common_options


@click.command("acknowledge")
@click.argument("finding", metavar="ID")
@click.option("--why", default="", metavar="TEXT", help="The reason. Without it, the command asks.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask whether to acknowledge it.")
@add_common_options
@click.pass_obj
def command(options: Options, finding: str, why: str, *, is_confirmed: bool) -> None:
    """Acknowledge a finding: it is still reported, but no longer fails verifications.

    ID is the id of a finding that `findings` lists, or its beginning. No command takes an acknowledgement back.

    Example: notebook-archive acknowledge 303ac08ff744 --why "deleted on request"
    """
    from notebook_archive_cli.running.findings import (
        acknowledge,
        ask_reason,
        choose_finding,
        describe_acknowledgement,
        is_settled,
        render_acknowledged,
    )
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    if not finding:
        raise click.UsageError("ID is empty.", click.get_current_context())
    output, session = Output(options), Session(options)
    chosen = choose_finding(session, finding)
    if is_settled(chosen):
        output.note(f"Finding {chosen['findingId']} was acknowledged earlier. Nothing was changed.")
    else:
        output.confirm(describe_acknowledgement(chosen), "Acknowledge this finding?", is_confirmed=is_confirmed)
        chosen = acknowledge(session, chosen, why or ask_reason(options))
    output.show(chosen, render_acknowledged)
