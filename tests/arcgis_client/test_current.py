"""Test reading current content from the portal, or from the storage to which it redirects without a token."""

import json
import time
from collections.abc import Iterable

import pytest

from local.arcgis import Item
from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.arcgis.token_renewal import MAX_REJECTED_TOKENS, TokenSource
from notebook_archive.arcgis.transport import ANSWER_BYTES, Transport
from notebook_archive.errors import (
    ArcGISUnavailable,
    DeadlineExceeded,
    NotANotebook,
    SnapshotTooLarge,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId
from notebook_archive.settings import Route
from tests.arcgis_client.client import LIMIT, Client, Secrets, id_of, portal_at, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.test_routes import body_of
from tests.arcgis_client.wire import Wire, WireRequest, answer

ITEM = ItemId("a" * 32)
BODY = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}'
LINK = "/bucket/a%2Fb/c.ipynb?X-Amz-Signature=0f&X-Amz-Credential=k%2F20261122%2Fs3&empty="


def current(client: Client, item: Item, route: Route) -> bytes:
    return client.routes(route).choose(item.owner, soon()).read_content(id_of(item), LIMIT, body_of)


def redirect(location: str) -> bytes:
    return answer(b"", f"Location: {location}", status="302 Found")


def read(wire: Transport, portal: Wire, limit: int = LIMIT, seconds: float = 30) -> bytes:
    return portal_at(wire, portal.url, "secret-token", seconds).read_content(ITEM, limit, b"".join)


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
@pytest.mark.parametrize("redirected", [False, True])
def test_content_comes_byte_for_byte_by_each_route(client: Client, route: Route, redirected: bool) -> None:
    """The local storage refuses a request that carries a token."""
    client.deployment.switches.data_redirect = redirected
    item = client.item()
    assert current(client, item, route) == item.content
    assert client.count("items/data") == 1
    assert client.count("storage") == (1 if redirected else 0)


def test_storage_gets_neither_token_nor_referer(wire: Transport, serve: Serve) -> None:
    storage = serve(lambda _: [answer(BODY)])
    portal = serve(lambda _: [answer(b"", f"Location: {storage.url}{LINK}", "Set-Cookie: s=1", status="307 Found")])
    assert read(wire, portal) == BODY
    (asked,), (fetched,) = portal.requests, storage.requests
    assert asked.headers["x-esri-authorization"] == "Bearer secret-token"
    assert asked.target == f"/sharing/rest/content/items/{ITEM}/data", "without f"
    assert fetched.target == LINK, "unchanged"
    assert not {"x-esri-authorization", "authorization", "referer", "cookie"} & fetched.headers.keys()
    assert "secret-token" not in str(fetched)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/storage/x",
        "//{host}/x",
        "http://{host}/x",
        "ftp://{host}/x",
        "https://user@{host}/x",
        "https://user:password@{host}/x",
        "https://{host}\\@elsewhere.example/x",
        "https://{host}/x y",
        "https://{host}/x#y",
        "https://{host}:x/",
        "https://[::1]/x",
        "https://",
        "https://{host}/\u00e9",
        "x" * 5000,
    ],
)
def test_an_odd_location_is_not_followed(wire: Transport, serve: Serve, location: str) -> None:
    portal = serve(lambda _: [redirect(location.format(host=portal.url.removeprefix("https://")))])
    with pytest.raises(UnexpectedAnswer) as refused:
        read(wire, portal)
    assert len(portal.requests) == 1
    assert "elsewhere" not in str(refused.value)


def test_a_second_redirect_is_not_followed(wire: Transport, serve: Serve) -> None:
    storage = serve(lambda _: [redirect(f"{storage.url}/again")])
    portal = serve(lambda _: [redirect(f"{storage.url}/x")])
    with pytest.raises(UnexpectedAnswer, match="redirect"):
        read(wire, portal)
    assert (len(portal.requests), len(storage.requests)) == (1, 1)


def test_other_portal_calls_follow_no_redirect(wire: Transport, serve: Serve) -> None:
    portal = serve(lambda _: [redirect(f"{portal.url}/x")])
    with pytest.raises(UnexpectedAnswer):
        portal_at(wire, portal.url, "secret-token").get_item(ITEM)
    assert len(portal.requests) == 1


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "503 Slow Down"])
def test_a_link_that_storage_refuses_is_requested_again(wire: Transport, serve: Serve, status: str) -> None:
    """Our credential is not at fault."""

    def script(_: WireRequest) -> Iterable[bytes]:
        return [answer(BODY) if len(storage.requests) > 1 else answer(b"<Error/>", status=status)]

    storage = serve(script)
    portal = serve(lambda _: [redirect(f"{storage.url}/{len(portal.requests)}")])
    with pytest.raises(ArcGISUnavailable):
        read(wire, portal)
    storage.requests.clear()
    assert wire.retries.run(lambda: read(wire, portal), soon()) == BODY
    assert [request.path for request in storage.requests] == ["/2", "/3"]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found"])
@pytest.mark.parametrize("code", [401, 403, 404, 498, 499, 999])
def test_a_refusal_by_storage_does_not_count_against_the_token(
    wire: Transport, serve: Serve, status: str, code: int
) -> None:
    """Storage gets no token, and does not know the item."""
    signed_in: list[WireRequest] = []

    def script(request: WireRequest) -> Iterable[bytes]:
        if not request.path.endswith("/generateToken"):
            return [redirect(f"{storage.url}/x")]
        signed_in.append(request)
        return [answer(json.dumps({"token": "t", "expires": (time.time() + 3600) * 1000}).encode())]

    envelope = json.dumps({"error": {"code": code, "message": "Invalid token."}}).encode()
    refused = answer(envelope, status=status)
    storage, portal_server = serve(lambda _: [refused]), serve(script)
    tokens = TokenSource(wire, portal_server.url, "ana", Secrets({"ana": '{"username": "ana", "password": "x"}'}))
    access = SnapshotAccess(Portal(ArcGISClient(wire, tokens, soon()), portal_server.url))
    for _ in range(MAX_REJECTED_TOKENS + 1):
        with pytest.raises(ArcGISUnavailable, match="storage"):
            access.read_content(ITEM, LIMIT, body_of)
    storage.script = lambda _: [answer(BODY)]
    assert access.read_content(ITEM, LIMIT, body_of) == BODY
    assert len(signed_in) == 1


def test_an_error_page_is_requested_again_as_json(client: Client) -> None:
    """Without f, the local ArcGIS answers errors as pages, also for a revoked token."""
    item = client.item()
    access = client.routes("portal").choose(item.owner, soon())
    assert access.read_content(id_of(item), LIMIT, body_of) == item.content
    client.deployment.faults.add("items/data", "tokens-revoked", times=1)
    assert access.read_content(id_of(item), LIMIT, body_of) == item.content
    item.content = b""
    client.pauses.clear()
    client.deployment.faults.add("items/item", "http-503")  # so that its size proves nothing
    with pytest.raises(ArcGISUnavailable) as refused:
        access.read_content(id_of(item), LIMIT, body_of)
    assert refused.value.code == 500


@pytest.mark.parametrize("size", [len(BODY), ANSWER_BYTES + 1])
def test_a_page_that_becomes_a_large_file_is_unexpected(wire: Transport, serve: Serve, size: int) -> None:
    portal = serve(lambda request: [answer(BODY.ljust(size) if "f=json" in request.target else b"<html>Soon.</html>")])
    with pytest.raises(UnexpectedAnswer, match="page"):
        read(wire, portal)
    assert len(portal.requests) == 2


def test_a_cut_body_is_noticed_and_read_again(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> Iterable[bytes]:
        whole = answer(BODY)
        return [whole] if len(storage.requests) > 2 else [whole[:-10], b""]

    storage = serve(script)
    portal = serve(lambda _: [redirect(f"{storage.url}/x")])
    with pytest.raises(ArcGISUnavailable):
        read(wire, portal)
    assert wire.retries.run(lambda: read(wire, portal), soon()) == BODY


def test_a_body_that_ends_early_does_not_pass_the_gate(wire: Transport, serve: Serve) -> None:
    storage = serve(lambda _: [answer(BODY[:-10])])
    portal = serve(lambda _: [redirect(f"{storage.url}/x")])
    with pytest.raises(NotANotebook):
        body_of(iter([read(wire, portal)]))


def test_storage_has_the_same_limit_and_deadline(wire: Transport, serve: Serve) -> None:
    storage = serve(lambda _: [answer(BODY)])
    portal = serve(lambda _: [redirect(f"{storage.url}/x")])
    with pytest.raises(SnapshotTooLarge):
        read(wire, portal, limit=len(BODY) - 1)
    storage.script = lambda _: storage.drip(answer(BODY))
    with pytest.raises(DeadlineExceeded):
        read(wire, portal, seconds=0.5)
