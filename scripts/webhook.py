"""Register this archive's webhook on a portal, remove it, or show whether it is active.

.venv/bin/python -m scripts.webhook register|remove|list [--stack-name NAME]

The portal, the address and the names of the secrets come from the deployed stack. Options override them. Credentials
are read from Secrets Manager or from a file, never from the command line. Each action can be repeated.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cached_property

from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive.settings import HTTPS_URL
from scripts.portal_webhooks import Webhooks, describe_webhook
from scripts.secret_store import read
from scripts.stack import (
    DEFAULT_STACK_NAME,
    REPORTED_ERRORS,
    ScriptError,
    Stack,
    describe_error,
    format_count,
    print_error,
    print_line,
)

# After this many failed deliveries, the portal deactivates the webhook by default. More of them need not be shown.
MAX_FAILURES_SHOWN = 5
DEFAULT_EVENTS = "/items/add,/items/update,/items/publish,/items/share"


class WebhookSettings:
    """The settings for a script run. They come from the options, or from the stack if an option is not given.

    The stack is read only if it is needed. Every property may raise one of REPORTED_ERRORS.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    @cached_property
    def _stack(self) -> Stack:
        return Stack(self._options.stack_name)

    @property
    def _webhook_stack(self) -> Stack:
        if not self._stack.parameter("WebhookSecret"):
            raise ScriptError(
                f"Stack {self._stack.name!r} receives no webhooks. First deploy it with the parameter WebhookSecret."
            )
        return self._stack

    @property
    def portal(self) -> str:
        """The portal's URL."""
        url = self._options.portal or self._stack.parameter("PortalUrl")
        return url.rstrip("/").removesuffix("/sharing/rest")

    @property
    def url(self) -> str:
        """The webhook's address without the secret path at its end."""
        given: str | None = self._options.url
        return (given or self._webhook_stack.output("WebhookUrl")).rstrip("/")

    @property
    def secret(self) -> str:
        """The name of the secret, or `file://` and the path of the file, that contains the webhook's path and key."""
        return self._options.secret or self._webhook_stack.parameter("WebhookSecret")

    @property
    def credential(self) -> str:
        """The name of the secret, or `file://` and the path of the file, that contains the credential."""
        return self._options.credential or self._stack.output("AdminSecretName")

    @property
    def ca(self) -> str:
        """The name of the secret, or `file://` and the path of the file, that contains the CA certificates.

        It is empty if the portal's CA is public.
        """
        given: str | None = self._options.ca
        return self._stack.parameter("CaBundleSecret") if given is None else given

    @property
    def is_strict(self) -> bool:
        """Whether certificates must contain every extension that RFC 5280 requires."""
        given: bool | None = self._options.lenient_tls
        return self._stack.parameter("TlsStrict") != "false" if given is None else not given


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.webhook",
        description=(__doc__ or "").splitlines()[0],
        epilog="WHERE is the name of a secret in Secrets Manager, or file://PATH. [Brackets] show the default, which "
        "is a value or the name of one of the stack's parameters or outputs. Exit status: 0 if the action "
        "succeeded, or else 1. The action `list` succeeds only if the webhook is active.",
    )
    parser.add_argument("action", choices=["register", "remove", "list"])
    parser.add_argument("--stack-name", default=DEFAULT_STACK_NAME, metavar="NAME", help="[%(default)s]")
    parser.add_argument("--portal", metavar="URL", help="URL of the portal [PortalUrl]")
    parser.add_argument(
        "--url", metavar="URL", help="webhook address without its secret path, for register [WebhookUrl]"
    )
    parser.add_argument("--name", help="name of the webhook [the stack's name]")
    parser.add_argument(
        "--events", default=DEFAULT_EVENTS, help="trigger events of the webhook, for register [%(default)s]"
    )
    parser.add_argument("--secret", metavar="WHERE", help="path and key of the webhook, for register [WebhookSecret]")
    parser.add_argument("--credential", metavar="WHERE", help="the administrator's credential [AdminSecretName]")
    parser.add_argument("--ca", metavar="WHERE", help="PEM certificates of the portal's private CA [CaBundleSecret]")
    lenient = "accept certificates in which extensions are missing [TlsStrict=false]"
    parser.add_argument("--lenient-tls", action=argparse.BooleanOptionalAction, help=lenient)
    options = parser.parse_args(arguments)
    for option in ("portal", "url"):
        if not HTTPS_URL.fullmatch(getattr(options, option) or "https://x"):
            parser.error(f"--{option} must be an https URL without a user name, query or fragment")
    options.name = options.name or options.stack_name
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the action that the arguments name. Return 0, or print the reason to standard error and return 1.

    `list` also returns 1 if there is no active webhook, so that a monitoring system can use it.
    """
    options = _parse_arguments(arguments)
    settings = WebhookSettings(options)
    try:
        secret = WebhookSecret.parse(settings.secret, read(settings.secret)) if options.action == "register" else None
        webhooks = Webhooks(settings.portal, settings.credential, settings.ca, strict=settings.is_strict)
        if secret:
            url = f"{settings.url}/{secret.path}"
            done = webhooks.register(options.name, url, secret.keys[0].decode(), options.events)
            print_line(f"{done} the webhook {options.name}.")
        elif options.action == "remove":
            removed = webhooks.remove(options.name)
            print_line(f"Removed {format_count(removed, 'webhook')} named {options.name}.")
        found = webhooks.find(options.name)
        for webhook in found:
            print_line(describe_webhook(webhook))
            if options.action == "list":
                for when in webhooks.list_failed_deliveries(webhook)[:MAX_FAILURES_SHOWN]:
                    print_line(f"  not delivered: {when}")
        if options.action == "list" and not any(webhook.get("isActive") is True for webhook in found):
            print_error(
                f"The portal has no active webhook {options.name!r}. To register it: "
                ".venv/bin/python -m scripts.webhook register"
            )
            return 1
    except NotebookArchiveError as error:
        print_error(str(error))
        print_error(error.remedy)
        return 1
    except REPORTED_ERRORS as error:
        print_error(describe_error(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
