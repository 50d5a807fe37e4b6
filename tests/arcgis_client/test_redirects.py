"""Test that admin calls follow one redirect within the same host, and no other redirect."""

import json

import pytest

from notebook_archive.arcgis.transport import REFERER, Transport
from notebook_archive.errors import UnexpectedAnswer
from notebook_archive.models import ItemId, ResourceKey, SessionId
from tests.arcgis_client.client import LIMIT, Client, id_of, notebook_server_at, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer

ITEM = ItemId("0" * 32)
KEY = ResourceKey(f"snapshot-{'0' * 32}.json")
LISTING = json.dumps({"snapshots": [], "total": 0, "status": "success"}).encode()
STATUSES = ["301 M", "302 F", "307 T", "308 P"]


def make_redirect(status: str, location: str, body: bytes = LISTING) -> object:
    """Return a script that redirects every address except those below /moved."""

    def script(request: WireRequest) -> list[bytes]:
        if request.path.startswith("/moved"):
            return [answer(body)]
        return [answer(b"<html>", f"Location: {location}", status=status)]

    return script


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("location", ["/moved", "{url}/moved/list", "{upper}/moved"])
def test_a_post_is_sent_whole_to_the_new_address(wire: Transport, serve: Serve, status: str, location: str) -> None:
    server = serve(make_redirect(status, ""))  # type: ignore[arg-type]
    upper = server.url.replace("localhost", "LOCALHOST")
    server.script = make_redirect(status, location.format(url=server.url, upper=upper))  # type: ignore[assignment]
    assert notebook_server_at(wire, server.url, "t0k3n").list_snapshots(ITEM).snapshots == ()
    first, second = server.requests
    assert (second.method, second.path[:6]) == ("POST", "/moved")
    assert first.form == second.form == {"itemId": [ITEM], "f": ["json"], "token": ["t0k3n"]}
    assert second.headers["referer"] == REFERER


@pytest.mark.parametrize("location", ["/moved", "/moved?f=json&start=1&num=5"])
def test_a_get_keeps_its_token_and_its_query(wire: Transport, serve: Serve, location: str) -> None:
    body = json.dumps({"notebooks": [], "total": 0, "start": 1, "num": 0}).encode()
    server = serve(make_redirect("302 F", location, body))  # type: ignore[arg-type]
    assert notebook_server_at(wire, server.url, "t0k3n").list_sessions(1, 5).total == 0
    second = server.requests[1]
    assert (second.method, second.headers["x-esri-authorization"]) == ("GET", "Bearer t0k3n")
    assert second.query == {"f": ["json"], "start": ["1"], "num": ["5"]}


def test_a_second_redirect_is_refused(wire: Transport, serve: Serve) -> None:
    server = serve(lambda request: [answer(b"", f"Location: {request.path}/x", status="302 F")])
    with pytest.raises(UnexpectedAnswer, match="redirect"):
        notebook_server_at(wire, server.url, "t0k3n").list_snapshots(ITEM)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "location",
    [
        "{other}/moved",
        "https://127.0.0.1:{port}/moved",
        "http://localhost:{port}/moved",
        "//evil.example/moved",
        "https://localhost:{port}@evil.example/moved",
        "https://ana@localhost:{port}/moved",
        "https://localhost:{port}\\@evil.example/moved",
        "https://localhost:{port}/moved#x",
        "https://localhost:99999/moved",
        "https://localhost.:{port}/moved",
        "https://[::1/moved",
        "/moved\\x",
        "/moved a",
        "",
    ],
)
@pytest.mark.parametrize("status", ["302 F", "308 P"])
def test_a_redirect_elsewhere_is_refused(wire: Transport, serve: Serve, location: str, status: str) -> None:
    other = serve(lambda _: [answer(LISTING)])
    server = serve(make_redirect(status, ""))  # type: ignore[arg-type]
    port = server.url.rpartition(":")[2]
    server.script = make_redirect(status, location.format(port=port, other=other.url))  # type: ignore[assignment]
    with pytest.raises(UnexpectedAnswer, match="redirect"):
        notebook_server_at(wire, server.url, "t0k3n").list_snapshots(ITEM)
    assert other.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["300 M", "303 S", "304 N", "305 U"])
def test_other_kinds_of_redirects_are_refused(wire: Transport, serve: Serve, status: str) -> None:
    server = serve(make_redirect(status, "/moved"))  # type: ignore[arg-type]
    with pytest.raises(UnexpectedAnswer, match="redirect"):
        notebook_server_at(wire, server.url, "t0k3n").list_snapshots(ITEM)
    assert len(server.requests) == 1


def test_admin_calls_of_arcgis_survive_a_redirect(client: Client) -> None:
    item, root = client.item(), client.deployment.notebook_admin_url
    owners = client.notebook_server(item.owner)
    for operation, path in [
        ("snapshots/list", "/notebooks/snapshots/list"),
        ("snapshots/download", "/notebooks/snapshots/download"),
        ("notebooks", "/notebooks"),
        ("notebooks/session", f"/notebooks/{client.deployment.organisation.sessions[0].id}"),
    ]:
        client.deployment.faults.add(operation, "redirect", times=1, location=f"{root}{path}")
    listed = owners.list_snapshots(id_of(item)).snapshots
    body = owners.read_snapshot(id_of(item), listed[0].resource_key, LIMIT, b"".join)
    assert body == item.snapshots[0].content
    assert client.notebook_server().list_sessions(1, 10).total == 3
    session = SessionId(client.deployment.organisation.sessions[0].id)
    assert client.notebook_server().get_session(session).session_id == session


def test_a_redirect_with_an_endless_body_is_not_read(wire: Transport, serve: Serve) -> None:
    sent = 0

    def endless(_: WireRequest) -> object:
        nonlocal sent
        yield b"HTTP/1.1 302 F\r\nLocation: https://elsewhere.example/\r\n\r\n"
        while sent < 50_000_000:
            sent += 100_000
            yield bytes(100_000)

    with pytest.raises(UnexpectedAnswer, match="redirect"):
        wire.call("GET", f"{serve(endless).url}/x", "A call", soon())  # type: ignore[arg-type]
    assert sent < 10_000_000
