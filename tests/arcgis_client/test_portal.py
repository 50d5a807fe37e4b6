"""Test how the client reads the portal's organization, notebook server, notebooks and snapshots."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.arcgis import Deployment, Item
from notebook_archive.arcgis import portal as portal_module
from notebook_archive.arcgis import transport as transport_module
from notebook_archive.arcgis.portal import MAX_SEARCH_RESULTS, RESULTS_PER_PAGE, Enumeration, Portal
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import (
    AnswerTooLarge,
    ChangeSearchUnsupported,
    ListingIncomplete,
    NotAnId,
    NotebookNotFound,
    SettingsInvalid,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId
from notebook_archive.settings import GetNotebookSettings
from tests.arcgis_client.client import Client, id_of, portal_at
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import Wire, WireRequest, answer

NOTEBOOK_HOST = "https://nb.example.com/arcgis"


def enumerate_notebooks(client: Client, username: str = "gis_admin") -> Enumeration:
    return client.portal(username, 60).list_notebooks(client.deployment.organisation.id)


def ids(items: list[Item]) -> set[str]:
    return {item.id for item in items}


def notebook_server(portal: Portal) -> str:
    return portal.find_notebook_admin_urls(portal.get_organization())[0]


def result(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"{number:032x}", "owner": "ana", "title": "x", "type": "Notebook", "created": number} | fields


def searched(wire: Transport, server: Wire) -> Enumeration:
    return portal_at(wire, server.url).list_notebooks("0a1B2c")


# The organization.


def test_the_organization_and_its_administrators_privileges(client: Client) -> None:
    organization = client.portal().get_organization()
    assert organization.id == client.deployment.organisation.id
    assert organization.username == "gis_admin"
    assert organization.can_view_items
    assert organization.is_on_kubernetes == (client.deployment.kind == "kubernetes")
    assert organization.is_online == (client.deployment.kind == "online")


def test_a_member_does_not_see_everything(client: Client) -> None:
    organization = client.portal("ana").get_organization()
    assert (organization.username, organization.can_view_items) == ("ana", False)


@pytest.mark.parametrize("body", [b"{}", b'{"id": null}', b'{"id": 5}', b'{"currentVersion": "11.4"}'])
def test_an_answer_without_an_organization_is_not_a_portal(wire: Transport, serve: Serve, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="PortalUrl"):
        portal_at(wire, serve(lambda _: [answer(body)]).url).get_organization()


@pytest.mark.parametrize("path", ["/nowhere", "/portal/home", "/arcgis/rest"])
def test_a_wrong_portal_address_is_reported(client: Client, path: str) -> None:
    url = f"https://localhost:{client.deployment.portal_port}{path}"
    with pytest.raises(UnexpectedAnswer) as caught:
        portal_at(client.transport, url, client.token()).get_organization()
    assert "PortalUrl" in caught.value.remedy


# Discovery.


def test_the_notebook_server_is_found_from_the_portal_alone(client: Client) -> None:
    portal = client.portal()
    urls = portal.find_notebook_admin_urls(portal.get_organization())
    assert urls == [client.deployment.notebook_admin_url]


def test_a_member_finds_the_notebook_server_too(client: Client) -> None:
    portal = client.portal("ana")
    urls = portal.find_notebook_admin_urls(portal.get_organization())
    assert urls == [client.deployment.notebook_admin_url]


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
    assert notebook_server(portal_at(wire, serve(enterprise_with([*others, server])).url)) == f"{NOTEBOOK_HOST}/admin"


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
        notebook_server(portal_at(wire, server.url))


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
def test_a_hostile_host_of_an_online_organization_is_refused(wire: Transport, serve: Serve, urls: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="NotebookAdminUrl"):
        notebook_server(portal_at(wire, serve(online_with(urls)).url))


def test_the_first_good_host_of_an_online_organisation_is_taken(wire: Transport, serve: Serve) -> None:
    server = serve(online_with({"notebooks": {"https": ["a@b", "nb.example.com", "nb2.example.com"]}}))
    assert notebook_server(portal_at(wire, server.url)) == "https://nb.example.com/admin"


@pytest.mark.parametrize("servers", [None, {}, "x", 5, [5], [None]])
def test_servers_that_are_not_a_list_are_unexpected(wire: Transport, serve: Serve, servers: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        notebook_server(portal_at(wire, serve(enterprise_with(servers)).url))


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
    assert len(notebooks) < len(client.deployment.organisation.items)  # there are other items
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
    """Add notebooks that were created `step` milliseconds apart; the owners take turns."""
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
    assert client.count("search") == -(-count // RESULTS_PER_PAGE)


@pytest.fixture
def low_ceiling(enterprise: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return a client of a portal whose search returns at most 300 results. The client has the same limit."""
    monkeypatch.setattr(portal_module, "MAX_SEARCH_RESULTS", 300)
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


def test_items_of_one_moment_in_two_windows_are_all_found(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 250)
    same = 10**12 + 250 * 1000
    for number in range(250, 350):
        low_ceiling.deployment.organisation.add(Item("ana", "x", id=f"{number:032x}", created=same))
    found = enumerate_notebooks(low_ceiling)
    assert len(found.notebooks) == 350
    assert found.incomplete is None


def test_too_many_items_of_one_moment_are_reported(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 400, step=0)
    found = enumerate_notebooks(low_ceiling)
    assert len(found.notebooks) == 300
    assert isinstance(found.incomplete, ListingIncomplete)


def test_items_of_similar_types_do_not_hide_notebooks(low_ceiling: Client) -> None:
    fill(low_ceiling.deployment, 700)
    for number, item in enumerate(low_ceiling.deployment.organisation.items.values()):
        if number % 3:
            item.type = "Notebook Code Snippet Library"
    found = enumerate_notebooks(low_ceiling)
    assert set(found.notebooks) == ids(low_ceiling.deployment.organisation.notebooks())
    assert found.incomplete is None


def test_more_than_ten_thousand_notebooks_are_all_found(wire: Transport, serve: Serve) -> None:
    count = MAX_SEARCH_RESULTS + 50
    everything = [result(number) for number in range(1, count + 1)]

    def script(request: WireRequest) -> list[bytes]:
        window = re.search(r"created:\[([0-9]{19}) TO [0-9]{19}\]", request.query["q"][0])
        found = everything[int(window[1]) - 1 :] if window else everything
        start = int(request.query["start"][0])
        chosen = found[:MAX_SEARCH_RESULTS][start - 1 : start - 1 + int(request.query["num"][0])]
        following = start + len(chosen) if start + len(chosen) <= min(len(found), MAX_SEARCH_RESULTS) else -1
        return [answer(json.dumps({"total": len(found), "nextStart": following, "results": chosen}).encode())]

    server = serve(script)
    found = searched(wire, server)
    assert (len(found.notebooks), found.incomplete) == (count, None)
    assert (len(server.requests), server.connections) == (MAX_SEARCH_RESULTS / RESULTS_PER_PAGE + 1, 1)
    assert MAX_SEARCH_RESULTS == 10_000


# Notebooks that changed.


def test_changed_notebooks_are_those_of_the_range(client: Client) -> None:
    items = client.deployment.organisation.notebooks()
    items[3].modified = items[1].modified = 1_999_999_970_000
    items[2].modified = 1_999_999_969_999
    organization = client.deployment.organisation.id
    found = client.portal().list_changed_notebooks(organization, 1_999_999_970_000)
    assert (found.incomplete, set(found.notebooks)) == (None, ids([items[1], items[3]]))
    assert client.portal().find_last_change(organization) == 1_999_999_970_000


def test_range_of_changes_is_padded_as_documented(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b'{"total":0,"nextStart":-1,"results":[]}')])
    portal_at(wire, server.url).list_changed_notebooks("0a1B2c", 1_795_312_800_000)
    [query] = server.requests[0].query["q"]
    assert query == 'type:"Notebook" AND orgid:0a1B2c AND modified:[0000001795312800000 TO 1000000000000000000]'


@pytest.mark.parametrize(("earlier", "is_refused"), [(59_999, False), (60_001, True)])
def test_result_before_the_range_is_an_error(wire: Transport, serve: Serve, earlier: int, is_refused: bool) -> None:
    page = {"total": 1, "nextStart": -1, "results": [result(1, modified=1_795_312_800_000 - earlier)]}
    server = serve(lambda _: [answer(json.dumps(page).encode())])
    try:
        portal_at(wire, server.url).list_changed_notebooks("0a1B2c", 1_795_312_800_000)
    except ChangeSearchUnsupported:
        assert is_refused
    else:
        assert not is_refused, "an index may store times less precisely"


# Listings that change or do not add up.


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_notebook_that_appears_during_paging_hides_none(client: Client, after: int) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, 250)
    client.deployment.faults.add("search", "item-appears", times=1, after=after)
    found = enumerate_notebooks(client)
    assert set(found.notebooks) == ids(client.deployment.organisation.notebooks())
    assert (len(found.notebooks), found.incomplete) == (251, None)


def test_a_token_that_a_page_rejects_is_renewed_for_that_page(client: Client) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, 250)
    client.deployment.faults.add("search", "tokens-revoked", times=1, after=1)
    found = client.portal(client.tokens()).list_notebooks(client.deployment.organisation.id)
    assert (len(found.notebooks), found.incomplete) == (250, None)
    assert (client.count("search"), client.count("generateToken")) == (4, 2)


@pytest.mark.parametrize("gone", [0, 120, 249])
def test_a_notebook_that_vanishes_during_paging_hides_none(client: Client, gone: int) -> None:
    client.deployment.organisation.items.clear()
    fill(client.deployment, 250)
    client.deployment.faults.add("search", "item-vanishes", times=1, after=1, item_id=f"{gone:032x}")
    found = enumerate_notebooks(client)
    assert set(found.notebooks) >= ids(client.deployment.organisation.notebooks())
    assert found.incomplete is None


def pages(*bodies: dict[str, Any]) -> Callable[[WireRequest], list[bytes]]:
    """Return a script that answers with the pages in turn, and then with the last one forever."""
    given = iter(range(10**6))
    return lambda _: [answer(json.dumps(bodies[min(next(given), len(bodies) - 1)]).encode())]


def test_a_search_with_missing_results_is_repeated_and_reported(wire: Transport, serve: Serve) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 2
    assert isinstance(found.incomplete, ListingIncomplete)
    assert "Missing items: 1." in str(found.incomplete)
    assert len(server.requests) == 2


def test_two_short_searches_that_complete_each_other_are_joined(wire: Transport, serve: Serve) -> None:
    short = {"total": 3, "nextStart": -1, "results": [result(1), result(2)]}
    full = {"total": 3, "nextStart": -1, "results": [result(1), result(2), result(3)]}
    found = searched(wire, serve(pages(short, full)))
    assert (len(found.notebooks), found.incomplete) == (3, None)


def test_duplicates_count_once_and_missing_ones_are_reported(wire: Transport, serve: Serve) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2), result(2)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 2
    assert found.incomplete


@pytest.mark.parametrize("following", [1, 2, 3])
def test_a_circular_search_ends_and_is_reported(wire: Transport, serve: Serve, following: int) -> None:
    first = {"total": 3, "nextStart": 3, "results": [result(1), result(2)]}
    server = serve(pages(first, {"total": 3, "nextStart": following, "results": [result(3)]}))
    found = searched(wire, server)
    assert len(found.notebooks) == 3
    assert found.incomplete
    assert len(server.requests) <= 4


def test_endless_empty_pages_are_given_up(wire: Transport, serve: Serve) -> None:
    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        return [answer(json.dumps({"total": 5, "results": [], "nextStart": start + 1}).encode())]

    server = serve(script)
    assert searched(wire, server).incomplete
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "page", [{}, {"results": None}, {"results": {}}, {"results": "x"}, {"results": [5]}, {"total": 0}]
)
def test_a_page_without_results_is_not_an_empty_organization(
    wire: Transport, serve: Serve, page: dict[str, Any]
) -> None:
    with pytest.raises(UnexpectedAnswer, match="results"):
        searched(wire, serve(pages(page)))


@pytest.mark.parametrize("total", [None, "3", [], 3.0, True, -1])
@pytest.mark.parametrize("following", [None, "3", [], -1, 0])
def test_counts_of_a_wrong_type_are_ignored(wire: Transport, serve: Serve, total: object, following: object) -> None:
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
def test_an_invalid_result_is_reported_and_hides_no_other(wire: Transport, serve: Serve, bad: dict[str, Any]) -> None:
    server = serve(pages({"total": 3, "nextStart": -1, "results": [result(1), result(2) | bad, result(3)]}))
    found = searched(wire, server)
    assert set(found.notebooks) == {f"{1:032x}", f"{3:032x}"}
    assert found.incomplete


@pytest.mark.parametrize("number", [str, float])
def test_a_total_may_be_text_or_a_fraction(wire: Transport, serve: Serve, number: Callable[[int], Any]) -> None:
    first = {"total": number(3), "nextStart": number(3), "results": [result(1), result(2)]}
    last = {"total": number(3), "nextStart": number(-1), "results": [result(3)]}
    found = searched(wire, serve(pages(first, last)))
    assert (len(found.notebooks), found.incomplete, found.is_uncounted) == (3, None, False)
    short = searched(wire, serve(pages({"total": number(2), "nextStart": number(-1), "results": [result(1)]})))
    assert short.incomplete


@pytest.mark.parametrize("total", [None, "many", True, -1, 0])
def test_a_search_without_a_usable_total_is_uncounted(wire: Transport, serve: Serve, total: object) -> None:
    found = searched(wire, serve(pages({"total": total, "nextStart": -1, "results": [result(1)]})))
    assert (len(found.notebooks), found.incomplete, found.is_uncounted) == (1, None, True)


def test_the_highest_total_of_a_search_counts(wire: Transport, serve: Serve) -> None:
    first = {"total": 4, "nextStart": 3, "results": [result(1), result(2)]}
    server = serve(pages(first, {"total": 3, "nextStart": -1, "results": [result(4)]}))
    assert searched(wire, server).incomplete


# Pages that are too large.

# Maximum bytes of an answer in these tests. A page of 100 plain results has half as many.
LIMIT = 20_000


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit, so that a test can exceed it quickly."""
    monkeypatch.setattr(transport_module, "ANSWER_BYTES", LIMIT)


def listed(entries: list[dict[str, Any]], member: str, *, counted: bool = True) -> Callable[[WireRequest], list[bytes]]:
    """Return a script that answers with the entries in pages, like the portal."""

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
    assert "Missing items: 1." in str(found.incomplete)
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
    listing = portal_at(wire, server.url).list_snapshots(ItemId.parse("0" * 32))
    assert (len(listing.snapshots), listing.missing_count) == (4, 1)
    assert listing.is_uncounted is not counted


@pytest.mark.usefixtures("small_answers")
def test_an_item_that_is_too_large_is_named(wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(json.dumps({"x": "y" * LIMIT}).encode())])
    with pytest.raises(AnswerTooLarge, match=f"Item {'0' * 32}"):
        portal_at(wire, server.url).get_item(ItemId.parse("0" * 32))


@pytest.mark.parametrize("privileges", [5, True, "portal:admin:viewItems", {"portal:admin:viewItems": 1}, 1.5])
def test_privileges_that_are_not_a_list_grant_nothing(wire: Transport, serve: Serve, privileges: object) -> None:
    body = json.dumps({"id": "0a1B", "user": {"username": "ana", "privileges": privileges}}).encode()
    organization = portal_at(wire, serve(lambda _: [answer(body)]).url).get_organization()
    assert not organization.can_view_items


# One item.


def test_one_notebook_is_read_by_its_id(client: Client) -> None:
    item = client.item("Tab")
    found = client.portal().get_item(id_of(item))
    assert (found.item_id, found.owner, found.title) == (item.id, item.owner, item.title)
    assert not {"numViews", "size"} & found.properties.keys()


def test_another_type_and_a_missing_item_are_not_found(client: Client) -> None:
    decoy = client.item("Snippets")
    with pytest.raises(NotebookNotFound, match="not a notebook"):
        client.portal().get_item(id_of(decoy))
    with pytest.raises(NotebookNotFound):
        client.portal().get_item(ItemId.parse("f" * 32))


def test_a_missing_item_with_a_real_404_is_not_found(client: Client) -> None:
    client.deployment.switches.real_http_status = True
    with pytest.raises(NotebookNotFound):
        client.portal().get_item(ItemId.parse("f" * 32))


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
def test_an_invalid_item_id_is_refused_and_cut_in_the_message(text: object) -> None:
    with pytest.raises(NotAnId) as caught:
        ItemId.parse(text)
    assert len(str(caught.value)) < 120


# Snapshots by the administrator's route.


def test_the_snapshots_among_the_resources(client: Client) -> None:
    item = client.item()
    listing = client.portal().list_snapshots(id_of(item))
    assert listing.undocumented_keys == ()  # the preview is not a snapshot
    assert [
        (snapshot.resource_key, snapshot.name, snapshot.created, snapshot.size) for snapshot in listing.snapshots
    ] == [(snapshot.resource_key, snapshot.name, snapshot.created, snapshot.size) for snapshot in item.snapshots]
    assert client.count("items/resources") == 1


def test_resources_without_properties_are_listed(client: Client) -> None:
    client.deployment.switches.resource_properties = False
    item = client.item()
    listing = client.portal().list_snapshots(id_of(item))
    assert [snapshot.name for snapshot in listing.snapshots] == ["", ""]


def test_a_notebook_without_snapshots_has_none(client: Client) -> None:
    item = client.item("Never snapshotted")
    assert client.portal().list_snapshots(id_of(item)).snapshots == ()


def test_more_resources_than_a_page_holds(client: Client) -> None:
    item = client.item()
    for number in range(1200):
        item.add_snapshot(b"{}", resource_key=f"snapshot-{number:032x}.json")
    listing = client.portal().list_snapshots(id_of(item))
    assert len(listing.snapshots) == 1202
    assert client.count("items/resources") == 2


def test_every_snapshot_comes_byte_for_byte(client: Client) -> None:
    for item in client.deployment.organisation.notebooks():
        if item.resources_refused:
            continue
        for snapshot in client.portal().list_snapshots(id_of(item)).snapshots:
            body = client.portal().read_snapshot(id_of(item), snapshot.resource_key, 10**7, b"".join)
            stored = item.snapshot(snapshot.resource_key)
            assert stored
            assert body == stored.content


@pytest.mark.parametrize("page", [{}, {"resources": None}, {"resources": "x"}, {"resources": [5]}, {"total": 0}])
def test_an_answer_without_resources_is_not_an_empty_listing(
    wire: Transport, serve: Serve, page: dict[str, Any]
) -> None:
    server = serve(pages(page))
    with pytest.raises(UnexpectedAnswer, match="resources"):
        portal_at(wire, server.url).list_snapshots(ItemId.parse("0" * 32))


@pytest.mark.parametrize("step", [0, 1, 1000])
def test_resources_that_go_in_circles_end(wire: Transport, serve: Serve, step: int) -> None:
    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        page = {"resources": [{"resource": f"snapshot-{'0' * 32}.json"}], "nextStart": start + step}
        return [answer(json.dumps(page).encode())]

    server = serve(script)
    with pytest.raises(ListingIncomplete):
        portal_at(wire, server.url).list_snapshots(ItemId.parse("0" * 32))
    assert len(server.requests) <= 2


def test_resources_without_end_are_read_no_further(wire: Transport, serve: Serve) -> None:
    """Otherwise they fill the memory of a function, and all its notebooks fail."""

    def script(request: WireRequest) -> list[bytes]:
        start = int(request.query["start"][0])
        page = {"resources": [{"resource": str(start + each)} for each in range(1000)], "nextStart": start + 1000}
        return [answer(json.dumps(page).encode())]

    server = serve(script)
    with pytest.raises(ListingIncomplete, match="more than 20000"):
        portal_at(wire, server.url, seconds=5).list_snapshots(ItemId.parse("0" * 32))
    assert len(server.requests) == 20
