"""Declare the commands `owners add`, `owners list` and `owners remove`."""

from pathlib import Path

import click

from notebook_archive_cli.options import Options, add_common_options

DEFAULT_SCHEDULE = "rate(12 hours)"
DEFAULT_WAIT_SECONDS = 180


@click.group("owners")
def command() -> None:
    """Add, list and remove the owners whose tokens are rotated."""


@command.command("add")
@click.argument("username")
@click.option("--admin", "is_admin", is_flag=True, help="The user is the administrator, not an owner.")
@click.option(
    "--credential",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON file with the credential.  [default: ask for the password]",
)
@click.option(
    "--every",
    default=DEFAULT_SCHEDULE,
    show_default=True,
    metavar="SCHEDULE",
    help="When to rotate, as rate(…) or cron(…) in UTC.",
)
@click.option(
    "--wait",
    default=DEFAULT_WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the first token.",
)
@click.option("--invoke", is_flag=True, help="Call the rotation function from here. `--local` implies it.")
@add_common_options
@click.pass_obj
def _add(
    options: Options, username: str, *, is_admin: bool, credential: Path | None, every: str, wait: int, invoke: bool
) -> None:
    """Add the owner USERNAME, spelled as in the portal.

    It asks for the password, starts the rotation, and waits for the first token. Run it again for a new password or
    another schedule, or to check whether the credential works.

    Example: notebook-archive owners add ana
    """
    from functools import partial

    from notebook_archive_cli.accounts.owner_addition import OwnerRequest, add_owner
    from notebook_archive_cli.accounts.owners import check_schedule, read_credential, render_added
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    if not username.strip():
        raise click.UsageError("USERNAME is empty.", click.get_current_context())
    check_schedule(every)
    request = OwnerRequest(username, is_admin, every, wait, invoke or options.is_local)
    added = add_owner(Session(options), request, read_credential(credential, username))
    Output(options).show(added, partial(render_added, options=options))


@command.command("list")
@click.option("--utc", "is_utc", is_flag=True, help="Show times in UTC, not in the local time zone.")
@add_common_options
@click.pass_obj
def _list(options: Options, *, is_utc: bool) -> None:
    """List the owners who have a secret, with their last rotation.

    Example: notebook-archive owners list
    """
    from functools import partial

    from notebook_archive_cli.accounts.owners import list_owners, render_owners
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    Output(options).show(list_owners(Session(options)), partial(render_owners, is_utc=is_utc))


@command.command("remove")
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@add_common_options
@click.pass_obj
def _remove(options: Options, username: str, *, yes: bool) -> None:
    """Delete the secrets of the owner USERNAME.

    From then on, the administrator's credential tries to read the owner's notebooks.

    Example: notebook-archive owners remove ana
    """
    from notebook_archive_cli.accounts.owners import find_secrets, remove_owner, render_removed
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    output, session = Output(options), Session(options)
    names = find_secrets(session, username)
    plan = [f"These secrets of {username} are deleted at once, and cannot be brought back:", *names]
    output.confirm(plan, "Delete them?", is_confirmed=yes)
    output.show(remove_owner(session, username, names), render_removed)
