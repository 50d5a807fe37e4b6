"""The portal: which organisation it is, where its notebook server is, which notebooks there are."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.arcgis import Deployment, Item
from notebook_archive.arcgis import portal as portal_module
from notebook_archive.arcgis import transport as transport_module
from notebook_archive.arcgis.portal import CEILING, PAGE, Enumeration, Portal
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import (
    AnswerTooLarge,
    ListingIncomplete,
    NotAnId,
    NotebookNotFound,
    SettingsInvalid,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId
from notebook_archive.settings import GetNotebookSettings
from tests.arcgis_client.client import Client, id_of, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import Wire, WireRequest, answer

NOTEBOOK_HOST = "https://nb.example.com/arcgis"


def enumerate_notebooks(client: Client, username: str = "gis_admin") -> Enumeration:
    return client.portal.notebooks(client.deployment.organisation.id, client.token(username), soon(60))


def ids(items: list[Item]) -> set[str]:
    return {item.id for item in items}


def notebook_server(portal: Portal) -> str:
    organisation = portal.organisation("t", soon())
    return portal.notebook_admin_urls(organisation, "t", soon())[0]


def result(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"{number:032x}", "owner": "ana", "title": "x", "type": "Notebook", "created": number} | fields


def searched(wire: Transport, server: Wire) -> Enumeration:
    return Portal(wire, server.url).notebooks("0a1B2c", "t", soon())


# The organisation.


def test_the_organisation_and_what_its_administrator_sees(client: Client) -> None:
    organisation = client.portal.organisation(client.token(), soon())
    assert organisation.id == client.deployment.organisation.id
    assert organisation.username == "gis_admin"
    assert organisation.sees_everything
    assert organisation.on_kubernetes == (client.deployment.kind == "kubernetes")
    assert organisation.is_online == (client.deployment.kind == "online")


def test_a_member_does_not_see_everything(client: Client) -> None:
    organisation = client.portal.organisation(client.token("ana"), soon())
    assert (organisation.username, organisation.sees_everything) == ("ana", False)


@pytest.mark.parametrize("body", [b"{}", b'{"id": null}', b'{"id": 5}', b'{"currentVersion": "11.4"}'])
def test_what_names_no_organisation_is_no_portal(wire: Transport, serve: Serve, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="PortalUrl"):
        Portal(wire, serve(lambda _: [answer(body)]).url).organisation("t", soon())


@pytest.mark.parametrize("path", ["/nowhere", "/portal/home", "/arcgis/rest"])
def test_a_wrong_portal_address_is_told_as_such(client: Client, path: str) -> None:
    portal = Portal(client.transport, f"https://localhost:{client.deployment.portal_port}{path}")
    with pytest.raises(UnexpectedAnswer) as caught:
        portal.organisation(client.token(), soon())
    assert "PortalUrl" in caught.value.remedy


# Discovery.


def test_the_notebook_server_is_found_from_the_portal_alone(client: Client) -> None:
    token = client.token()
    organisation = client.portal.organisation(token, soon())
    assert client.portal.notebook_admin_urls(organisation, token, soon()) == [client.deployment.notebook_admin_url]


def test_a_member_finds_the_notebook_server_too(client: Client) -> None:
    token = client.token("ana")
    organisation = client.portal.organisation(token, soon())
    assert client.portal.notebook_admin_urls(organisation, token, soon()) == [client.deployment.notebook_admin_url]


def enterprise_with(servers: object) -> Callable[[WireRequest], list[bytes]]:
    def script(request: WireRequest) -> list[bytes]:
        body = {"servers": servers} if request.path.endswith("/servers") else {"id": "0a1B2c", "isPortal": True}
        return [answer(json.dumps(body).encode())]

    return script


def online_with(urls: object) -> Callable[[WireRequest], list[bytes]]:
    def script(request: WireRequest) -> list[bytes]:
        body = {"urls": urls} if request.path.endswith("/urls") else {"id": "0a1B2c", "isPortal": False}
        return [answer(json.dumps(body).encode())]

    return script


@pytest.mark.parametrize(
    "server",
    [
        {"adminPublicUrl": NOTEBOOK_HOST, "adminUrl": "https://a.example.com", "url": "https://u.example.com"},
        {"adminPublicUrl": None, "adminUrl": NOTEBOOK_HOST, "url": "https://u.example.com"},
        {"adminPublicUrl": "", "url": f"{NOTEBOOK_HOST}/"},
    ],
)
@pytest.mark.parametrize("function", ["NotebookServer", "notebookserver", "GeneralPurposeServer,NotebookServer"])
def test_the_federated_notebook_server_is_taken_by_its_function(
    wire: Transport, serve: Serve, server: dict[str, Any], function: str
) -> None:
    others = [{"serverFunction": "HostingServer", "url": "https://h.example.com"}, {"serverFunction": None}, {}]
    server = server | {"serverFunction": function}
    assert notebook_server(Portal(wire, serve(enterprise_with([*others, server])).url)) == f"{NOTEBOOK_HOST}/admin"


@pytest.mark.parametrize(
    "url",
    [
        "http://nb.example.com/arcgis",
        "https://nb.example.com\\@evil.example.com/arcgis",
        "https://ana:pw@nb.example.com/arcgis",
        "https://ana@nb.example.com/arcgis",
        "https://nb.example.com/arcgis?x=1",
        "https://nb.example.com/arcgis#x",
        "https://nb.example.com/a b",
        "https://nb.example.com/arcgis\r\nX-Evil: 1",
        "https://[::1",
        "https://",
        "//nb.example.com/arcgis",
        "file:///etc/passwd",
        "nb.example.com",
        "",
        None,
        5,
        ["https://nb.example.com"],
        {"a": 1},
    ],
)
def test_a_hostile_address_of_a_notebook_server_is_not_taken(wire: Transport, serve: Serve, url: object) -> None:
    server = serve(enterprise_with([{"serverFunction": "NotebookServer", "url": url}]))
    with pytest.raises(UnexpectedAnswer, match="NotebookAdminUrl"):
        notebook_server(Portal(wire, server.url))


@pytest.mark.parametrize(
    "urls",
    [
        {"notebooks": {"https": ["ana@evil.example.com"]}},
        {"notebooks": {"https": ["nb.example.com\\@evil.example.com", 5, None]}},
        {"notebooks": {"https": []}},
        {"notebooks": {"https": "nb.example.com"}},
        {"notebooks": {"http": ["nb.example.com"]}},
        {"notebooks": ["nb.example.com"]},
        {},
        [],
        None,
    ],
)
def test_a_hostile_or_missing_host_of_an_online_organisation_is_not_taken(
    wire: Transport, serve: Serve, urls: object
) -> None:
    with pytest.raises(UnexpectedAnswer, match="NotebookAdminUrl"):
        notebook_server(Portal(wire, serve(online_with(urls)).url))


def test_the_first_good_host_of_an_online_organisation_is_taken(wire: Transport, serve: Serve) -> None:
    server = serve(online_with({"notebooks": {"https": ["a@b", "nb.example.com", "nb2.example.com"]}}))
    assert notebook_server(Portal(wire, server.url)) == "https://nb.example.com/admin"


@pytest.mark.parametrize("servers", [None, {}, "x", 5, [5], [None]])
def test_servers_that_are_no_list_are_unexpected(wire: Transport, serve: Serve, servers: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        notebook_server(Portal(wire, serve(enterprise_with(servers)).url))


ENV = {
    "ARCHIVE_BUCKET": "b",
    "ARCHIVE_BUCKET_OWNER": "123456789012",
    "PORTAL_URL": "https://gis.example.com/portal",
    "SECRET_PREFIX": "notebook-archive",
    "THREADS": "8",
    "BATCH_SIZE": "20",
    "MAX_SNAPSHOT_MB": "100",
}


@pytest.mark.parametrize("name", ["PORTAL_URL", "NOTEBOOK_ADMIN_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "http://gis.example.com/portal",
        "https://gis.example.com\\@evil.example.com/",
        "https://ana:pw@gis.example.com/portal",
        "https://gis.example.com/portal?token=x",
        "https://gis.example.com/portal#x",
        "https://gis.example.com/portal\n",
        "https://gis.example.com//portal",
        "https://gis.example.com:port/",
        "https://",
        "gis.example.com",
        "https://gis.example.com/ portal",
        "file:///etc/passwd",
    ],
)
def test_a_hostile_address_in_the_settings_is_refused(name: str, url: str) -> None:
    with pytest.raises(SettingsInvalid, match=name) as caught:
        GetNotebookSettings.from_env(ENV | {name: url})
    assert "pw" not in str(caught.value)


# The notebooks.


def test_every_notebook_is_found_and_nothing_else(client: Client) -> None:
    found = enumerate_notebooks(client)
    notebooks = client.deployment.organisation.notebooks()
    assert set(found.notebooks) == ids(notebooks)
    assert found.incomplete is None
    assert len(notebooks) < len(client.deployment.organisation.items)  # there are decoys
    for item in notebooks:
        listed = found.notebooks[id_of(item)]
        assert (listed.owner, listed.created) == (item.owner, item.created)
        assert item.title.startswith(listed.title.removesuffix("..."))


def test_a_member_s_search_gives_what_the_member_may_see(client: Client) -> None:
    found = enumerate_notebooks(client, "ana")
    organisation = client.deployment.organisation
    assert set(found.notebooks) == ids([i for i in organisation.notebooks() if i.owner == "ana" or i.access == "org"])
    assert found.incomplete is None


def test_an_empty_organisation_has_no_notebooks(client: Client) -> None:
    client.deployment.organisation.items.clear()
    assert enumerate_notebooks(client) == Enumeration({}, None)
    assert client.count("search") == 1


def fill(deployment: Deployment, count: int, *, step: int = 1000) -> None:
    """Notebooks that were made one after another, or all together for a step of 0; the owners take turns."""
    owners = ["ana", "ben", "chi"]
    for number in range(count):
        item = Item(owners[number % 3], f"Notebook {number}", id=f"{number:032x}", created=10**12 + number * step)
        deployment.organisation.add(item)


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_pages_are_read_to_the_last(client: Client, count: int) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, count)
    found = enumerate_notebooks(client)
    assert set(found.notebooks) == ids(client.deployment.organisation.notebooks())
    assert client.count("search") == -(-count // PAGE)


@pytest.fixture
def low_ceiling(enterprise: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A portal whose search ends after 300 results, and a client that knows it."""
    monkeypatch.setattr(portal_module, "CEILING", 300)
    enterprise.deployment.switches.search_limit = 300
    enterprise.deployment.organisation.items.clear()
    return enterprise


@pytest.mark.parametrize("next_start_at_limit", [False, True])
@pytest.mark.parametrize("count", [299, 300, 301, 599, 600, 1000])
def test_windows_pass_the_ceiling_of_a_search(low_ceiling: Client, count: int, *, next_start_at_limit: bool) -> None:
    low_ceiling.deployment.switches.next_start_at_limit = next_start_at_limit
    fill(low_ceiling.deployment, count)
    found = enumerate_notebooks(low_ceiling)
    assert set(found.notebooks) == ids(low_ceiling.deployment.organisation.notebooks())
    assert found.incomplete is None


def test_items_of_one_moment_on_both_sides_of_a_window_are_all_found(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 250)
    same = 10**12 + 250 * 1000
    for number in range(250, 350):
        low_ceiling.deployment.organisation.add(Item("ana", "x", id=f"{number:032x}", created=same))
    found = enumerate_notebooks(low_ceiling)
    assert len(found.notebooks) == 350
    assert found.incomplete is None


def test_more_items_of_one_moment_than_a_search_gives_are_told(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 400, step=0)
    found = enumerate_notebooks(low_ceiling)
    assert len(found.notebooks) == 300
    assert isinstance(found.incomplete, ListingIncomplete)


def test_decoys_do_not_fill_a_window_unnoticed(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 700)
    for number, item in enumerate(low_ceiling.deployment.organisation.items.values()):
        if number % 3:
            item.type = "Notebook Code Snippet Library"
    found = enumerate_notebooks(low_ceiling)
    assert set(found.notebooks) == ids(low_ceiling.deployment.organisation.notebooks())
    assert found.incomplete is None


def test_more_than_ten_thousand_notebooks_are_all_found(wire: Transport, serve: Serve) -> None:
    count = CEILING + 50
    everything = [result(number) for number in range(1, count + 1)]

    def script(request: WireRequest) -> list[bytes]:
        window = re.search(r"created:\[([0-9]{19}) TO [0-9]{19}\]", request.query["q"][0])
        found = everything[int(window[1]) - 1 :] if window else everything
        start = int(request.query["start"][0])
        chosen = found[:CEILING][start - 1 : start - 1 + int(request.query["num"][0])]
        following = start + len(chosen) if start + len(chosen) <= min(len(found), CEILING) else -1
        return [answer(json.dumps({"total": len(found), "nextStart": following, "results": chosen}).encode())]

    server = serve(script)
    found = searched(wire, server)
    assert (len(found.notebooks), found.incomplete) == (count, None)
    assert (len(server.requests), server.connections) == (CEILING / PAGE + 1, 1)
    assert CEILING == 10_000


# Listings that change or do not add up.


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_notebook_that_appears_while_the_search_is_paged_hides_none(client: Client, after: int) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, 250)
    client.deployment.faults.add("search", "item-appears", times=1, after=after)
    found = enumerate_notebooks(client)
    assert set(found.notebooks) == ids(client.deployment.organisation.notebooks())
    assert (len(found.notebooks), found.incomplete) == (251, None)


@pytest.mark.parametrize("gone", [0, 120, 249])
def test_a_notebook_that_vanishes_while_the_search_is_paged_hides_none(client: Client, gone: int) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, 250)
    client.deployment.faults.add("search", "item-vanishes", times=1, after=1, item_id=f"{gone:032x}")
    found = enumerate_notebooks(client)
    assert set(found.notebooks) >= ids(client.deployment.organisation.notebooks())
    assert found.incomplete is None


def pages(*bodies: dict[str, Any]) -> Callable[[WireRequest], list[bytes]]:
    """A script that gives the search's pages in turn, and the last one for ever."""
    given = iter(range(10**6))
    return lambda _: [answer(json.dumps(bodies[min(next(given), len(bodies) - 1)]).encode())]


def test_a_search_that_gives_fewer_than_it_counts_is_made_again_and_told(wire: Transport, serve: Serve) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 2
    assert isinstance(found.incomplete, ListingIncomplete)
    assert "1 " in str(found.incomplete)
    assert len(server.requests) == 2


def test_two_short_searches_that_complete_each_other_are_joined(wire: Transport, serve: Serve) -> None:
    short = {"total": 3, "nextStart": -1, "results": [result(1), result(2)]}
    full = {"total": 3, "nextStart": -1, "results": [result(1), result(2), result(3)]}
    found = searched(wire, serve(pages(short, full)))
    assert (len(found.notebooks), found.incomplete) == (3, None)


def test_duplicates_count_once_and_what_they_displaced_is_told(wire: Transport, serve: Serve) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2), result(2)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 2
    assert found.incomplete


@pytest.mark.parametrize("following", [1, 2, 3])
def test_a_search_that_goes_in_circles_ends_and_is_told(wire: Transport, serve: Serve, following: int) -> None:
    first = {"total": 3, "nextStart": 3, "results": [result(1), result(2)]}
    server = serve(pages(first, {"total": 3, "nextStart": following, "results": [result(3)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 3
    assert found.incomplete
    assert len(server.requests) <= 4


def test_empty_pages_without_end_are_left(wire: Transport, serve: Serve) -> None:
    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        return [answer(json.dumps({"total": 5, "results": [], "nextStart": start + 1}).encode())]

    server = serve(script)
    assert searched(wire, server).incomplete
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "page", [{}, {"results": None}, {"results": {}}, {"results": "x"}, {"results": [5]}, {"total": 0}]
)
def test_a_page_without_a_list_of_results_is_not_an_empty_organisation(
    wire: Transport, serve: Serve, page: dict[str, Any]
) -> None:
    with pytest.raises(UnexpectedAnswer, match="results"):
        searched(wire, serve(pages(page)))


@pytest.mark.parametrize("total", [None, "3", [], 3.0, True, -1])
@pytest.mark.parametrize("following", [None, "3", [], -1, 0])
def test_counts_of_a_strange_type_do_no_harm(wire: Transport, serve: Serve, total: object, following: object) -> None:
    found = searched(wire, serve(pages({"total": total, "nextStart": following, "results": [result(1)]})))
    assert len(found.notebooks) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "../../../admin"},
        {"id": "x?f=json&token=#"},
        {"id": "0" * 31},
        {"id": f"{'0' * 31}A"},
        {"id": f"{'0' * 32}\n"},
        {"id": None},
        {"id": 5},
        {"owner": None},
        {"owner": ""},
        {"owner": 5},
    ],
)
def test_a_result_that_is_no_item_does_not_stop_the_others_and_is_told(
    wire: Transport, serve: Serve, bad: dict[str, Any]
) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2) | bad, result(3)]}))
    found = searched(wire, server)
    assert set(found.notebooks) == {f"{1:032x}", f"{3:032x}"}
    assert found.incomplete


@pytest.mark.parametrize("number", [str, float])
def test_a_total_may_be_text_or_a_fraction(wire: Transport, serve: Serve, number: Callable[[int], Any]) -> None:
    first = {"total": number(3), "nextStart": number(3), "results": [result(1), result(2)]}
    last = {"total": number(3), "nextStart": number(-1), "results": [result(3)]}
    found = searched(wire, serve(pages(first, last)))
    assert (len(found.notebooks), found.incomplete, found.uncounted) == (3, None, False)
    short = searched(wire, serve(pages({"total": number(2), "nextStart": number(-1), "results": [result(1)]})))
    assert short.incomplete


@pytest.mark.parametrize("total", [None, "many", True, -1, 0])
def test_a_search_without_a_usable_total_is_uncounted(wire: Transport, serve: Serve, total: object) -> None:
    found = searched(wire, serve(pages({"total": total, "nextStart": -1, "results": [result(1)]})))
    assert (len(found.notebooks), found.incomplete, found.uncounted) == (1, None, True)


def test_the_highest_total_of_a_search_counts(wire: Transport, serve: Serve) -> None:
    first = {"total": 4, "nextStart": 3, "results": [result(1), result(2)]}
    server = serve(pages(first, {"total": 3, "nextStart": -1, "results": [result(4)]}))
    assert searched(wire, server).incomplete


# Pages that are too large.

# Limit of an answer in these tests, in bytes; a page of 100 plain results has half as many.
LIMIT = 20_000


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the limit so small that a test can exceed it quickly."""
    monkeypatch.setattr(transport_module, "ANSWER_BYTES", LIMIT)


def listed(entries: list[dict[str, Any]], member: str, *, counted: bool = True) -> Callable[[WireRequest], list[bytes]]:
    """A script that answers with the entries in pages, like the portal."""

    def script(request: WireRequest) -> list[bytes]:
        start, num = (int(request.query[name][0]) for name in ("start", "num"))
        chosen = entries[start - 1 : start - 1 + num]
        following = start + num if start + num <= len(entries) else -1
        page = {"nextStart": following, member: chosen} | ({"total": len(entries)} if counted else {})
        return [answer(json.dumps(page).encode())]

    return script


@pytest.mark.usefixtures("small_answers")
def test_a_search_page_that_is_too_large_is_split(wire: Transport, serve: Serve) -> None:
    results = [result(number, description="x" * (LIMIT // 2 if number < 4 else 5)) for number in range(1, 251)]
    server = serve(listed(results, "results"))
    found = searched(wire, server)
    assert (len(found.notebooks), found.incomplete) == (250, None)
    assert len({request.query["num"][0] for request in server.requests}) > 3


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("place", [0, 49, 149])
def test_a_result_that_is_too_large_alone_is_missing(
    wire: Transport, serve: Serve, place: int, *, counted: bool
) -> None:
    results = [result(number) for number in range(1, 151)]
    results[place]["description"] = "x" * LIMIT
    found = searched(wire, serve(listed(results, "results", counted=counted)))
    assert set(found.notebooks) == {each["id"] for each in results} - {results[place]["id"]}
    assert "gave 1 usable items fewer" in str(found.incomplete)
    assert "Too large to be read: 1." in str(found.incomplete)


@pytest.mark.usefixtures("small_answers")
def test_a_search_with_only_large_results_ends(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(bytes(2 * LIMIT))])
    found = searched(wire, server)
    assert (found.notebooks, bool(found.incomplete)) == ({}, True)
    assert len(server.requests) < 400


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize("counted", [True, False])
def test_a_resource_that_is_too_large_alone_is_missing(wire: Transport, serve: Serve, *, counted: bool) -> None:
    entries: list[dict[str, Any]] = [{"resource": f"snapshot-{number:032x}.json"} for number in range(5)]
    entries[2]["properties"] = {"name": "x" * LIMIT}
    server = serve(listed(entries, "resources", counted=counted))
    listing = Portal(wire, server.url).snapshots(ItemId.parse("0" * 32), "t", soon())
    assert (len(listing.snapshots), listing.missing) == (4, 1)
    assert listing.uncounted is not counted


@pytest.mark.usefixtures("small_answers")
def test_an_item_that_is_too_large_is_named(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(json.dumps({"x": "y" * LIMIT}).encode())])
    with pytest.raises(AnswerTooLarge, match=f"Item {'0' * 32}"):
        Portal(wire, server.url).item(ItemId.parse("0" * 32), "t", soon())


@pytest.mark.parametrize("privileges", [5, True, "portal:admin:viewItems", {"portal:admin:viewItems": 1}, 1.5])
def test_privileges_that_are_not_a_list_grant_nothing(wire: Transport, serve: Serve, privileges: object) -> None:
    body = json.dumps({"id": "0a1B", "user": {"username": "ana", "privileges": privileges}}).encode()
    organisation = Portal(wire, serve(lambda _: [answer(body)]).url).organisation("t", soon())
    assert not organisation.sees_everything


# One item.


def test_one_notebook(client: Client) -> None:
    item = client.item("Tab")
    found = client.portal.item(id_of(item), client.token(), soon())
    assert (found.item_id, found.owner, found.title) == (item.id, item.owner, item.title)
    assert not {"numViews", "size"} & found.properties.keys()


def test_what_is_no_notebook_or_gone_is_not_found(client: Client) -> None:
    decoy = client.item("Snippets")
    with pytest.raises(NotebookNotFound, match="not a notebook"):
        client.portal.item(id_of(decoy), client.token(), soon())
    with pytest.raises(NotebookNotFound):
        client.portal.item(ItemId.parse("f" * 32), client.token(), soon())


def test_an_item_that_is_gone_is_not_found_under_a_real_status_too(client: Client) -> None:
    client.deployment.switches.real_http_status = True
    with pytest.raises(NotebookNotFound):
        client.portal.item(ItemId.parse("f" * 32), client.token(), soon())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../../users",
        "x?f=json&token=#",
        "0" * 31,
        "0" * 33,
        "A" * 32,
        f"{'0' * 32}\n",
        "x" * 999,
        None,
        5,
        [],
        {},
    ],
)
def test_what_is_no_item_id_is_refused_and_not_repeated_at_length(text: object) -> None:
    with pytest.raises(NotAnId) as caught:
        ItemId.parse(text)
    assert len(str(caught.value)) < 120


# Snapshots by the administrator's way.


def test_the_snapshots_among_the_resources(client: Client) -> None:
    item = client.item()
    listing = client.portal.snapshots(id_of(item), client.token(), soon())
    assert listing.strange == ()  # the preview is no snapshot
    assert [
        (snapshot.resource_key, snapshot.name, snapshot.created, snapshot.size) for snapshot in listing.snapshots
    ] == [(snapshot.resource_key, snapshot.name, snapshot.created, snapshot.size) for snapshot in item.snapshots]
    assert client.count("items/resources") == 1


def test_resources_without_properties(client: Client) -> None:
    client.deployment.switches.resource_properties = False
    item = client.item()
    listing = client.portal.snapshots(id_of(item), client.token(), soon())
    assert [snapshot.name for snapshot in listing.snapshots] == ["", ""]


def test_a_notebook_without_snapshots_has_none(client: Client) -> None:
    item = client.item("Never snapshotted")
    assert client.portal.snapshots(id_of(item), client.token(), soon()).snapshots == ()


def test_more_resources_than_a_page_holds(client: Client) -> None:
    item = client.item()
    for number in range(1200):
        item.add_snapshot(b"{}", resource_key=f"snapshot-{number:032x}.json")
    listing = client.portal.snapshots(id_of(item), client.token(), soon())
    assert len(listing.snapshots) == 1202
    assert client.count("items/resources") == 2


def test_every_snapshot_comes_byte_for_byte(client: Client) -> None:
    for item in client.deployment.organisation.notebooks():
        if item.resources_refused:
            continue
        for snapshot in client.portal.snapshots(id_of(item), client.token(), soon()).snapshots:
            chunks = client.portal.download(id_of(item), snapshot.resource_key, 10**7, client.token(), soon())
            stored = item.snapshot(snapshot.resource_key)
            assert stored
            assert b"".join(chunks) == stored.content


@pytest.mark.parametrize("page", [{}, {"resources": None}, {"resources": "x"}, {"resources": [5]}, {"total": 0}])
def test_an_answer_without_a_list_of_resources_is_not_a_notebook_without_snapshots(
    wire: Transport, serve: Serve, page: dict[str, Any]
) -> None:
    server = serve(pages(page))
    with pytest.raises(UnexpectedAnswer, match="resources"):
        Portal(wire, server.url).snapshots(ItemId.parse("0" * 32), "t", soon())


@pytest.mark.parametrize("step", [0, 1, 1000])
def test_resources_that_go_in_circles_end(wire: Transport, serve: Serve, step: int) -> None:
    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        page = {"resources": [{"resource": f"snapshot-{'0' * 32}.json"}], "nextStart": start + step}
        return [answer(json.dumps(page).encode())]

    server = serve(script)
    with pytest.raises(ListingIncomplete):
        Portal(wire, server.url).snapshots(ItemId.parse("0" * 32), "t", soon())
    assert len(server.requests) <= 2


def test_resources_without_end_are_read_no_further(wire: Transport, serve: Serve) -> None:
    """Else they fill the memory of a function, and its other notebooks fail with it."""

    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        page = {"resources": [{"resource": str(start + each)} for each in range(1000)], "nextStart": start + 1000}
        return [answer(json.dumps(page).encode())]

    server = serve(script)
    with pytest.raises(ListingIncomplete, match="more than 20000"):
        Portal(wire, server.url).snapshots(ItemId.parse("0" * 32), "t", soon(5))
    assert len(server.requests) == 20
