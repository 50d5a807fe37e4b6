"""List, register and remove a portal's organisation webhooks as an administrator."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import PermissionDenied, RequestRejected, UnexpectedAnswer
from notebook_archive_cli.accounts.secrets import Secrets

# The time limit for all calls together. The portal sends a request to the webhook's address before it responds.
TIMEOUT_SECONDS = 60.0
PAGE_SIZE = 100
# After this many failed deliveries, the portal deactivates the webhook. The values are those of Esri's example.
WEBHOOK_CONFIG = {"deactivationPolicy": {"numberOfFailures": 5, "daysInPast": 5}}
REQUIRED_PRIVILEGE = (
    "The account needs the administrative privilege to manage organization webhooks. On older portals, it needs the "
    "default administrator role."
)


class Webhooks:
    """The organisation webhooks of a portal. Every method may raise an ArcGISError."""

    def __init__(self, secrets: Secrets, portal_url: str, credential: str, ca: str, *, strict: bool) -> None:
        certificates = secrets.read_text(ca) if ca else None
        transport = Transport(make_tls_context(certificates, strict=strict), connections=1)
        tokens = TokenSource(transport, portal_url, credential, secrets.read_text)
        self._client = ArcGISClient(transport, tokens, Deadline(TIMEOUT_SECONDS))
        portal = Portal(self._client, portal_url)
        organisation = portal.get_organization()
        if organisation.is_online:
            raise UnexpectedAnswer("ArcGIS Online has no organisation webhooks. Scheduled runs archive its notebooks.")
        self._root = f"{portal.rest_url}/portals/{quote(organisation.id, safe='')}/webhooks"

    def find(self, name: str) -> list[dict[str, Any]]:
        """Return the webhooks with this name, the oldest first."""
        found: list[dict[str, Any]] = []
        start = 1
        while start > 0:
            answer = self._call("GET", "", "The portal's webhooks", start=str(start), num=str(PAGE_SIZE))
            webhooks = answer.get("webhooks")
            if not isinstance(webhooks, list) or not all(isinstance(each, dict) for each in webhooks):
                raise UnexpectedAnswer("The portal's response contains no list of webhooks.")
            found += webhooks
            # Portals before 11.1 return all webhooks at once, without paging.
            next_start = answer.get("nextStart", -1)
            start = next_start if isinstance(next_start, int) and next_start > start and webhooks else -1
        return sorted((each for each in found if each.get("name") == name), key=lambda each: str(each.get("created")))

    def register(self, name: str, url: str, key: str, events: str) -> str:
        """Create or update the webhook with this name, and activate it. Return `created` or `updated`."""
        fields = {"name": name, "url": url, "secret": key, "config": json.dumps(WEBHOOK_CONFIG)}
        fields |= {"changes": "manualChanges", "events": events}
        found = self.find(name)
        if found:
            self._write(f"/{_quote_id(found[0])}/update", "Updating the webhook", fields)
            if found[0].get("isActive") is not True:
                self._call("POST", f"/{_quote_id(found[0])}/activate", "Activating the webhook")
        else:
            self._write("/createWebhook", "Creating the webhook", fields)
        # If the creation was retried, there may be two webhooks.
        first, *more = self.find(name) or [{}]
        for duplicate in more:
            self._call("POST", f"/{_quote_id(duplicate)}/delete", "Deleting the webhook")
        if first.get("payloadUrl") != url or first.get("isActive") is not True:
            raise UnexpectedAnswer(f"The portal accepted the webhook {name!r} but does not list it as active.")
        return "updated" if found else "created"

    def _write(self, path: str, what: str, fields: Mapping[str, str]) -> None:
        try:
            self._call("POST", path, what, **fields)
        except RequestRejected as error:
            host = urlsplit(fields["url"]).netloc
            hint = (
                f"The portal sends a request to the address first. Check that the portal can reach {host}, that it "
                "trusts the certificate of this host, and that the path is right."
            )
            raise RequestRejected(f"{error} {hint}") from None

    def remove(self, name: str) -> int:
        """Remove the webhooks with this name and return their number."""
        found = self.find(name)
        for webhook in found:
            self._call("POST", f"/{_quote_id(webhook)}/delete", "Deleting the webhook")
        if self.find(name):
            raise UnexpectedAnswer(f"The portal still lists a webhook {name!r}, although it reported no error.")
        return len(found)

    def list_failed_deliveries(self, webhook: dict[str, Any]) -> list[str]:
        """Return the times of the failed deliveries that the portal lists, the latest first."""
        answer = self._call("GET", f"/{_quote_id(webhook)}/notificationStatus", "The webhook's deliveries")
        rows = answer.get("WebhookStatus")
        if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
            raise UnexpectedAnswer("The portal's response contains no list of deliveries.")
        return sorted(
            (str(each.get("invokedTimestamp")) for each in rows if each.get("isInvoked") is False), reverse=True
        )

    def _call(self, method: str, path: str, what: str, **fields: str) -> dict[str, Any]:
        try:
            return self._client.call(method, self._root + path, what, {**fields, "f": "json"})
        except PermissionDenied as error:
            raise PermissionDenied(f"{error} {REQUIRED_PRIVILEGE}") from None


def _quote_id(webhook: dict[str, Any]) -> str:
    return quote(str(webhook.get("id")), safe="")


def describe_webhook(webhook: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a webhook, without the secret path at the end of its address."""
    return {
        "name": str(webhook.get("name")),
        "isActive": webhook.get("isActive") is True,
        "host": urlsplit(str(webhook.get("payloadUrl"))).netloc,
        "events": [str(event) for event in webhook.get("events") or ()],
    }
