"""Test the search: pages, limit, ranges, types, visibility, a delayed index, and changes between two pages."""

from typing import Any

import pytest

from local.arcgis import LocalArcGIS, Seed
from tests.arcgis_server.client import Client


def notebooks(client: Client, user: str = "gis_admin", query: str = "", **params: Any) -> Any:
    text = f'type:"Notebook" AND orgid:{client.deployment.organisation.id} {query}'
    return client.get("/search", user, q=text, **{"sortField": "created", "sortOrder": "asc", "num": 100, **params})


def titles(answer: Any) -> list[str]:
    return [item["title"] for item in answer["results"]]


@pytest.fixture
def many(arcgis: LocalArcGIS, enterprise: Client) -> Client:
    arcgis.reset(Seed.many(250, size=0))
    return enterprise


def test_pages_count_from_one_and_end_with_minus_one(many: Client) -> None:
    seen, start, pages = [], 1, 0
    while start != -1:
        page = notebooks(many, start=start, num=1000)
        assert (page["total"], page["num"], page["start"]) == (250, 100, start), "num is clamped at 100"
        seen += [item["id"] for item in page["results"]]
        start, pages = page["nextStart"], pages + 1
    assert pages == 3
    assert seen == [item.id for item in many.deployment.organisation.notebooks()]


def test_default_page_size_is_ten(many: Client) -> None:
    answer = many.get("/search", "gis_admin", q="type:Notebook")
    assert (len(answer["results"]), answer["nextStart"]) == (10, 11)


def test_last_page_has_no_next_start(many: Client) -> None:
    assert notebooks(many, start=241, num=10)["nextStart"] == -1
    assert notebooks(many, start=300)["results"] == []


def test_pages_beyond_the_search_limit_are_refused(many: Client) -> None:
    switches = many.deployment.switches
    assert switches.search_limit == 10_000
    switches.search_limit = 150
    last = notebooks(many, start=101)
    assert (last["total"], len(last["results"]), last["nextStart"]) == (250, 50, -1)
    assert notebooks(many, start=151)["error"]["code"] == 400
    switches.next_start_at_limit = True
    assert notebooks(many, start=101)["nextStart"] == 151


def test_ranges_of_time_and_owner_cover_all_results(many: Client) -> None:
    organisation = many.deployment.organisation
    middle = organisation.notebooks()[100].created
    before = notebooks(many, query=f"AND created:[0 TO {middle - 1}]")
    after = notebooks(many, query=f"AND created:[{middle:020d} TO *]")
    assert (before["total"], after["total"]) == (100, 150)
    by_owner = [notebooks(many, query=f'AND owner:"{name}"')["total"] for name in ("ana", "ben", "chi")]
    assert sum(by_owner) == 250


def test_search_matches_words_of_a_type_and_filter_the_whole(each: Client) -> None:
    fuzzy = each.get("/search", "gis_admin", q='(type:"notebook")', num=100)
    assert {item["type"] for item in fuzzy["results"]} == {"Notebook", "Notebook Code Snippet Library"}
    exact = each.get("/search", "gis_admin", filter='type:"Notebook"', num=100)
    assert {item["type"] for item in exact["results"]} == {"Notebook"}


def test_a_caller_finds_only_visible_items(each: Client) -> None:
    assert {item["owner"] for item in notebooks(each)["results"]} == {"ana", "ben", "chi", "dora"}
    found = notebooks(each, "ana")["results"]
    assert {item["owner"] for item in found if item["access"] == "private"} == {"ana"}
    assert "Shared methods" in [item["title"] for item in found]
    public = each.get("/search", q="*", num=100)
    assert titles(public) == ["Notebook locations"]


def test_search_results_match_the_item_page(each: Client) -> None:
    result = notebooks(each)["results"][0]
    item = each.item("Flood model")
    assert result["id"] == item.id
    assert isinstance(result["created"], int)
    assert result["properties"]["notebookRuntimeVersion"] == "9.0"
    assert result["orgId"] == each.deployment.organisation.id


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title:Flood", ["Flood model"]),
        ('title:"flood model" OR title:Empty', ["Flood model", "Empty"]),
        ("type:Notebook AND NOT owner:ana AND NOT (owner:ben OR owner:chi)", ["Restricted survey"]),
        ("owner:dora type:Notebook", ["Restricted survey"]),
        ("tags:hydro", ["Flood model"]),
        ("orgid:another", []),
    ],
)
def test_a_query_finds_the_expected_items(enterprise: Client, query: str, expected: list[str]) -> None:
    assert titles(enterprise.get("/search", "gis_admin", q=query, sortField="created", num=100)) == expected


@pytest.mark.parametrize("query", ["(type:Notebook", "created:[x TO y]", "a)", "x" * 11_000, ""])
def test_an_invalid_query_is_refused(enterprise: Client, query: str) -> None:
    answer = enterprise.session.post(
        f"{enterprise.rest}/search", data={"q": query, "f": "json", "token": enterprise.token("ana")}
    )
    assert answer.json()["error"]["code"] == 400


def test_search_index_can_be_delayed(enterprise: Client) -> None:
    enterprise.deployment.switches.index_lag_seconds = 60
    organisation = enterprise.deployment.organisation
    for item in organisation.items.values():
        item.added_at -= 3600
    new = organisation.add_notebook("ana", "New one")
    old = enterprise.item("Empty")
    organisation.remove(old.id)
    assert enterprise.get(f"/content/items/{new.id}", "ana")["title"] == "New one"
    late = titles(notebooks(enterprise))
    assert ("New one" in late, "Empty" in late) == (False, True)
    assert old.removed_at
    new.added_at -= 61
    old.removed_at -= 61
    current = titles(notebooks(enterprise))
    assert ("New one" in current, "Empty" in current) == (True, False)


def test_search_index_can_show_changes_late(enterprise: Client) -> None:
    organisation = enterprise.deployment.organisation
    item = enterprise.item("Flood model")
    before, now = item.modified, 2_000_000_000.0
    organisation.clock = lambda: now
    item.touch(now - 90)
    item.touch(now - 30)

    def shown(since: int) -> list[int]:
        query = f"AND title:Flood AND modified:[{since:019d} TO *]"
        return [result["modified"] for result in notebooks(enterprise, query=query)["results"]]

    assert (shown(0), item.modified) == ([1_999_999_970_000], 1_999_999_970_000)
    enterprise.deployment.switches.index_lag_seconds = 60
    assert shown(0) == shown(1_999_999_910_000) == [1_999_999_910_000], "the change before the last one"
    assert shown(1_999_999_910_001) == []
    item.index_lag_seconds = 120
    assert shown(0) == [before]
    assert enterprise.get(f"/content/items/{item.id}", "ana")["modified"] == 1_999_999_970_000


@pytest.mark.parametrize(("switch", "found"), [("applied", 1), ("ignored", 6), ("matches-nothing", 0)])
def test_search_may_not_apply_a_range_of_modified(enterprise: Client, switch: Any, found: int) -> None:
    enterprise.deployment.switches.modified_range = switch
    item = enterprise.item("Flood model")
    item.modified = 1_999_999_970_000
    query = "AND owner:ana AND modified:[1999999970000 TO *]"
    assert notebooks(enterprise, query=query)["total"] == found
    enterprise.deployment.switches.modified_range = "refused"
    assert notebooks(enterprise, query=query)["error"]["code"] == 400


def test_a_listing_can_change_while_it_is_read(many: Client) -> None:
    first = notebooks(many)
    many.deployment.faults.add("search", "item-appears", times=1)
    second = notebooks(many, start=first["nextStart"])
    assert (first["total"], second["total"]) == (250, 251)
    assert second["results"][0]["id"] == first["results"][-1]["id"], "an item has moved to the next page"
