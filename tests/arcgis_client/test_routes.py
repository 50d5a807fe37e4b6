"""Test which route is chosen for an owner's notebooks, and how many requests it needs."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.arcgis import Item
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.arcgis.transport import Transport
from notebook_archive.backup.staging import stage
from notebook_archive.errors import (
    ArcGISUnavailable,
    DeadlineExceeded,
    NotANotebook,
    PermissionDenied,
    SecretMissing,
    SnapshotTooLarge,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ResourceKey
from notebook_archive.settings import Route
from tests.arcgis_client.client import LIMIT, PREFIX, Client, Secrets, id_of, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer


def body_of(chunks: Iterator[bytes]) -> bytes:
    """Return the staged notebook, which has passed the gate."""
    with stage(chunks, "A snapshot").file as file:
        return file.read()


def download(access: SnapshotAccess, item: Item, limit: int = LIMIT) -> bytes:
    key = ResourceKey.parse(item.snapshots[0].resource_key)
    return access.read_snapshot(id_of(item), key, limit, body_of)


# The choice.


@pytest.mark.parametrize(
    ("route", "owner", "taken"),
    [
        ("auto", "ana", "notebook-server"),
        ("auto", "chi", "portal"),
        ("notebook-server", "ana", "notebook-server"),
        ("portal", "ana", "portal"),
        ("portal", "chi", "portal"),
    ],
)
def test_the_route_follows_the_owners_secret(client: Client, route: Route, owner: str, taken: str) -> None:
    access = client.routes(route).choose(owner, soon())
    assert access.route == taken
    assert access.portal.secret == (f"{PREFIX}/owners/{owner}" if taken == "notebook-server" else f"{PREFIX}/admin")


def test_the_notebook_server_route_needs_the_owners_secret(client: Client) -> None:
    routes = client.routes("notebook-server")
    for _ in range(5):
        with pytest.raises(SecretMissing, match="notebook-archive/owners/chi"):
            routes.choose("chi", soon())
    assert client.secrets.reads == [f"{PREFIX}/owners/chi"]
    assert len(client.deployment.requests) == 0


def test_the_portal_route_reads_no_owners_secret(client: Client) -> None:
    routes = client.routes("portal")
    for owner in ("ana", "ben", "chi"):
        routes.choose(owner, soon())
    assert client.secrets.reads == []


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
def test_every_snapshot_comes_byte_for_byte_on_both_routes(client: Client, route: Route) -> None:
    routes = client.routes(route)
    done = 0
    for item in client.deployment.organisation.notebooks():
        if item.resources_refused or (route == "notebook-server" and not client.deployment.user(item.owner).has_secret):
            continue
        access = routes.choose(item.owner, soon())
        for snapshot in access.list_snapshots(id_of(item)).snapshots:
            stored = item.snapshot(snapshot.resource_key)
            assert stored
            assert access.read_snapshot(id_of(item), snapshot.resource_key, LIMIT, body_of) == stored.content
            done += 1
    assert done > 8


def test_an_explicit_notebook_server_is_not_looked_up(client: Client) -> None:
    item = client.item()
    routes = client.routes("notebook-server", client.deployment.notebook_admin_url)
    routes.choose(item.owner, soon()).list_snapshots(id_of(item))
    assert client.deployment.requests.counts() == {"generateToken": 1, "snapshots/list": 1}


def test_secrets_tokens_and_discovery_are_paid_once(client: Client) -> None:
    routes = client.routes()
    owned = [item for item in client.deployment.organisation.notebooks() if item.owner == "ana"]
    assert len(owned) > 1
    for item in owned:
        routes.choose("ana", soon()).list_snapshots(id_of(item))
    looked_up = {"enterprise": {"portals/servers": 1}, "online": {"portals/urls": 1}, "kubernetes": {}}
    assert client.deployment.requests.counts() == {
        "generateToken": 1,
        "portals/self": 1,
        "snapshots/list": len(owned),
        **looked_up[client.deployment.kind],
    }
    assert client.secrets.reads == [f"{PREFIX}/owners/ana"]


def test_threads_share_secrets_tokens_and_discovery(client: Client) -> None:
    routes = client.routes()
    notebooks = [item for item in client.deployment.organisation.notebooks() if item.owner in ("ana", "ben")]

    def work(item: Item) -> int:
        return len(routes.choose(item.owner, soon()).list_snapshots(id_of(item)).snapshots)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, notebooks * 4)) == 4 * sum(len(item.snapshots) for item in notebooks)
    assert client.count("generateToken") == 2
    assert client.count("portals/self") == 1
    assert sorted(client.secrets.reads) == [f"{PREFIX}/owners/ana", f"{PREFIX}/owners/ben"]


def test_an_owners_name_stays_below_the_owners_prefix(enterprise: Client) -> None:
    routes = enterprise.routes()
    prefix = f"{PREFIX}/owners/"
    owners = ["ana", "ana@example.com_org", "../admin", "a/b", "a b", "a=b", "a=2Fb", "ünï", "名", "..", "\n", "%2e"]
    names = [routes.secret_of(owner) for owner in owners]
    assert len(set(names)) == len(owners)
    for name in names:
        assert name.startswith(prefix)
        rest = name.removeprefix(prefix)
        assert rest.isascii()
        assert not set(rest) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-+=")
    assert names[0] == f"{prefix}ana"


# When something fails.


@pytest.mark.parametrize("kind", ["shape-a", "shape-b", "shape-d"])
@pytest.mark.parametrize("code", [403, 404])
def test_a_failed_lookup_does_not_mean_a_missing_notebook(enterprise: Client, kind: str, code: int) -> None:
    enterprise.deployment.faults.add("portals/servers", kind, code=code)
    with pytest.raises(UnexpectedAnswer, match="could not be found") as caught:
        enterprise.routes().choose("ana", soon())
    assert "NotebookAdminUrl" in caught.value.remedy


def test_a_lookup_that_failed_is_made_again(client: Client) -> None:
    client.deployment.faults.add("portals/self", "shape-e", times=2)  # the administrator tries too
    routes = client.routes()
    with pytest.raises(UnexpectedAnswer):
        routes.choose("ana", soon())
    assert routes.choose("ana", soon()).list_snapshots(id_of(client.item())).snapshots


@pytest.mark.parametrize("path", ["", "/nowhere", "/admin/notebooks"])
def test_a_wrong_notebook_server_skips_no_notebook(client: Client, path: str) -> None:
    wrong = f"https://localhost:{client.deployment.notebook_port}/x{path}"
    access = client.routes("notebook-server", wrong).choose("ana", soon())
    with pytest.raises(UnexpectedAnswer) as caught:
        access.list_snapshots(id_of(client.item()))
    assert "NotebookAdminUrl" in caught.value.remedy


def test_a_notebook_that_nobody_may_read_is_denied(client: Client) -> None:
    item = client.item("Restricted")
    with pytest.raises(PermissionDenied):
        client.routes().choose(item.owner, soon()).list_snapshots(id_of(item))
    assert client.count("items/resources") == 2  # once more, because it could be a throttle


@pytest.mark.parametrize("kind", ["shape-a", "shape-b", "shape-d"])
@pytest.mark.parametrize("route", ["notebook-server", "portal"])
def test_a_token_refused_in_the_body_of_a_download_is_renewed(client: Client, route: Route, kind: str) -> None:
    item = client.item()
    access = client.routes(route).choose(item.owner, soon())
    access.list_snapshots(id_of(item))
    for operation in ("snapshots/download", "items/resource"):
        client.deployment.faults.add(operation, kind, times=1, code=498)
    assert download(access, item) == item.snapshots[0].content
    assert client.count("generateToken") == 2
    assert client.pauses == []


def test_tokens_that_are_revoked_during_a_run_are_renewed(client: Client) -> None:
    item = client.item()
    for route in ("notebook-server", "portal"):
        access = client.routes(route).choose(item.owner, soon())
        access.list_snapshots(id_of(item))
        client.deployment.faults.add("*", "tokens-revoked", times=1, item_id=item.id)
        # The resource is requested without f=json, so its refusal has the portal's form.
        assert access.list_snapshots(id_of(item)).snapshots
        client.deployment.faults.clear()
        assert download(access, item) == item.snapshots[0].content


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
def test_passing_faults_of_a_download_are_retried(client: Client, route: Route) -> None:
    item = client.item()
    access = client.routes(route).choose(item.owner, soon())
    operation = {"notebook-server": "snapshots/download", "portal": "items/resource"}[route]
    for kind in ("http-503", "cut-body", "shape-d"):
        client.deployment.faults.add(operation, kind, times=1)
    assert download(access, item) == item.snapshots[0].content
    assert client.count(operation) == 4
    assert client.pauses == [1.0, 2.0, 4.0]
    client.deployment.faults.add(operation, "http-503")
    with pytest.raises(ArcGISUnavailable):
        download(access, item)
    assert client.count(operation) == 8


@pytest.mark.parametrize("route", ["notebook-server", "portal"])
def test_lasting_errors_are_not_retried(client: Client, route: Route) -> None:
    item = client.item()
    access = client.routes(route).choose(item.owner, soon())
    operation = {"notebook-server": "snapshots/download", "portal": "items/resource"}[route]
    forms = 2 if route == "notebook-server" else 1  # with f=json and without
    for kind, error, tries in (
        ("shape-e", UnexpectedAnswer, 2),  # the page has no error code, so the portal is asked again with f=json
        ("redirect", UnexpectedAnswer, forms),
        ("http-404", UnexpectedAnswer, forms),
        ("oversize", SnapshotTooLarge, 1),
        ("http-403", PermissionDenied, 2),
        ("body", NotANotebook, 2 * forms),
    ):
        client.deployment.requests.clear()
        client.deployment.faults.clear()
        client.deployment.faults.add(operation, kind, size=2_000_000)
        with pytest.raises(error):
            download(access, item, limit=1_000_000)
        assert client.count(operation) == tries, kind


def test_a_dead_credential_of_an_owner_stops_only_that_owner(client: Client) -> None:
    client.secrets.texts[f"{PREFIX}/owners/ana"] = '{"username": "ana", "password": "CANARY"}'
    routes = client.routes("notebook-server", client.deployment.notebook_admin_url)
    for item in client.deployment.organisation.notebooks() * 3:
        if item.owner == "ana":
            with pytest.raises(TokenRejected, match="owners/ana"):
                routes.choose("ana", soon()).list_snapshots(id_of(item))
        elif item.owner == "ben":
            assert routes.choose("ben", soon()).list_snapshots(id_of(item)).snapshots
    assert client.count("generateToken") == 2


def test_one_connection_serves_sign_in_and_all_snapshots(wire: Transport, serve: Serve) -> None:
    key = f"snapshot-{'0' * 32}.json"
    notebook = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}'

    def script(request: WireRequest) -> list[bytes]:
        bodies = {
            "generateToken": {"token": "t", "expires": 9999999999999},
            "list": {"snapshots": [{"resourceKey": key}], "status": "success"},
        }
        name = request.path.rpartition("/")[2]
        return [answer(notebook if name == "download" else json.dumps(bodies[name]).encode())]

    server = serve(script)
    secrets = Secrets({f"{PREFIX}/owners/ana": '{"username": "ana", "password": "x"}'})
    routes = Routes(wire, server.url, "auto", Discovery(f"{server.url}/admin"), PREFIX, secrets)
    item = Item("ana", "x")
    for _ in range(10):
        access = routes.choose("ana", soon())
        [snapshot] = access.list_snapshots(id_of(item)).snapshots
        assert access.read_snapshot(id_of(item), snapshot.resource_key, LIMIT, body_of) == notebook
    assert (len(server.requests), server.connections) == (21, 1)


def test_hanging_folder_list_does_not_delay_other_owners(wire: Transport, serve: Serve) -> None:
    asked = threading.Event()

    def script(request: WireRequest) -> list[bytes]:
        if request.path.endswith("/slow"):
            asked.set()
            server.wait(20)
            return [b""]
        return [answer(b'{"folders": []}')]

    server = serve(script)
    secrets = Secrets({f"{PREFIX}/admin": '{"token": "t"}'})
    routes = Routes(wire, server.url, "portal", Discovery(server.url), PREFIX, secrets)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(routes.folders, "slow", soon(2))
        asked.wait(5)
        assert pool.submit(routes.folders, "ana", soon()).result(timeout=1) == {}
        assert isinstance(slow.exception(), DeadlineExceeded)
