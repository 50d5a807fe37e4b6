"""Test organisation webhooks: registration by an administrator, events about items, repeated and failed deliveries."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.arcgis_server.client import Client
from tests.listener import Listener, listening

EVENTS = "/items/add,/items/update"


@pytest.fixture
def listener(enterprise: Client, tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        enterprise.deployment.switches.webhook_ca_bundle = str(listener.ca_bundle)
        enterprise.deployment.organisation.webhook_settings["notificationElapsedTimeInSeconds"] = 0
        yield listener


def call(client: Client, path: str = "", user: str | None = "gis_admin", **params: Any) -> Any:
    address = f"{client.rest}/portals/{client.deployment.organisation.id}/webhooks{path}"
    token = {"token": client.token(user)} if user else {}
    return client.session.post(address, data={"f": "json", **params, **token}).json()


def register(client: Client, listener: Listener, **more: str) -> Any:
    fields = {"name": "archive", "url": listener.url, "changes": "manualChanges", "events": EVENTS, **more}
    return call(client, "/createWebhook", **fields)


def only(client: Client) -> Any:
    (webhook,) = client.get("/portals/self/webhooks", "gis_admin")["webhooks"]
    return webhook


def save(client: Client, title: str = "Flood model", content: bytes = b'{"cells": [], "nbformat": 4}') -> str:
    item = client.item(title)
    url = f"{client.rest}/content/users/{item.owner}/items/{item.id}/update"
    assert client.raw_post(url, item.owner, f="json", text=content.decode()).json()["success"]
    return item.id


@pytest.mark.parametrize("kind", ["enterprise", "kubernetes"])
def test_a_webhook_is_created_found_and_deleted(kind: str, listener: Listener, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(kind)
    client.deployment.switches.webhook_ca_bundle = str(listener.ca_bundle)
    config = json.dumps({"deactivationPolicy": {"numberOfFailures": 5, "daysInPast": 5}})
    assert register(client, listener, secret="s", config=config) == {"success": True}
    webhook = only(client)
    assert webhook["payloadUrl"] == listener.url
    assert (webhook["name"], webhook["isActive"], webhook["events"]) == ("archive", True, EVENTS.split(","))
    assert webhook["config"] == json.loads(config)
    assert client.get(f"/portals/self/webhooks/{webhook['id']}", "gis_admin") == webhook
    assert call(client, f"/{webhook['id']}/delete") == {"success": True}
    assert client.get("/portals/self/webhooks", "gis_admin")["webhooks"] == []
    assert call(client, f"/{webhook['id']}/delete")["error"]["code"] == 400


@pytest.mark.parametrize("probe", ["GET", "POST", "none"])
def test_the_portal_calls_the_address_before_it_registers(enterprise: Client, listener: Listener, probe: Any) -> None:
    enterprise.deployment.switches.webhook_probe = probe
    register(enterprise, listener)
    assert [method for method, *_ in listener.requests] == [probe] * (probe != "none")
    assert only(enterprise)["payloadUrl"] == listener.url


@pytest.mark.parametrize("fault", ["status", "certificate", "nobody", "http"])
def test_an_address_without_a_good_response_is_refused(enterprise: Client, listener: Listener, fault: str) -> None:
    url = {"nobody": "https://localhost:1/x", "http": listener.url.replace("https", "http")}.get(fault, listener.url)
    if fault == "status":
        listener.statuses = [404]
    if fault == "certificate":
        enterprise.deployment.switches.webhook_ca_bundle = ""
    assert register(enterprise, listener, url=url)["error"]["code"] == 400
    assert enterprise.get("/portals/self/webhooks", "gis_admin")["webhooks"] == []


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"url": ""}, {"events": ""}, {"events": "items"}, {"config": "x"}, {"config": "[]"}]
)
def test_missing_and_invalid_fields_are_refused(enterprise: Client, listener: Listener, wrong: dict[str, str]) -> None:
    assert register(enterprise, listener, **wrong)["error"]["code"] == 400


def test_only_administrators_outside_arcgis_online_may_call(
    enterprise: Client, online: Client, listener: Listener
) -> None:
    assert call(enterprise, "/createWebhook", "ana", name="x", url=listener.url, events="/")["error"]["code"] == 403
    assert call(enterprise, "/createWebhook", None, name="x", url=listener.url, events="/")["error"]["code"] == 499
    assert enterprise.get("/portals/self/webhooks", "ana")["error"]["code"] == 403
    assert online.get("/portals/self/webhooks", "gis_admin")["error"]["code"] == 404
    assert not listener.requests


def test_the_event_of_a_save_matches_esris_sample(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener)
    before = int(time.time() * 1000)
    item_id = save(enterprise)
    (payload,) = listener.deliveries(1)
    (event,) = payload["events"]
    assert payload["info"].keys() == {"webhookName", "webhookId", "portalURL", "when"}
    assert payload["info"]["portalURL"] == f"{enterprise.deployment.portal_url}/"
    assert event.keys() == {"userId", "username", "when", "operation", "source", "id", "properties"}
    assert (event["operation"], event["source"], event["id"], event["username"]) == ("update", "item", item_id, "ana")
    assert before <= event["when"] <= payload["info"]["when"] <= time.time() * 1000
    _, path, headers, _ = listener.requests[-1]
    assert path == "/webhooks/path"
    assert headers["Content-Type"] == "application/json"
    assert "x-esriHook-Signature" not in headers, "not documented for organisation webhooks"


def test_only_some_operations_fire_events(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener)
    item = enterprise.deployment.organisation.add_notebook("ana", "Old")
    assert enterprise.snapshots("create", item, name="one")["status"] == "success"
    enterprise.get(f"/content/items/{item.id}", "ana")
    users = f"{enterprise.rest}/content/users/ana"
    added = enterprise.raw_post(f"{users}/addItem", "ana", f="json", title="New", type="Notebook", text="{}").json()
    listener.deliveries(1)
    enterprise.raw_post(f"{users}/items/{added['id']}/delete", "ana", f="json")
    enterprise.deployment.switches.snapshot_fires_update = True
    assert enterprise.snapshots("create", item, name="two")["status"] == "success"
    told = [(event["operation"], event["id"]) for each in listener.deliveries(2) for event in each["events"]]
    assert told == [("add", added["id"]), ("update", item.id)]


@pytest.mark.parametrize("events", ["/", "/items", "/items/update", "/items/{id}", "/items/{id}/update"])
def test_each_trigger_event_matches_a_save(enterprise: Client, listener: Listener, events: str) -> None:
    item_id = enterprise.item("Flood model").id
    chosen = {"changes": "allChanges"} if events == "/" else {"events": events.replace("{id}", item_id)}
    register(enterprise, listener, **chosen)
    save(enterprise)
    listener.deliveries(1)


def test_switches_make_deliveries_signed_forms(enterprise: Client, listener: Listener) -> None:
    switches = enterprise.deployment.switches
    switches.webhook_signature = switches.webhook_form_encoded = True
    switches.webhook_source = "items"
    register(enterprise, listener, secret="a key")
    save(enterprise)
    (payload,) = listener.deliveries(1)
    assert payload["events"][0]["source"] == "items"
    _, _, headers, body = listener.requests[-1]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    digest = base64.b64encode(hmac.digest(b"a key", body, "sha256")).decode()
    assert headers["x-esriHook-Signature"] == f"sha256={digest}"


def test_place_of_the_webhook_secret_is_set_by_a_switch(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener, secret="a key")
    for number, (place, found) in enumerate({"info.secret": ("info",), "secret": (), "": None}.items(), 1):
        enterprise.deployment.switches.webhook_secret_in_payload = place
        save(enterprise)
        payload = listener.deliveries(number)[-1]
        assert ("a key" in json.dumps(payload)) == (found is not None)
        if found is not None:
            assert (payload[found[0]] if found else payload)["secret"] == "a key"


def test_a_delivery_is_attempted_three_times(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener)
    webhook = only(enterprise)
    listener.statuses = [503, 500, 202]
    save(enterprise)
    first = listener.deliveries(3)
    assert first[0] == first[1] == first[2]
    path = f"/portals/self/webhooks/{webhook['id']}/notificationStatus"
    deadline = time.monotonic() + 10  # the portal records a delivery after its response has arrived
    rows: list[dict[str, Any]] = []
    while len(rows) < 3 and time.monotonic() < deadline:
        rows = enterprise.get(path, "gis_admin")["WebhookStatus"]
    assert sorted(row["isInvoked"] for row in rows) == [False, False, True]
    listener.statuses = [401]
    save(enterprise)
    listener.deliveries(6)


def test_a_webhook_that_fails_too_often_is_deactivated(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener, config='{"deactivationPolicy": {"numberOfFailures": 2, "daysInPast": 5}}')
    assert call(enterprise, "/settings/update", notificationAttempts="1") == {"success": True}
    assert enterprise.get("/portals/self/webhooks/settings", "gis_admin")["notificationAttempts"] == 1
    assert call(enterprise, "/settings/update", notificationAttempts="6")["error"]["code"] == 400
    listener.statuses = [500]
    for _ in range(2):
        save(enterprise)
    listener.deliveries(2)
    deadline = time.monotonic() + 10
    while only(enterprise)["isActive"] and time.monotonic() < deadline:
        time.sleep(0.01)
    listener.statuses = [202]
    save(enterprise)
    listener.deliveries(2)
    assert call(enterprise, f"/{only(enterprise)['id']}/activate") == {"success": True}
    save(enterprise)
    listener.deliveries(3)


def test_saving_does_not_wait_for_deliveries(enterprise: Client, listener: Listener) -> None:
    register(enterprise, listener)
    enterprise.deployment.organisation.webhook_settings["notificationElapsedTimeInSeconds"] = 100
    listener.statuses = [503]
    started = time.monotonic()
    save(enterprise)
    assert time.monotonic() - started < 5
    listener.deliveries(1)
