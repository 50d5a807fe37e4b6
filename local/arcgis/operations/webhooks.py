"""The portal's organisation webhooks: `portals/<id>/webhooks` and the paths below it. ArcGIS Online has none."""

import json
from typing import Any
from urllib.parse import urlsplit

from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.organisation import Webhook, now_ms
from local.arcgis.responses import OperationError, Payload
from local.arcgis.webhook_deliveries import probe

SETTINGS_LIMITS = {
    "notificationAttempts": (0, 5),
    "notificationTimeOutInSeconds": (0, 60),
    "notificationElapsedTimeInSeconds": (1, 100),
}


def _check_access(call: Call) -> None:
    """Raise OperationError unless the portal exists and has webhooks and the caller is an administrator."""
    if call.deployment.kind == "online":
        raise OperationError(404, "Resource does not exist or is inaccessible.")
    if call.request.path_params["portal_id"] not in {"self", call.organisation.id}:
        raise OperationError(400, "Portal does not exist or is inaccessible.", message_code="ORG_0001")
    user = call.organisation.users.get(call.username or "")
    if user is None or user.role != "admin":
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")


def _get_webhook(call: Call) -> Webhook:
    _check_access(call)
    webhook = call.organisation.webhooks.get(call.request.path_params["webhook_id"])
    if webhook is None:
        raise OperationError(400, "Webhook does not exist or is inaccessible.")
    return webhook


def _describe(call: Call, webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "accountId": call.organisation.id,
        "payloadUrl": webhook.url,
        "secret": webhook.secret,
        "isActive": webhook.active,
        "name": webhook.name,
        "config": webhook.config,
        "ownerId": webhook.owner,
        "created": webhook.created,
        "modified": webhook.modified,
        "events": webhook.events,
    }


def _list_webhooks(call: Call) -> Payload:
    _check_access(call)
    paging, webhooks = call.paginate(list(call.organisation.webhooks.values()), default=25)
    return {**paging, "webhooks": [_describe(call, webhook) for webhook in webhooks]}


def _describe_webhook(call: Call) -> Payload:
    return _describe(call, _get_webhook(call))


def _read_url(call: Call) -> str:
    url = call.require("url")
    if urlsplit(url).scheme != "https":
        raise OperationError(400, "'url' must be an HTTPS URL.")
    return url


def _read_events(call: Call) -> list[str]:
    if call.get("changes") == "allChanges":
        return ["/"]
    events = [event.strip() for event in call.require("events").split(",")]
    if not all(event.startswith("/") for event in events):
        raise OperationError(400, "'events' must be a list of event URIs.")
    return events


def _read_config(call: Call) -> dict[str, Any]:
    text = call.get("config")
    try:
        config = json.loads(text or "{}")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise OperationError(400, "'config' must be a JSON object.")
    return config


def _check_url(call: Call, url: str) -> None:
    """Raise OperationError unless a request to the URL returns a success status.

    ArcGIS sends this request when a webhook is created or updated (ArcGIS Enterprise on Kubernetes, "Manage webhooks").
    """
    status = probe(url, call.organisation.webhook_settings, call.switches)
    if not 200 <= status < 300:
        raise OperationError(400, "Unable to connect to the payload URL.", details=[f"The URL returned HTTP {status}."])


def _create_webhook(call: Call) -> Payload:
    _check_access(call)
    url = _read_url(call)
    webhook = Webhook(
        call.require("name"), url, call.get("secret"), _read_events(call), _read_config(call), call.username or ""
    )
    _check_url(call, url)
    call.organisation.webhooks[webhook.id] = webhook
    return {"success": True}


def _update_webhook(call: Call) -> Payload:
    webhook = _get_webhook(call)
    name, url, events, config = call.require("name"), _read_url(call), _read_events(call), _read_config(call)
    _check_url(call, url)
    webhook.name, webhook.url, webhook.events = name, url, events
    webhook.secret, webhook.config = call.get("secret"), config
    webhook.modified = now_ms()
    return {"success": True}


def _activate(call: Call) -> Payload:
    webhook = _get_webhook(call)
    webhook.active = True
    webhook.failures.clear()
    return {"success": True}


def _deactivate(call: Call) -> Payload:
    _get_webhook(call).active = False
    return {"success": True}


def _delete(call: Call) -> Payload:
    del call.organisation.webhooks[_get_webhook(call).id]
    return {"success": True}


def _list_deliveries(call: Call) -> Payload:
    return {"WebhookStatus": list(_get_webhook(call).deliveries)}


def _get_settings(call: Call) -> Payload:
    _check_access(call)
    return dict(call.organisation.webhook_settings)


def _change_settings(call: Call) -> Payload:
    _check_access(call)
    for name, (smallest, largest) in SETTINGS_LIMITS.items():
        if value := call.get(name):
            if not value.isdecimal() or not smallest <= int(value) <= largest:
                raise OperationError(400, f"'{name}' must be a number from {smallest} to {largest}.")
            call.organisation.webhook_settings[name] = int(value)
    return {"success": True}


ROOT = "/portals/{portal_id}/webhooks"
POST = ("POST",)
OPERATIONS = (
    Operation("webhooks/create", f"{ROOT}/createWebhook", _create_webhook, POST),
    Operation("webhooks/settings", f"{ROOT}/settings", _get_settings),
    Operation("webhooks/settings/update", f"{ROOT}/settings/update", _change_settings, POST),
    Operation("webhooks/update", f"{ROOT}/{{webhook_id}}/update", _update_webhook, POST),
    Operation("webhooks/activate", f"{ROOT}/{{webhook_id}}/activate", _activate),
    Operation("webhooks/deactivate", f"{ROOT}/{{webhook_id}}/deactivate", _deactivate),
    Operation("webhooks/delete", f"{ROOT}/{{webhook_id}}/delete", _delete, POST),
    Operation("webhooks/notificationStatus", f"{ROOT}/{{webhook_id}}/notificationStatus", _list_deliveries),
    Operation("webhooks/webhook", f"{ROOT}/{{webhook_id}}", _describe_webhook),
    Operation("webhooks", ROOT, _list_webhooks),
)
