"""Test the client's fallbacks if ArcGIS differs from its documentation or from our assumptions."""

import gzip
import json
from collections.abc import Iterable
from typing import Any

import pytest

from local.arcgis import Item, LocalArcGIS
from local.arcgis.organisation import Resource
from local.arcgis.switches import DownloadAsJson
from notebook_archive.arcgis.discovery import UNPROVED_SECONDS, Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import (
    ArcGISUnavailable,
    NoContent,
    NotANotebook,
    NotebookArchiveError,
    PermissionDenied,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId
from tests.arcgis_client.client import LIMIT, PREFIX, Client, Secrets, id_of, portal_at, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.test_routes import body_of, download
from tests.arcgis_client.wire import WireRequest, answer

ITEM = ItemId("a" * 32)
KEY = f"snapshot-{'0' * 32}.json"
NO_CELLS = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}'


@pytest.fixture
def kubernetes(arcgis: LocalArcGIS) -> Client:
    return Client(arcgis.kubernetes, arcgis.ca_bundle)


# The server refuses the owner's requests on the route notebook-server.


def test_a_refused_owners_snapshots_come_from_the_portal(kubernetes: Client) -> None:
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    item = kubernetes.item()
    access = kubernetes.routes("auto").choose(item.owner, soon())
    listed = access.list_snapshots(id_of(item))
    assert [each.resource_key for each in listed.snapshots] == [each.resource_key for each in item.snapshots]
    assert access.route == "portal"
    assert isinstance(access.refusal, PermissionDenied)
    assert not access.can_create
    assert download(access, item) == item.snapshots[0].content
    assert kubernetes.count("snapshots/download") == 0


def test_a_refused_route_is_not_tried_again_for_a_while(kubernetes: Client) -> None:
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    routes = kubernetes.routes("auto")
    for item in kubernetes.deployment.organisation.notebooks():
        if item.owner == "ana":
            access = routes.choose("ana", soon())
            assert len(access.list_snapshots(id_of(item)).snapshots) == len(item.snapshots)
            assert (access.route, bool(access.refusal)) == ("portal", True)
    assert kubernetes.count("snapshots/list") == 2, "once more, because a throttle looks the same"


def test_route_notebook_server_has_no_fallback(kubernetes: Client) -> None:
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    item = kubernetes.item()
    access = kubernetes.routes("notebook-server").choose(item.owner, soon())
    with pytest.raises(PermissionDenied):
        access.list_snapshots(id_of(item))
    assert access.route == "notebook-server"
    assert kubernetes.count("items/resources") == 0


def test_a_secret_of_another_user_fails_without_fallback(client: Client) -> None:
    client.keep(f"{PREFIX}/owners/ana", "ben")
    access = client.routes("auto").choose("ana", soon())
    with pytest.raises(PermissionDenied, match="belongs to ben, not to ana"):
        access.list_snapshots(id_of(client.item()))
    assert access.route == "notebook-server"


def test_a_dead_credential_does_not_lead_to_the_fallback(client: Client) -> None:
    """Some servers answer code 403 to a token that has expired."""
    name = f"{PREFIX}/owners/ana"
    client.secrets.texts[name] = '{"token": "dead"}'
    client.deployment.faults.add("snapshots/*", "shape-a", code=403)
    access = client.routes("auto", client.deployment.notebook_admin_url).choose("ana", soon())
    with pytest.raises(TokenRejected, match=name):
        access.list_snapshots(id_of(client.item()))
    assert access.route == "notebook-server"


def test_if_both_routes_are_refused_the_owners_is_named(kubernetes: Client) -> None:
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    item = kubernetes.item()
    item.resources_refused = True
    access = kubernetes.routes("auto").choose(item.owner, soon())
    with pytest.raises(PermissionDenied, match="snapshots of notebook"):
        access.list_snapshots(id_of(item))
    assert (access.route, access.refusal) == ("notebook-server", None)


def test_a_route_that_worked_is_kept(client: Client) -> None:
    """If one notebook were read by two routes, a snapshot that only one of them shows would be missed."""
    item = client.item()
    access = client.routes("auto").choose(item.owner, soon())
    access.list_snapshots(id_of(item))
    client.deployment.faults.add("snapshots/*", "shape-a", code=403)
    with pytest.raises(PermissionDenied):
        access.list_snapshots(id_of(item))
    assert access.route == "notebook-server"


def test_second_path_to_resources_is_used(client: Client) -> None:
    client.deployment.switches.resources_refused_by_item = True
    item = client.item()
    access = client.routes("portal").choose(item.owner, soon())
    listed = access.list_snapshots(id_of(item))
    assert [each.resource_key for each in listed.snapshots] == [each.resource_key for each in item.snapshots]
    assert download(access, item) == item.snapshots[0].content


# The address of the notebook server.


def find_server(wire: Transport, portal_url: str, **more: Any) -> tuple[str, Discovery]:
    secrets = Secrets({f"{PREFIX}/owners/ana": '{"username": "ana", "password": "x"}'})
    discovery = Discovery("", **more)
    routes = Routes(wire, portal_url, "auto", discovery, PREFIX, secrets)
    access = routes.choose("ana", soon())
    access.list_snapshots(ITEM)
    assert access.notebook_server
    return access.notebook_server._notebooks_url, discovery


def make_portal(**addresses: str) -> Any:
    def script(request: WireRequest) -> list[bytes]:
        bodies: dict[str, Any] = {
            "generateToken": {"token": "t", "expires": 9999999999999},
            "self": {"id": "0a1B2c", "isPortal": True},
            "servers": {"servers": [{"serverFunction": "NotebookServer", **addresses}]},
        }
        return [answer(json.dumps(bodies[request.path.rpartition("/")[2]]).encode())]

    return script


def notebooks(request: WireRequest) -> list[bytes]:
    listing = request.path.endswith("/list")
    body = {"snapshots": [], "total": 0, "status": "success"} if listing else {"notebooks": [], "total": 0, "start": 1}
    return [answer(json.dumps(body).encode())]


BROKEN: dict[str, Iterable[bytes]] = {
    "silent": [b""],
    "page": [answer(b"<html>Sign in</html>", "Content-Type: text/html")],
    "503": [answer(b"<html>", status="503 Unavailable")],
    "401": [answer(b"<html>", status="401 Unauthorized")],
    "403": [answer(b"<html>", status="403 Forbidden")],
    "404": [answer(b"<html>", status="404 Not Found")],
    "other JSON": [answer(b'{"currentVersion": 11.4}')],
    "redirect": [answer(b"", "Location: https://localhost/x", status="302 Found")],
}


@pytest.mark.parametrize("fault", BROKEN)
def test_next_address_is_called_after_silence(wire: Transport, serve: Serve, fault: str) -> None:
    broken, working = serve(lambda _: BROKEN[fault]), serve(notebooks)
    portal = serve(make_portal(adminPublicUrl=broken.url, adminUrl=broken.url, url=working.url))
    for _ in range(2):
        assert find_server(wire, portal.url)[0] == f"{working.url}/admin/notebooks"
    assert len(broken.requests) == 2, "one try each time"
    sign_ins = [request for request in portal.requests if request.path.endswith("/generateToken")]
    assert len(sign_ins) == 2, "a server that is not ArcGIS renews no token"


def test_the_address_that_worked_is_remembered(wire: Transport, serve: Serve) -> None:
    refusing, never = serve(lambda _: [b""]), serve(notebooks)
    working = serve(notebooks)
    portal = serve(make_portal(adminPublicUrl=refusing.url, adminUrl=working.url, url=never.url))
    _, discovery = find_server(wire, portal.url)
    asked = len(refusing.requests)
    for _ in range(3):
        discovery.find_notebook_server(portal_at(wire, portal.url))
    assert (asked, len(refusing.requests), len(never.requests)) == (1, 1, 0)


def test_a_server_that_refuses_the_request_is_found(wire: Transport, serve: Serve) -> None:
    def refuse(request: WireRequest) -> list[bytes]:
        return notebooks(request) if request.path.endswith("/list") else [answer(b'{"error": {"code": 403}}')]

    server, other = serve(refuse), serve(notebooks)
    portal = serve(make_portal(adminPublicUrl=server.url, adminUrl=other.url))
    assert find_server(wire, portal.url)[0] == f"{server.url}/admin/notebooks"


def test_silent_addresses_are_tried_again_later(wire: Transport, serve: Serve) -> None:
    now = [0.0]
    first, second = serve(lambda _: [b""]), serve(lambda _: [b""])
    portal = serve(make_portal(adminPublicUrl=first.url, adminUrl=second.url))
    discovery = Discovery("", clock=lambda: now[0])
    for moment in (0.0, UNPROVED_SECONDS - 1, UNPROVED_SECONDS + 1):
        now[0] = moment
        server = discovery.find_notebook_server(portal_at(wire, portal.url))
        assert server._notebooks_url == f"{first.url}/admin/notebooks"
    assert len(first.requests) == len(second.requests) == 2


@pytest.mark.parametrize("how", ["refused", "hidden"])
def test_the_administrator_looks_up_the_server_for_an_owner(client: Client, how: Any) -> None:
    client.deployment.switches.servers_need_privileges = how
    item = client.item()
    access = client.routes("notebook-server").choose(item.owner, soon())
    assert access.list_snapshots(id_of(item)).snapshots
    assert access.route == "notebook-server"


@pytest.mark.parametrize("how", ["refused", "hidden"])
def test_without_an_administrator_the_lookup_fails(enterprise: Client, how: Any) -> None:
    enterprise.deployment.switches.servers_need_privileges = how
    del enterprise.secrets.texts[f"{PREFIX}/admin"]
    with pytest.raises(UnexpectedAnswer) as caught:
        enterprise.routes("notebook-server").choose("ana", soon())
    assert "NotebookAdminUrl" in caught.value.remedy


# The form of a download.


@pytest.mark.parametrize("form", ["wrapped", "html"])
def test_unusable_json_download_is_repeated_as_a_file(client: Client, form: DownloadAsJson) -> None:
    client.deployment.switches.download_as_json = form
    item = client.item()
    access = client.routes("notebook-server").choose(item.owner, soon())
    assert download(access, item) == item.snapshots[0].content
    assert client.count("snapshots/download") == 2


def test_a_reserialized_download_is_the_same_notebook(client: Client) -> None:
    client.deployment.switches.download_as_json = "reserialised"
    item = client.item()
    content = item.snapshots[0].content
    assert isinstance(content, bytes)
    body = download(client.routes("notebook-server").choose(item.owner, soon()), item)
    assert body != content
    assert json.loads(body) == json.loads(content)
    assert client.count("snapshots/download") == 1


def test_a_file_that_is_not_a_notebook_keeps_the_error(wire: Transport, serve: Serve) -> None:
    server = serve(lambda request: [answer(b"[]" if b"f=json" in request.body else b"<html></html>")])
    secrets = Secrets({f"{PREFIX}/owners/ana": '{"token": "t"}'})
    routes = Routes(wire, server.url, "notebook-server", Discovery(server.url), PREFIX, secrets)
    item = Item("ana", "x")
    item.add_snapshot(NO_CELLS)
    with pytest.raises(NotANotebook):
        download(routes.choose("ana", soon()), item)


# Previews.

NAMES = ("{key}_preview.json", "{stem}-preview.html", "{stem}_preview.json", "{stem}.html", "preview-{stem}.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_of_any_name_is_not_a_snapshot(client: Client, name: str) -> None:
    client.deployment.switches.snapshot_preview = name
    item = client.item()
    for snapshot in item.snapshots:
        body = {"itemId": item.id, "snapshotResourceKey": snapshot.resource_key, "token": client.token(item.owner)}
        url = f"{client.deployment.notebook_admin_url}/notebooks/createNotebookPreview"
        client.transport.call("POST", url, "A preview", soon(), fields={**body, "f": "json"})
    listed = client.routes("portal").choose(item.owner, soon()).list_snapshots(id_of(item))
    assert [each.resource_key for each in listed.snapshots] == [each.resource_key for each in item.snapshots]
    assert (listed.undocumented_keys, listed.lookalikes, listed.is_doubtful) == ((), (), False)


@pytest.mark.parametrize("name", ["snapshot-1.json", f"snapshot-{'A' * 32}.json", f"snapshot-{'f' * 32}.html"])
def test_a_resource_named_like_a_snapshot_is_logged(client: Client, name: str) -> None:
    item = client.item()
    item.resources.append(Resource(name, b"{}"))
    listed = client.routes("portal").choose(item.owner, soon()).list_snapshots(id_of(item))
    assert len(listed.snapshots) == len(item.snapshots)
    assert (listed.undocumented_keys, listed.lookalikes, listed.is_doubtful) == ((), (name,), False)


# An item without content.


def current(client: Client, item: Item, route: Any) -> bytes:
    return client.routes(route).choose(item.owner, soon()).read_content(id_of(item), LIMIT, body_of)


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
@pytest.mark.parametrize("answered", ["error", "empty-body"])
@pytest.mark.parametrize("resources", [True, False])
def test_an_item_without_a_file_has_no_content(client: Client, route: Any, answered: Any, resources: bool) -> None:
    """The item's size includes its resources."""
    client.deployment.switches.empty_data = answered
    item = client.item()
    item.content = b""
    if not resources:
        item.snapshots.clear()
        item.resources.clear()
    access = client.routes(route).choose(item.owner, soon())
    for _ in range(2):
        with pytest.raises(NoContent):
            access.read_content(id_of(item), LIMIT, body_of)
    if answered == "empty-body":
        assert client.count("items/data") == 4, "requested twice each time"


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
def test_an_empty_file_of_an_item_with_content_is_an_error(client: Client, route: Any) -> None:
    """While its server restarts, a proxy may answer every request with no bytes."""
    client.deployment.faults.add("items/data", "body", body="")
    with pytest.raises(ArcGISUnavailable, match="has content"):
        current(client, client.item(), route)


def test_code_500_of_an_item_with_content_stays_an_error(client: Client) -> None:
    client.deployment.faults.add("items/data", "shape-a", code=500)
    with pytest.raises(ArcGISUnavailable):
        current(client, client.item(), "portal")


def test_code_500_without_resource_sizes_stays_an_error(client: Client) -> None:
    item = client.item()
    item.content = b""
    client.deployment.faults.add("items/resources", "http-503")
    with pytest.raises(ArcGISUnavailable):
        current(client, item, "portal")


EMPTY = {
    "a length of nothing": (answer(b""), NoContent),
    "no chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NoContent),
    "no length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", NotANotebook),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ArcGISUnavailable),
    "a length, and nothing": (answer(b"", "Content-Length: 60"), ArcGISUnavailable),
    "white space": (answer(b" "), NotANotebook),
    "only accepted": (answer(b"", "x-amzn-waf-action: challenge", status="202 Accepted"), NotANotebook),
    "a part of nothing": (answer(b"", status="206 Partial Content"), NotANotebook),
    "compressed, no chunks of it": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"a\r\n" + gzip.compress(NO_CELLS)[:10] + b"\r\n0\r\n\r\n",
        NotANotebook,
    ),
    "an error": (answer(b"", status="500 Error"), ArcGISUnavailable),
    "an error of a client": (answer(b"", status="404 Not Found"), UnexpectedAnswer),
}


@pytest.mark.parametrize("how", EMPTY)
def test_only_a_provably_empty_answer_is_no_content(wire: Transport, serve: Serve, how: str) -> None:
    sent, expected = EMPTY[how]
    server = serve(lambda _: [sent] if expected is NoContent else [sent, b""])
    with pytest.raises(expected) as caught:
        portal_at(wire, server.url).read_content(ITEM, LIMIT, body_of)
    assert isinstance(caught.value, NoContent) == (expected is NoContent)


def test_one_empty_answer_is_not_enough(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(NO_CELLS if len(server.requests) > 1 else b"")])
    assert portal_at(wire, server.url).read_content(ITEM, LIMIT, body_of) == NO_CELLS


def test_an_empty_answer_elsewhere_stays_unexpected(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b"")])
    with pytest.raises(NotebookArchiveError) as caught:
        portal_at(wire, server.url).get_item(ITEM)
    assert isinstance(caught.value, UnexpectedAnswer)
