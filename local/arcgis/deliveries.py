"""Deliveries of webhooks: in the background, tried again as the portal's settings say, given up in the end."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests

from local.arcgis.organisation import Item, Webhook, now_ms

if TYPE_CHECKING:
    from local.arcgis.deployment import Deployment

KEPT = 100
"""Of the deliveries that `notificationStatus` shows."""
DAY_MS = 86_400_000


class Deliveries:
    """What one deployment sends to the addresses of its webhooks."""

    def __init__(self, deployment: "Deployment") -> None:
        self._deployment = deployment
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="local-arcgis-webhooks")

    def close(self) -> None:
        """Gives up what has not been delivered, and ends the threads."""
        self._closed.set()
        self._pool.shutdown(cancel_futures=True)

    def fire(self, username: str | None, operation: str, item: Item) -> None:
        """Tells each webhook that listens for it; returns at once."""
        organisation = self._deployment.organisation
        event: dict[str, Any] = {
            "userId": hashlib.sha256((username or "").encode()).hexdigest()[:32],
            "username": username,
            "when": now_ms(),
            "operation": operation,
            "source": self._deployment.switches.webhook_source,
            "id": item.id,
            "properties": {},
        }
        for webhook in list(organisation.webhooks.values()):
            if webhook.hears(operation, item.id):
                self._pool.submit(self._deliver, webhook, event, dict(organisation.webhook_settings))

    def probe(self, url: str) -> int:
        """The HTTP status with which the address answers; 0 if nothing that is to be trusted does."""
        method = self._deployment.switches.webhook_probe
        if method == "none":
            return 200
        return self._send(method, url, b"", {}, self._deployment.organisation.webhook_settings)[0]

    def _deliver(self, webhook: Webhook, event: Mapping[str, Any], settings: Mapping[str, int]) -> None:
        info = {"webhookName": webhook.name, "webhookId": webhook.id, "portalURL": f"{self._deployment.portal_url}/"}
        payload: dict[str, Any] = {"info": {**info, "when": now_ms()}, "events": [event]}
        if webhook.secret and self._deployment.switches.webhook_secret_in_payload:
            *outer, name = self._deployment.switches.webhook_secret_in_payload.split(".")
            place = payload
            for member in outer:
                place = place.setdefault(member, {})
            place[name] = webhook.secret
        text = json.dumps(payload, separators=(",", ":"))
        body, kind = text.encode(), "application/json"
        if self._deployment.switches.webhook_form_encoded:
            body, kind = urlencode({"payload": text}).encode(), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind}
        if self._deployment.switches.webhook_signature and webhook.secret:
            digest = hmac.digest(webhook.secret.encode(), body, "sha256")
            headers["x-esriHook-Signature"] = f"sha256={base64.b64encode(digest).decode()}"
        for attempt in range(max(1, settings["notificationAttempts"])):
            if attempt and self._closed.wait(settings["notificationElapsedTimeInSeconds"]):
                return
            status, answer = self._send("POST", webhook.url, body, headers, settings)
            delivered = 200 <= status < 300
            row = {"id": webhook.id, "isInvoked": delivered, "invokedTimestamp": str(datetime.now(UTC))[:23]}
            webhook.deliveries.insert(0, {**row, "responseText": answer, "payload": text})
            del webhook.deliveries[KEPT:]
            if delivered:
                return
        webhook.failures.append(now_ms())
        policy = webhook.config.get("deactivationPolicy", {})
        since = now_ms() - policy.get("daysInPast", 5) * DAY_MS
        if sum(when >= since for when in webhook.failures) >= policy.get("numberOfFailures", 5):
            webhook.active = False

    def _send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], settings: Mapping[str, int]
    ) -> tuple[int, str]:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self._deployment.switches.webhook_ca_bundle or True
            try:
                answer = session.request(
                    method,
                    url,
                    data=body,
                    headers=dict(headers),
                    timeout=settings["notificationTimeOutInSeconds"] or None,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                return 0, type(error).__name__
            return answer.status_code, answer.text[:1000]
