"""Test the notebook server's snapshot operations on the three kinds of deployment."""

import json
from typing import Any

import pytest

from notebook_archive.arcgis.token_renewal import FixedToken
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import (
    NotAnId,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SnapshotTooLarge,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, ResourceKey
from tests.arcgis_client.client import LIMIT, Client, id_of, notebook_server_at
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import answer

ITEM = ItemId.parse("0" * 32)
KEY = ResourceKey.parse(f"snapshot-{'0' * 32}.json")


def test_the_owner_lists_the_snapshots(client: Client) -> None:
    item = client.item()
    listing = client.notebook_server(item.owner).list_snapshots(id_of(item))
    assert [
        (snapshot.resource_key, snapshot.name, snapshot.created, snapshot.size) for snapshot in listing.snapshots
    ] == [(snapshot.resource_key, snapshot.name, snapshot.created, None) for snapshot in item.snapshots]
    assert listing.undocumented_keys == ()
    assert client.deployment.requests.counts() == {"snapshots/list": 1}


def test_both_routes_list_the_same(client: Client) -> None:
    for item in client.deployment.organisation.notebooks():
        if not item.resources_refused:
            ours = client.notebook_server(item.owner).list_snapshots(id_of(item)).snapshots
            theirs = client.portal().list_snapshots(id_of(item)).snapshots
            assert [(s.resource_key, s.name, s.created) for s in ours] == [
                (s.resource_key, s.name, s.created) for s in theirs
            ]


def test_every_snapshot_comes_byte_for_byte(client: Client) -> None:
    for item in client.deployment.organisation.notebooks():
        for snapshot in item.snapshots:
            key = ResourceKey.parse(snapshot.resource_key)
            body = client.notebook_server(item.owner).read_snapshot(id_of(item), key, LIMIT, b"".join)
            assert body == snapshot.content


def test_a_notebook_without_snapshots_has_none(client: Client) -> None:
    item = client.item("Never snapshotted")
    assert client.notebook_server(item.owner).list_snapshots(id_of(item)).snapshots == ()


@pytest.mark.parametrize("shape", ["A", "B", "D"])
def test_administrator_may_not_use_owner_operations(client: Client, shape: Any) -> None:
    client.deployment.switches.snapshot_read_error_shape = shape
    item = client.item()
    with pytest.raises(PermissionDenied):
        client.notebook_server().list_snapshots(id_of(item))
    key = ResourceKey.parse(item.snapshots[0].resource_key)
    body = client.notebook_server().read_snapshot(id_of(item), key, LIMIT, b"".join)
    assert b"403" in body  # an error under HTTP 200, for the gate to refuse


@pytest.mark.parametrize("shape", ["A", "B", "D"])
@pytest.mark.parametrize("token", ["", "no-such-token"])
def test_a_bad_token_is_refused_in_every_shape(client: Client, shape: Any, token: str) -> None:
    client.deployment.switches.auth_error_shape = shape
    with pytest.raises(TokenRejected):
        client.notebook_server(FixedToken(token)).list_snapshots(id_of(client.item()))


def test_a_token_in_the_body_is_enough_everywhere(client: Client) -> None:
    client.deployment.switches.query_token_on_post = False
    client.deployment.switches.kubernetes_post_token_in_body = True
    item = client.item()
    assert client.notebook_server(item.owner).list_snapshots(id_of(item)).snapshots


def test_an_item_that_is_gone_is_an_error_and_no_empty_list(client: Client) -> None:
    with pytest.raises((NotebookNotFound, RequestRejected)):
        client.notebook_server("ana").list_snapshots(ItemId.parse("f" * 32))


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        ({}, UnexpectedAnswer),
        ({"status": "success"}, UnexpectedAnswer),
        ({"snapshots": None, "total": 0, "status": "success"}, UnexpectedAnswer),
        ({"snapshots": {}, "status": "success"}, UnexpectedAnswer),
        ({"snapshots": [], "total": 0, "status": "failure"}, RequestRejected),
        ({"snapshots": [], "total": 0, "status": "Failure"}, RequestRejected),
        ({"snapshots": [], "total": 0, "status": "pending"}, UnexpectedAnswer),
        ({"snapshots": [], "total": 0, "status": None}, UnexpectedAnswer),
        ({"snapshots": [], "total": 0, "status": True}, UnexpectedAnswer),
        ({"snapshots": [], "total": 0}, UnexpectedAnswer),
        ({"snapshots": [], "error": {"code": 403}}, PermissionDenied),
    ],
)
def test_a_listing_that_did_not_succeed_is_not_an_empty_one(
    wire: Transport, serve: Serve, answered: dict[str, Any], kind: type[Exception]
) -> None:
    server = serve(lambda _: [answer(json.dumps(answered).encode())])
    with pytest.raises(kind):
        notebook_server_at(wire, server.url).list_snapshots(ITEM)


@pytest.mark.parametrize("status", ["success", "Success", "SUCCESS"])
def test_success_in_capitals_is_success(wire: Transport, serve: Serve, status: str) -> None:
    server = serve(lambda _: [answer(json.dumps({"snapshots": [], "total": 0, "status": status}).encode())])
    assert not notebook_server_at(wire, server.url).list_snapshots(ITEM).is_uncounted


def test_keys_of_another_form_are_reported(wire: Transport, serve: Serve) -> None:
    keys = [KEY, f"snapshot-{'A' * 32}.json", "../../x", "snapshot-1.json", f"{KEY}\n", "", 5, None, KEY]
    entries: list[Any] = [{"resourceKey": key} for key in keys] + ["x", None]
    server = serve(lambda _: [answer(json.dumps({"snapshots": entries, "status": "success"}).encode())])
    listing = notebook_server_at(wire, server.url).list_snapshots(ITEM)
    assert [snapshot.resource_key for snapshot in listing.snapshots] == [KEY]
    assert len(listing.undocumented_keys) == len(keys) - 2 + 2


@pytest.mark.parametrize(
    ("entry", "created", "name"),
    [
        ({"created": "1735725600123", "properties": {"name": "a"}}, 1735725600123, "a"),
        ({"created": 1735725600123, "properties": {"name": 5}}, 1735725600123, ""),
        ({"created": None, "properties": None}, 0, ""),
        ({"created": "yesterday", "properties": []}, 0, ""),
        ({"created": -5.5, "properties": "x"}, -5, ""),
        ({"created": True}, 0, ""),
        ({"created": "9" * 5000}, 0, ""),
        ({}, 0, ""),
    ],
)
def test_fields_of_a_wrong_type_are_ignored(
    wire: Transport, serve: Serve, entry: dict[str, Any], created: int, name: str
) -> None:
    entries = [{"resourceKey": KEY} | entry]
    server = serve(lambda _: [answer(json.dumps({"snapshots": entries, "status": "success"}).encode())])
    [snapshot] = notebook_server_at(wire, server.url).list_snapshots(ITEM).snapshots
    assert (snapshot.created, snapshot.name) == (created, name)


def test_list_and_download_send_the_documented_fields(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b'{"snapshots": [], "status": "success"}')])
    notebook_server = notebook_server_at(wire, f"{server.url}/notebooks/admin", "t0k3n")
    notebook_server.list_snapshots(ITEM)
    notebook_server.read_snapshot(ITEM, KEY, LIMIT, b"".join)
    listing, download = server.requests
    assert (listing.method, listing.target) == ("POST", "/notebooks/admin/notebooks/snapshots/list")
    assert listing.form == {"itemId": [ITEM], "f": ["json"], "token": ["t0k3n"]}
    assert (download.method, download.target) == ("POST", "/notebooks/admin/notebooks/snapshots/download")
    assert download.form == {"itemId": [ITEM], "resourceKey": [KEY], "f": ["json"], "token": ["t0k3n"]}


def test_a_snapshot_beyond_the_limit_is_refused(client: Client) -> None:
    item = client.item()
    client.deployment.faults.add("snapshots/download", "oversize", size=3_000_000)
    key = ResourceKey.parse(item.snapshots[0].resource_key)
    with pytest.raises(SnapshotTooLarge):
        client.notebook_server(item.owner).read_snapshot(id_of(item), key, 2_000_000, b"".join)


@pytest.mark.parametrize("text", ["", "snapshot-1.json", f"../{KEY}", f"{KEY}\n", f"{KEY}?x", KEY.upper(), None, 5])
def test_an_invalid_resource_key_is_refused(text: object) -> None:
    with pytest.raises(NotAnId):
        ResourceKey.parse(text)
