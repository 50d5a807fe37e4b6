"""Organisation webhooks of the portal: `portals/<id>/webhooks` and below. ArcGIS Online has none."""

import json
from typing import Any
from urllib.parse import urlsplit

from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.organisation import Webhook, now_ms
from local.arcgis.responses import OperationError, Payload
from local.arcgis.webhook_deliveries import probe

LIMITS = {
    "notificationAttempts": (0, 5),
    "notificationTimeOutInSeconds": (0, 60),
    "notificationElapsedTimeInSeconds": (1, 100),
}


def _check(call: Call) -> None:
    """Refuses where there is no such portal, where it has no webhooks, and who is no administrator."""
    if call.deployment.kind == "online":
        raise OperationError(404, "Resource does not exist or is inaccessible.")
    if call.request.path_params["portal_id"] not in {"self", call.organisation.id}:
        raise OperationError(400, "Portal does not exist or is inaccessible.", message_code="ORG_0001")
    user = call.organisation.users.get(call.username or "")
    if user is None or user.role != "admin":
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")


def _webhook(call: Call) -> Webhook:
    _check(call)
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


def _list(call: Call) -> Payload:
    _check(call)
    paging, webhooks = call.paginate(list(call.organisation.webhooks.values()), default=25)
    return {**paging, "webhooks": [_describe(call, webhook) for webhook in webhooks]}


def _get(call: Call) -> Payload:
    return _describe(call, _webhook(call))


def _url(call: Call) -> str:
    url = call.require("url")
    if urlsplit(url).scheme != "https":
        raise OperationError(400, "'url' must be an HTTPS URL.")
    return url


def _events(call: Call) -> list[str]:
    if call.get("changes") == "allChanges":
        return ["/"]
    events = [event.strip() for event in call.require("events").split(",")]
    if not all(event.startswith("/") for event in events):
        raise OperationError(400, "'events' must be a list of event URIs.")
    return events


def _config(call: Call) -> dict[str, Any]:
    text = call.get("config")
    try:
        config = json.loads(text or "{}")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise OperationError(400, "'config' must be a JSON object.")
    return config


def _probe(call: Call, url: str) -> None:
    """Refuses an address that does not answer well.  ArcGIS queries it at creation and at each update (ArcGIS
    Enterprise on Kubernetes, "Manage webhooks")."""
    status = probe(url, call.organisation.webhook_settings, call.switches)
    if not 200 <= status < 300:
        raise OperationError(400, "Unable to connect to the payload URL.", details=[f"The URL answered {status}."])


def _create(call: Call) -> Payload:
    _check(call)
    url = _url(call)
    webhook = Webhook(call.require("name"), url, call.get("secret"), _events(call), _config(call), call.username or "")
    _probe(call, url)
    call.organisation.webhooks[webhook.id] = webhook
    return {"success": True}


def _update(call: Call) -> Payload:
    webhook = _webhook(call)
    name, url, events, config = call.require("name"), _url(call), _events(call), _config(call)
    _probe(call, url)
    webhook.name, webhook.url, webhook.events = name, url, events
    webhook.secret, webhook.config = call.get("secret"), config
    webhook.modified = now_ms()
    return {"success": True}


def _activate(call: Call) -> Payload:
    webhook = _webhook(call)
    webhook.active = True
    webhook.failures.clear()
    return {"success": True}


def _deactivate(call: Call) -> Payload:
    _webhook(call).active = False
    return {"success": True}


def _delete(call: Call) -> Payload:
    del call.organisation.webhooks[_webhook(call).id]
    return {"success": True}


def _status(call: Call) -> Payload:
    return {"WebhookStatus": list(_webhook(call).deliveries)}


def _settings(call: Call) -> Payload:
    _check(call)
    return dict(call.organisation.webhook_settings)


def _change_settings(call: Call) -> Payload:
    _check(call)
    for name, (least, most) in LIMITS.items():
        if value := call.get(name):
            if not value.isdecimal() or not least <= int(value) <= most:
                raise OperationError(400, f"'{name}' must be a number from {least} to {most}.")
            call.organisation.webhook_settings[name] = int(value)
    return {"success": True}


ROOT = "/portals/{portal_id}/webhooks"
POST = ("POST",)
OPERATIONS = (
    Operation("webhooks/create", f"{ROOT}/createWebhook", _create, POST),
    Operation("webhooks/settings", f"{ROOT}/settings", _settings),
    Operation("webhooks/settings/update", f"{ROOT}/settings/update", _change_settings, POST),
    Operation("webhooks/update", f"{ROOT}/{{webhook_id}}/update", _update, POST),
    Operation("webhooks/activate", f"{ROOT}/{{webhook_id}}/activate", _activate),
    Operation("webhooks/deactivate", f"{ROOT}/{{webhook_id}}/deactivate", _deactivate),
    Operation("webhooks/delete", f"{ROOT}/{{webhook_id}}/delete", _delete, POST),
    Operation("webhooks/notificationStatus", f"{ROOT}/{{webhook_id}}/notificationStatus", _status),
    Operation("webhooks/webhook", f"{ROOT}/{{webhook_id}}", _get),
    Operation("webhooks", ROOT, _list),
)
