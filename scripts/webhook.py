"""Registers the webhook of this archive on a portal, removes it, or tells whether it is active.

The address to register is the stack's output WebhookUrl; the secret's path is added to it.  Credentials come from
Secrets Manager by name, or from a file as file://PATH, and never from the command line.  Each action may be repeated.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.tls import tls_context
from notebook_archive.arcgis.tokens import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    NotebookArchiveError,
    RequestRejected,
    SecretMissing,
    SecretUnreadable,
    UnexpectedAnswer,
)
from notebook_archive.http.webhook import WebhookSecret
from notebook_archive.settings import HTTPS_URL
from scripts.stack import printable

SECONDS = 60.0
"""For all calls together; the portal tries the address before it answers."""
PAGE = 100
SHOWN = 5
"""Of the deliveries that failed; by default, as many deactivate the webhook."""
EVENTS = "/items/add,/items/update,/items/publish,/items/share"
CONFIG = {"deactivationPolicy": {"numberOfFailures": 5, "daysInPast": 5}}
"""Esri's own example: after so many deliveries that failed, the portal sends no more."""
FILE = "file://"


def read(name: str) -> str:
    """Return a secret's text, or a file's; raise SecretMissing or SecretUnreadable, naming it."""
    try:
        if name.startswith(FILE):
            return Path(name.removeprefix(FILE)).expanduser().read_text(encoding="utf-8")
        return boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except FileNotFoundError:
        raise SecretMissing(f"There is no file {name.removeprefix(FILE)!r}.") from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ResourceNotFoundException":
            raise SecretMissing(f"There is no secret {name!r}.") from None
        raise SecretUnreadable(f"Secrets Manager answered {code} for secret {name!r}.") from None
    except (OSError, UnicodeDecodeError, BotoCoreError, KeyError) as error:
        raise SecretUnreadable(f"{name!r} could not be read as text ({type(error).__name__}).") from None


class Webhooks:
    """The organisation webhooks of a portal.  Every method may raise any ArcGISError."""

    def __init__(self, portal_url: str, credential: str, ca: str, *, strict: bool) -> None:
        transport = Transport(tls_context(read(ca) if ca else None, strict=strict), connections=1)
        self._portal, self._transport, self._deadline = Portal(transport, portal_url), transport, Deadline(SECONDS)
        self._tokens = TokenSource(transport, self._portal.rest_url, credential, read)
        organisation = self._with_token(lambda token: self._portal.organisation(token, self._deadline))
        if organisation.is_online:
            raise UnexpectedAnswer("ArcGIS Online has no organisation webhooks; the schedule archives there as well.")
        self._root = f"{self._portal.rest_url}/portals/{quote(organisation.id, safe='')}/webhooks"

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the webhooks of that name, oldest first."""
        found: list[dict[str, Any]] = []
        start = 1
        while start > 0:
            answer = self._call("GET", "", "The portal's webhooks", start=str(start), num=str(PAGE))
            webhooks = answer.get("webhooks")
            if not isinstance(webhooks, list) or not all(isinstance(each, dict) for each in webhooks):
                raise UnexpectedAnswer("The portal's answer has no list of webhooks.")
            found += webhooks
            following = answer.get("nextStart", -1)  # portals before 11.1 give all at once, and no paging
            start = following if isinstance(following, int) and following > start and webhooks else -1
        return sorted((each for each in found if each.get("name") == name), key=lambda each: str(each.get("created")))

    def register(self, name: str, url: str, key: str, events: str) -> str:
        """Have one active webhook of that name with this address, key and events; return what was done to have it."""
        fields = {"name": name, "url": url, "secret": key, "config": json.dumps(CONFIG)}
        fields |= {"changes": "manualChanges", "events": events}
        there = self.named(name)
        if there:
            self._call("POST", f"/{_id(there[0])}/update", "Updating the webhook", **fields)
            if there[0].get("isActive") is not True:
                self._call("POST", f"/{_id(there[0])}/activate", "Activating the webhook")
        else:
            self._create(fields)
        # A creation that was tried again may have been done twice.
        first, *more = self.named(name) or [{}]
        for each in more:
            self._call("POST", f"/{_id(each)}/delete", "Deleting the webhook")
        if first.get("payloadUrl") != url or first.get("isActive") is not True:
            raise UnexpectedAnswer(f"The portal took the webhook {name!r}, and does not list it as active afterwards.")
        return "Updated" if there else "Created"

    def _create(self, fields: Mapping[str, str]) -> None:
        try:
            self._call("POST", "/createWebhook", "Creating the webhook", **fields)
        except RequestRejected as error:
            host = urlsplit(fields["url"]).netloc
            hint = (
                f"It tries the address first: does it reach {host}, does it trust its certificate, is the path right?"
            )
            raise RequestRejected(f"{error} {hint}") from None

    def remove(self, name: str) -> int:
        """Remove the webhooks of that name and return how many they were."""
        there = self.named(name)
        for each in there:
            self._call("POST", f"/{_id(each)}/delete", "Deleting the webhook")
        if self.named(name):
            raise UnexpectedAnswer(f"The portal still lists a webhook {name!r}.")
        return len(there)

    def undelivered(self, webhook: dict[str, Any]) -> list[str]:
        """Return the times at which the portal could not deliver, of those it still knows, the latest first."""
        answer = self._call("GET", f"/{_id(webhook)}/notificationStatus", "The webhook's deliveries")
        rows = answer.get("WebhookStatus")
        if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
            raise UnexpectedAnswer("The portal's answer has no list of deliveries.")
        return sorted(
            (str(each.get("invokedTimestamp")) for each in rows if each.get("isInvoked") is False), reverse=True
        )

    def _call(self, method: str, path: str, what: str, **fields: str) -> dict[str, Any]:
        def once(token: str) -> dict[str, Any]:
            form = {**fields, "f": "json"}
            return self._transport.call(method, self._root + path, what, self._deadline, token=token, fields=form)

        return self._with_token(once)

    def _with_token[T](self, call: Callable[[str], T]) -> T:
        return self._tokens.with_token(call, self._deadline)


def _id(webhook: dict[str, Any]) -> str:
    return quote(str(webhook.get("id")), safe="")


def described(webhook: dict[str, Any]) -> str:
    """Return a line about a webhook, without the secret end of its address."""
    host = urlsplit(str(webhook.get("payloadUrl"))).netloc
    state = "active" if webhook.get("isActive") is True else "not active"
    line = f"{webhook.get('name')}: {state}, to {host}, on {', '.join(map(str, webhook.get('events') or ()))}"
    return printable(line)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.webhook", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["register", "remove", "list"])
    parser.add_argument("--portal", required=True, metavar="URL", help="the portal, without /sharing/rest")
    parser.add_argument("--url", metavar="URL", help="register: the stack's output WebhookUrl")
    parser.add_argument("--name", default="notebook-archive", help="of the webhook [%(default)s]")
    parser.add_argument("--events", default=EVENTS, help="that the portal is to tell of [%(default)s]")
    where = "name of a secret, or file://PATH"
    parser.add_argument("--secret", default="notebook-archive-webhook", metavar="WHERE", help=f"{where} [%(default)s]")
    parser.add_argument(
        "--credential", default="notebook-archive/admin", metavar="WHERE", help=f"{where} [%(default)s]"
    )
    parser.add_argument("--ca", default="", metavar="WHERE", help=f"PEM of the portal's private CA: {where}")
    parser.add_argument("--lenient-tls", action="store_true", help="as the stack's parameter TlsStrict=false")
    options = parser.parse_args(arguments)
    if not HTTPS_URL.fullmatch(options.portal):
        parser.error("--portal: an https URL without user name, query or fragment")
    if options.action == "register" and not HTTPS_URL.fullmatch(options.url or ""):
        parser.error("--url: register wants the https URL that the stack's output WebhookUrl gives")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return 0, or 1 with the reason on standard error.

    To list a webhook that is not there, or not active, is a failure, so that a watch can be built upon it.
    """
    options = _arguments(arguments)
    portal = options.portal.rstrip("/").removesuffix("/sharing/rest")
    try:
        secret = WebhookSecret.parse(options.secret, read(options.secret)) if options.action == "register" else None
        webhooks = Webhooks(portal, options.credential, options.ca, strict=not options.lenient_tls)
        if secret:
            url = f"{options.url.rstrip('/')}/{secret.path}"
            done = webhooks.register(options.name, url, secret.keys[0].decode(), options.events)
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
