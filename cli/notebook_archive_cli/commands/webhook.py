"""Declare the commands `webhook create`, `webhook list` and `webhook remove`."""

from collections.abc import Callable
from typing import Any

import click

from notebook_archive_cli.options import Options, add_common_options

DEFAULT_EVENTS = "/items/add,/items/update,/items/publish,/items/share"


def _check_url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    from notebook_archive.settings import HTTPS_URL

    if value and not HTTPS_URL.fullmatch(value):
        raise click.BadParameter("must be an https URL without a user name, query or fragment.")
    return value


def _add_webhook_options(command: Callable[..., Any]) -> Callable[..., Any]:
    lenient = "Whether to accept certificates with missing extensions.  [default: the parameter TlsStrict]"
    options = (
        click.option("--name", default="", help="Name of the webhook.  [default: the stack's name]"),
        click.option(
            "--portal",
            default="",
            metavar="URL",
            callback=_check_url,
            help="URL of the portal.  [default: the parameter PortalUrl]",
        ),
        click.option(
            "--credential",
            default="",
            metavar="WHERE",
            help="The administrator's credential.  [default: the output AdminSecretName]",
        ),
        click.option(
            "--ca",
            default=None,
            metavar="WHERE",
            help="PEM certificates of a private CA.  [default: the parameter CaBundleSecret]",
        ),
        click.option("--lenient-tls/--strict-tls", "is_lenient", default=None, help=lenient),
    )
    for add in reversed(options):
        command = add(command)
    return command


@click.group("webhook")
def command() -> None:
    """Create, list and remove the webhook on the portal.

    WHERE is the name of a secret in Secrets Manager, or file://PATH. Parameters and outputs are those of the stack.
    """


@command.command("create")
@click.option(
    "--url",
    default="",
    metavar="URL",
    callback=_check_url,
    help="Address without the path.  [default: the output WebhookUrl]",
)
@click.option(
    "--events",
    default=DEFAULT_EVENTS,
    help="Events that trigger it, with commas between.  [default: an item is added, updated, published or shared]",
)
@click.option(
    "--secret", default="", metavar="WHERE", help="Path and key of the webhook.  [default: the parameter WebhookSecret]"
)
@_add_webhook_options
@add_common_options
@click.pass_obj
def _create(options: Options, /, events: str, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Create the webhook, or update and activate it if it exists.

    WHERE is the name of a secret in Secrets Manager, or file://PATH.

    Example: notebook-archive webhook create
    """
    from notebook_archive_cli.accounts.webhooks import WebhookOptions, create_webhook, render_created
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    created = create_webhook(Session(options), WebhookOptions(**given), events)
    Output(options).show(created, render_created)


@command.command("list")
@_add_webhook_options
@add_common_options
@click.pass_obj
def _list(options: Options, /, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Say whether the webhook is active, and which deliveries failed.

    WHERE is the name of a secret in Secrets Manager, or file://PATH. The exit status is 3 if no webhook is active.

    Example: notebook-archive webhook list
    """
    from functools import partial

    from notebook_archive_cli.accounts.webhooks import (
        WebhookOptions,
        describe_missing,
        find_log_group,
        list_webhooks,
        render_webhooks,
    )
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    session, chosen = Session(options), WebhookOptions(**given)
    found = list_webhooks(session, chosen)
    # The stack is not read if no delivery failed, because the options may say all that is needed.
    has_failures = any(webhook["failedDeliveries"] for webhook in found["webhooks"])
    log_group = find_log_group(session) if has_failures else ""
    Output(options).show(found, partial(render_webhooks, options=options, log_group=log_group))
    if not any(webhook["isActive"] for webhook in found["webhooks"]):
        raise describe_missing(session, chosen, found)


@command.command("remove")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")
@_add_webhook_options
@add_common_options
@click.pass_obj
def _remove(options: Options, /, *, is_confirmed: bool, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Remove the webhook from the portal.

    WHERE is the name of a secret in Secrets Manager, or file://PATH.

    Example: notebook-archive webhook remove
    """
    from notebook_archive_cli.accounts.webhooks import WebhookOptions, describe_removal, remove_webhook, render_removed
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    output, session, chosen = Output(options), Session(options), WebhookOptions(**given)
    if plan := describe_removal(session, chosen):
        output.confirm(plan, "Remove it?", is_confirmed=is_confirmed)
    output.show(remove_webhook(session, chosen), render_removed)
