"""Registers the webhook of this archive on a portal, removes it, or tells whether it is active.

.venv/bin/python -m scripts.webhook register|remove|list [--stack-name NAME]

The stack says on which portal, with which address and by which secrets; options say it in the stack's place.  The
secret's path is added to the address.  Credentials come from Secrets Manager by name, or from a file as file://PATH,
and never from the command line.  Each action may be repeated.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cached_property

from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive.settings import HTTPS_URL
from scripts.portal_webhooks import Webhooks, described
from scripts.secret_store import read
from scripts.stack import TROUBLE, ScriptError, Stack, printable, sentence

SHOWN = 5
"""Of the deliveries that failed; by default, as many deactivate the webhook."""
EVENTS = "/items/add,/items/update,/items/publish,/items/share"


class Wanted:
    """What the options say, and the stack where they say nothing, which alone makes it be looked at.

    Every member may raise what is TROUBLE.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    @cached_property
    def _stack(self) -> Stack:
        return Stack(self._options.stack_name)

    @property
    def portal(self) -> str:
        """The portal's URL."""
        url = self._options.portal or self._stack.parameter("PortalUrl")
        return url.rstrip("/").removesuffix("/sharing/rest")

    @property
    def url(self) -> str:
        """What the address of the webhook begins with."""
        return (self._options.url or self._of_webhook("output", "WebhookUrl")).rstrip("/")

    @property
    def secret(self) -> str:
        """Where the path and the key stand."""
        return self._options.secret or self._of_webhook("parameter", "WebhookSecret")

    @property
    def credential(self) -> str:
        """Where the administrator's credential stands."""
        return self._options.credential or self._stack.output("AdminSecretName")

    @property
    def ca(self) -> str:
        """Where the certificates stand; empty where the portal has a public one."""
        given: str | None = self._options.ca
        return self._stack.parameter("CaBundleSecret") if given is None else given

    @property
    def strict(self) -> bool:
        """Whether certificates are to have every extension of RFC 5280."""
        given: bool | None = self._options.lenient_tls
        return self._stack.parameter("TlsStrict") != "false" if given is None else not given

    def _of_webhook(self, kind: str, name: str) -> str:
        if not self._stack.parameter("WebhookSecret"):
            raise ScriptError(f"Stack {self._stack.name!r} takes no webhooks: deploy it with WebhookSecret first.")
        return self._stack.output(name) if kind == "output" else self._stack.parameter(name)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.webhook", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["register", "remove", "list"])
    parser.add_argument("--stack-name", default="notebook-archive", help="that says what options do not [%(default)s]")
    parser.add_argument("--portal", metavar="URL", help="the portal [PortalUrl]")
    parser.add_argument("--url", metavar="URL", help="of the receiver, for register [WebhookUrl]")
    parser.add_argument("--name", help="of the webhook [the stack's]")
    parser.add_argument("--events", default=EVENTS, help="that the portal is to tell of [%(default)s]")
    where = "name of a secret, or file://PATH"
    parser.add_argument("--secret", metavar="WHERE", help=f"{where} [WebhookSecret]")
    parser.add_argument("--credential", metavar="WHERE", help=f"of the administrator: {where} [AdminSecretName]")
    parser.add_argument("--ca", metavar="WHERE", help=f"PEM of the portal's private CA: {where} [CaBundleSecret]")
    lenient = "accept certificates without some extensions [TlsStrict=false]"
    parser.add_argument("--lenient-tls", action=argparse.BooleanOptionalAction, help=lenient)
    options = parser.parse_args(arguments)
    for option in ("portal", "url"):
        if not HTTPS_URL.fullmatch(getattr(options, option) or "https://x"):
            parser.error(f"--{option}: an https URL without user name, query or fragment")
    options.name = options.name or options.stack_name
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return 0, or 1 with the reason on standard error.

    To list a webhook that is not there, or not active, is a failure, so that a watch can be built upon it.
    """
    options = _arguments(arguments)
    wanted = Wanted(options)
    try:
        secret = WebhookSecret.parse(wanted.secret, read(wanted.secret)) if options.action == "register" else None
        webhooks = Webhooks(wanted.portal, wanted.credential, wanted.ca, strict=wanted.strict)
        if secret:
            done = webhooks.register(
                options.name, f"{wanted.url}/{secret.path}", secret.keys[0].decode(), options.events
            )
            sys.stdout.write(f"{done} the webhook {options.name}.\n")
        elif options.action == "remove":
            sys.stdout.write(f"Removed {webhooks.remove(options.name)} of the name {options.name}.\n")
        there = webhooks.named(options.name)
        for each in there:
            sys.stdout.write(f"{described(each)}\n")
            if options.action == "list":
                sys.stdout.writelines(
                    f"  not delivered: {printable(when)}\n" for when in webhooks.undelivered(each)[:SHOWN]
                )
        if options.action == "list" and not any(each.get("isActive") is True for each in there):
            sys.stderr.write(f"The portal has no active webhook {options.name!r}. To have one, use register.\n")
            return 1
    except NotebookArchiveError as error:
        sys.stderr.write(f"{error}\n{error.remedy}\n")
        return 1
    except TROUBLE as error:
        sys.stderr.write(f"{sentence(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
