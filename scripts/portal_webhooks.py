"""The organisation webhooks of a portal, as an administrator has them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.tokens import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import PermissionDenied, RequestRejected, UnexpectedAnswer
from scripts.secret_store import read
from scripts.stack import ScriptError, printable

SECONDS = 60.0
"""For all calls together; the portal tries the address before it answers."""
PAGE = 100
CONFIG = {"deactivationPolicy": {"numberOfFailures": 5, "daysInPast": 5}}
"""Esri's own example: after so many deliveries that failed, the portal sends no more."""
PRIVILEGE = (
    "The account needs the administrative privilege to manage organization webhooks; on older portals, the default "
    "administrator role."
)


class Webhooks:
    """The organisation webhooks of a portal.  Every method may raise any ArcGISError, and what is TROUBLE."""

    def __init__(self, portal_url: str, credential: str, ca: str, *, strict: bool) -> None:
        transport = Transport(make_tls_context(read(ca) if ca else None, strict=strict), connections=1)
        self._client = ArcGISClient(transport, TokenSource(transport, portal_url, credential, read), Deadline(SECONDS))
        portal = Portal(self._client, portal_url)
        organisation = portal.get_organization()
        if organisation.is_online:
            raise UnexpectedAnswer("ArcGIS Online has no organisation webhooks; the schedule archives there as well.")
        self._root = f"{portal.rest_url}/portals/{quote(organisation.id, safe='')}/webhooks"

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
            self._write(f"/{_id(there[0])}/update", "Updating the webhook", fields)
            if there[0].get("isActive") is not True:
                self._call("POST", f"/{_id(there[0])}/activate", "Activating the webhook")
        else:
            self._write("/createWebhook", "Creating the webhook", fields)
        # A creation that was tried again may have been done twice.
        first, *more = self.named(name) or [{}]
        for each in more:
            self._call("POST", f"/{_id(each)}/delete", "Deleting the webhook")
        if first.get("payloadUrl") != url or first.get("isActive") is not True:
            raise UnexpectedAnswer(f"The portal took the webhook {name!r}, and does not list it as active afterwards.")
        return "Updated" if there else "Created"

    def _write(self, path: str, what: str, fields: Mapping[str, str]) -> None:
        try:
            self._call("POST", path, what, **fields)
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
        try:
            return self._client.call(method, self._root + path, what, {**fields, "f": "json"})
        except PermissionDenied as error:
            raise ScriptError(f"{error} {PRIVILEGE}") from None


def _id(webhook: dict[str, Any]) -> str:
    return quote(str(webhook.get("id")), safe="")


def described(webhook: dict[str, Any]) -> str:
    """Return a line about a webhook, without the secret end of its address."""
    host = urlsplit(str(webhook.get("payloadUrl"))).netloc
    state = "active" if webhook.get("isActive") is True else "not active"
    line = f"{webhook.get('name')}: {state}, to {host}, on {', '.join(map(str, webhook.get('events') or ()))}"
    return printable(line)
