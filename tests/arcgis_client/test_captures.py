"""Test that creating and deleting snapshots requires proof of success, and that a creation is never retried."""

import json
from typing import Any

import pytest

from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import (
    ArcGISUnavailable,
    PermissionDenied,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, ResourceKey, VerifiedCopy
from tests.arcgis_client.client import Client, id_of, notebook_server_at, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import answer

ITEM = ItemId.parse("0" * 32)
KEY = ResourceKey.parse(f"snapshot-{'0' * 32}.json")
COPY = VerifiedCopy(ITEM, KEY, "0" * 64)
NAME = "Notebook Archive 2026-11-22/nightly"


def test_the_owner_creates_a_private_snapshot_of_saved_state(client: Client) -> None:
    item = client.item("Never snapshotted")
    key = client.notebook_server(item.owner).create_snapshot(id_of(item), NAME, "")
    [snapshot] = item.snapshots
    assert (snapshot.resource_key, snapshot.name, snapshot.private) == (key, NAME, True)
    assert snapshot.content == item.content


def test_the_owner_deletes_one_snapshot(client: Client) -> None:
    item = client.item()
    doomed, *others = list(item.snapshots)
    copy = VerifiedCopy(id_of(item), ResourceKey.parse(doomed.resource_key), "0" * 64)
    client.notebook_server(item.owner).delete_snapshot(copy)
    assert item.snapshots == others


def test_create_and_delete_send_the_documented_fields(wire: Transport, serve: Serve) -> None:
    body = {"snapshotResourceKey": KEY, "status": "success"}
    server = serve(lambda _: [answer(json.dumps(body).encode())])
    notebook_server = notebook_server_at(wire, f"{server.url}/admin", "t0k3n")
    assert notebook_server.create_snapshot(ITEM, NAME, "") == KEY
    notebook_server.delete_snapshot(COPY)
    create, delete = server.requests
    assert (create.method, create.target) == ("POST", "/admin/notebooks/snapshots/create")
    sent = {"itemId": [ITEM], "name": [NAME], "privateAccess": ["true"], "f": ["json"], "token": ["t0k3n"]}
    assert {name: value for name, value in create.form.items() if name != "notebookJSON"} == sent
    assert create.form.get("notebookJSON", [""]) == [""]
    assert (delete.method, delete.target) == ("POST", "/admin/notebooks/snapshots/delete")
    assert delete.form == {"itemId": [ITEM], "resourceKeys": [KEY], "f": ["json"], "token": ["t0k3n"]}


@pytest.mark.parametrize("status", ["success", "Success"])
@pytest.mark.parametrize("name", ["snapshotResourceKey", "resourceKey"])
def test_both_spellings_of_the_key_are_accepted(wire: Transport, serve: Serve, name: str, status: str) -> None:
    server = serve(lambda _: [answer(json.dumps({name: KEY, "status": status}).encode())])
    assert notebook_server_at(wire, server.url).create_snapshot(ITEM, NAME, "") == KEY


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (b'{"error": {"code": 400, "message": "x", "details": null}}', RequestRejected),
        (b'{"error": {"code": 500, "message": "x", "details": []}}', RequestRejected),
        (b'{"error": {"code": 403}}', PermissionDenied),
        (b'{"error": {"code": 498}}', TokenRejected),
        (b'{"status": "error", "messages": ["x"], "code": 400}', RequestRejected),
        (b'{"status": "failure"}', RequestRejected),
        (b'{"code": 403, "message": "x", "status": "error"}', PermissionDenied),
        (b"<html><title>Sign in</title></html>", UnexpectedAnswer),
        (b'{"error": "invalid_request"}', RequestRejected),
        (b"{}", UnexpectedAnswer),
        (b"[]", UnexpectedAnswer),
        (b"", UnexpectedAnswer),
        (b'{"snapshotResourceKey": "%s"}' % KEY.encode(), UnexpectedAnswer),
        (b'{"snapshotResourceKey": "%s", "status": "failure"}' % KEY.encode(), RequestRejected),
        (b'{"snapshotResourceKey": "%s", "status": true}' % KEY.encode(), UnexpectedAnswer),
        (b'{"snapshotResourceKey": "../x", "status": "success"}', UnexpectedAnswer),
        (b'{"snapshotResourceKey": null, "status": "success"}', UnexpectedAnswer),
        (b'{"status": "success"}', UnexpectedAnswer),
    ],
)
def test_a_refusal_in_any_shape_creates_nothing(
    wire: Transport, serve: Serve, answered: bytes, kind: type[Exception]
) -> None:
    server = serve(lambda _: [answer(answered)])
    with pytest.raises(kind):
        notebook_server_at(wire, server.url).create_snapshot(ITEM, NAME, "")
    assert len(server.requests) == 1, "tried once"


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (b'{"error": {"code": 400}}', RequestRejected),
        (b'{"status": "error", "messages": ["x"], "code": 400}', RequestRejected),
        (b'{"status": "failure"}', RequestRejected),
        (b'{"code": 498, "message": "x", "status": "error"}', TokenRejected),
        (b"<html></html>", UnexpectedAnswer),
        (b'{"error": "invalid_request"}', RequestRejected),
        (b"{}", UnexpectedAnswer),
        (b'{"status": "succeeded"}', UnexpectedAnswer),
    ],
)
def test_a_refusal_in_any_shape_deletes_nothing(
    wire: Transport, serve: Serve, answered: bytes, kind: type[Exception]
) -> None:
    server = serve(lambda _: [answer(answered)])
    with pytest.raises(kind):
        notebook_server_at(wire, server.url).delete_snapshot(COPY)


@pytest.mark.parametrize("kind", ["http-500", "http-503", "http-429", "hang-up", "cut-body"])
def test_creating_a_snapshot_is_never_retried(client: Client, kind: Any) -> None:
    item = client.item("Never snapshotted")
    client.deployment.faults.add("snapshots/create", kind)
    with pytest.raises((ArcGISUnavailable, UnexpectedAnswer)):
        client.notebook_server(item.owner).create_snapshot(id_of(item), NAME, "")
    assert client.count("snapshots/create") == 1
    assert client.pauses == []


@pytest.mark.parametrize("shape", ["A", "B", "C", "D", "F"])
def test_only_the_owner_creates_or_deletes(client: Client, shape: Any) -> None:
    client.deployment.switches.snapshot_change_error_shape = shape
    item = client.item()
    before = list(item.snapshots)
    copy = VerifiedCopy(id_of(item), ResourceKey.parse(before[0].resource_key), "0" * 64)
    with pytest.raises((PermissionDenied, RequestRejected)):
        client.notebook_server().create_snapshot(id_of(item), NAME, "")
    with pytest.raises((PermissionDenied, RequestRejected)):
        client.notebook_server().delete_snapshot(copy)
    assert item.snapshots == before


def test_the_portal_route_creates_and_deletes_nothing(enterprise: Client) -> None:
    item = enterprise.item()
    access = enterprise.routes("portal").choose(item.owner, soon())
    assert not access.can_create
    with pytest.raises(PermissionDenied):
        access.create_snapshot(id_of(item), NAME, "")
    with pytest.raises(PermissionDenied):
        access.delete_snapshot(COPY)
    assert enterprise.deployment.requests.counts() == {}
