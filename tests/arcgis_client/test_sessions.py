"""Test reading open notebooks, single and in pages, on the three kinds of deployment."""

import json
from typing import Any

import pytest

from local.arcgis import LocalArcGIS
from notebook_archive.arcgis.notebook_server import SESSIONS_PER_PAGE
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import ListingIncomplete, NotebookNotFound, RequestRejected, UnexpectedAnswer
from notebook_archive.models import SessionId
from tests.arcgis_client.client import Client, notebook_server_at
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer

ONLINE = {"id": "5" * 32, "itemTitle": "Flood", "filename": f"{'9' * 32}.ipynb", "containerId": "c" * 32}


@pytest.mark.parametrize(("start", "num"), [(1, 10), (1, 2), (2, 1), (3, 100), (4, 10), (1000, 10)])
def test_a_page_has_the_requested_sessions_and_the_total(client: Client, start: int, num: int) -> None:
    opened = client.deployment.organisation.sessions
    page = client.notebook_server().list_sessions(start, num)
    assert [session.session_id for session in page.sessions] == [
        session.id for session in opened[start - 1 : start - 1 + num]
    ]
    assert page.total == len(opened) == 3


def test_a_session_is_found_by_its_id_alone(client: Client) -> None:
    session = client.deployment.organisation.sessions[1]
    found = client.notebook_server().get_session(SessionId.parse(session.id))
    assert (found.session_id, found.item_id, found.username) == (session.id, session.item_id, session.username)
    with pytest.raises(NotebookNotFound):
        client.notebook_server().get_session(SessionId.parse("0" * 32))


@pytest.mark.parametrize("paged", [False, True])
@pytest.mark.parametrize(
    "opened", [0, SESSIONS_PER_PAGE - 1, SESSIONS_PER_PAGE, SESSIONS_PER_PAGE + 1, 2 * SESSIONS_PER_PAGE]
)
def test_a_list_without_total_is_given_whole(arcgis: LocalArcGIS, paged: bool, opened: int) -> None:
    online = Client(arcgis.online, arcgis.ca_bundle)
    online.deployment.switches.online_sessions_paged = paged
    organisation = online.deployment.organisation
    organisation.sessions.clear()
    for _ in range(opened):
        organisation.open_session(online.item().id, "ana")
    for start, num in ((1, 10), (11, 10), (91, 20), (1, SESSIONS_PER_PAGE)):
        page = online.notebook_server().list_sessions(start, num)
        expected = [session.id for session in organisation.sessions[start - 1 : start - 1 + num]]
        assert [session.session_id for session in page.sessions] == expected
        assert page.total == opened


def test_the_item_comes_from_the_file_name(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(json.dumps({"notebooks": [ONLINE], "num": 1}).encode())])
    page = notebook_server_at(wire, server.url).list_sessions(1, 10)
    [session] = page.sessions
    assert (session.session_id, session.item_id) == ("5" * 32, "9" * 32)
    assert (page.total, page.unreadable) == (1, 0)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": "6" * 32},
        {"id": "6" * 32, "itemId": None},
        {"id": "6" * 32, "filename": "Untitled.ipynb"},
        {"id": "6" * 32, "filename": 5},
        {"id": "6" * 32, "itemId": "not-an-id"},
        {"itemId": "9" * 32},
        {"id": None, "filename": f"{'9' * 32}.ipynb"},
        "text",
        None,
        [ONLINE],
    ],
)
def test_an_unreadable_row_does_not_hide_others(wire: Transport, serve: Serve, row: Any) -> None:
    for more in ({}, {"start": 1, "num": 2, "total": 2}):
        body = json.dumps({"notebooks": [row, ONLINE], **more}).encode()
        server = serve(lambda _, body=body: [answer(body)])  # type: ignore[misc]
        page = notebook_server_at(wire, server.url).list_sessions(1, 10)
        assert [session.session_id for session in page.sessions] == [ONLINE["id"]]
        assert (page.total, page.unreadable) == (2, 1)


def test_a_list_that_is_not_a_list_is_unexpected(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b'{"notebooks": {}}')])
    with pytest.raises(UnexpectedAnswer):
        notebook_server_at(wire, server.url).list_sessions(1, 10)


def test_an_unreadable_row_does_not_prove_a_session_closed(wire: Transport, serve: Serve) -> None:
    def script(request: WireRequest) -> list[bytes]:
        if request.path.endswith("/notebooks"):
            return [answer(json.dumps({"notebooks": [{"filename": "x"}]}).encode())]
        return [answer(b'{"error": {"code": 400}}')]

    server = serve(script)
    with pytest.raises(RequestRejected):
        notebook_server_at(wire, server.url).get_session(SessionId.parse("0" * 32))


def test_sessions_without_end_are_read_no_further(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> list[bytes]:
        first = len(server.requests) * 100
        entries = [{"id": str(first + each), "itemId": "0" * 32} for each in range(100)]
        return [answer(json.dumps({"notebooks": entries}).encode())]

    server = serve(script)
    with pytest.raises(ListingIncomplete, match="more than 10000"):
        notebook_server_at(wire, server.url, seconds=5).list_sessions(2, 100)
    assert len(server.requests) <= 102
