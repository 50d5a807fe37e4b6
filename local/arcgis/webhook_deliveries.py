"""Deliver webhook events in the background. The portal's settings limit the number of attempts."""

import base64
import hmac
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests

from local.arcgis.organisation import Webhook, now_ms
from local.arcgis.switches import Switches

# Maximum number of deliveries that `notificationStatus` returns.
MAX_SHOWN_DELIVERIES = 100
DAY_MS = 86_400_000


class WebhookDeliveries:
    """The threads that deliver the events of one deployment."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="local-arcgis-webhooks")

    def close(self) -> None:
        """Cancel the deliveries that are not complete, and end the threads."""
        self._closed.set()
        self._pool.shutdown(cancel_futures=True)

    def start(
        self, webhook: Webhook, event: Mapping[str, Any], settings: Mapping[str, int], switches: Switches, url: str
    ) -> None:
        """Start to deliver an event of the portal at `url`. Return without waiting."""
        self._pool.submit(self._deliver, webhook, event, settings, switches, url)

    def _deliver(
        self, webhook: Webhook, event: Mapping[str, Any], settings: Mapping[str, int], switches: Switches, url: str
    ) -> None:
        text = json.dumps(_make_payload(webhook, event, switches, url), separators=(",", ":"))
        body, kind = text.encode(), "application/json"
        if switches.webhook_form_encoded:
            body, kind = urlencode({"payload": text}).encode(), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind}
        if switches.webhook_signature and webhook.secret:
            digest = hmac.digest(webhook.secret.encode(), body, "sha256")
            headers["x-esriHook-Signature"] = f"sha256={base64.b64encode(digest).decode()}"
        for attempt in range(max(1, settings["notificationAttempts"])):
            if attempt and self._closed.wait(settings["notificationElapsedTimeInSeconds"]):
                return
            status, answer = _send("POST", webhook.url, body, headers, settings, switches)
            is_delivered = 200 <= status < 300
            row = {"id": webhook.id, "isInvoked": is_delivered, "invokedTimestamp": str(datetime.now(UTC))[:23]}
            webhook.deliveries.insert(0, {**row, "responseText": answer, "payload": text})
            del webhook.deliveries[MAX_SHOWN_DELIVERIES:]
            if is_delivered:
                return
        _record_failure(webhook)


def probe(url: str, settings: Mapping[str, int], switches: Switches) -> int:
    """Return the HTTP status of a request to the URL, or 0 if no trusted server responds."""
    if switches.webhook_probe == "none":
        return 200
    return _send(switches.webhook_probe, url, b"", {}, settings, switches)[0]


def _make_payload(webhook: Webhook, event: Mapping[str, Any], switches: Switches, url: str) -> dict[str, Any]:
    info = {"webhookName": webhook.name, "webhookId": webhook.id, "portalURL": f"{url}/", "when": now_ms()}
    payload: dict[str, Any] = {"info": info, "events": [event]}
    if webhook.secret and switches.webhook_secret_in_payload:
        *outer, name = switches.webhook_secret_in_payload.split(".")
        place = payload
        for member in outer:
            place = place.setdefault(member, {})
        place[name] = webhook.secret
    return payload


def _record_failure(webhook: Webhook) -> None:
    """Record a failed delivery. Deactivate the webhook if its policy requires it."""
    webhook.failures.append(now_ms())
    policy = webhook.config.get("deactivationPolicy", {})
    since = now_ms() - policy.get("daysInPast", 5) * DAY_MS
    if sum(when >= since for when in webhook.failures) >= policy.get("numberOfFailures", 5):
        webhook.active = False


def _send(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    settings: Mapping[str, int],
    switches: Switches,
) -> tuple[int, str]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = switches.webhook_ca_bundle or True
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
