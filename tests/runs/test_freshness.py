"""Test that a search index with old `modified` times is reported, and that the checked notebooks are archived."""

import time

from local.arcgis import Item, Seed
from notebook_archive.runs.freshness import MAX_CHECKS
from tests.runs.conftest import SMALL, MakeSite
from tests.runs.scene import body
from tests.runs.test_protection import not_complete
from tests.site import Site, check_report
from tests.strict_s3 import contents

DAY_MS = 86_400_000
SAVED = 1_735_725_600_000


def archived_site(make_site: MakeSite, notebooks: int) -> Site:
    """Return a site whose notebooks are archived. Its list of calls is empty."""
    seed = Seed(SMALL, lambda: [Item("ana", f"Survey {number}", body(number)) for number in range(notebooks)])
    site = make_site(seed, archive_current=True)
    check_report(site.run("one"))
    site.deployment.requests.clear()
    return site


def save_unseen(item: Item, modified: int) -> None:
    """Save the item without an update of the search index."""
    item.indexed_modified, item.content, item.modified = item.modified, body(99), modified


def test_search_that_misses_a_save_is_reported(make_site: MakeSite) -> None:
    site = archived_site(make_site, 3)
    item = site.item("Survey 1")
    save_unseen(item, SAVED + DAY_MS)
    report = not_complete(site.run("two"))
    [notice] = report["notices"]
    assert notice["reason"] == "search-stale"
    assert item.id in notice["message"]
    assert report["protection"]["protected"] == 3
    assert any(key.startswith(f"notebooks/{item.id}/current/{item.modified}-") for key in contents("notebooks/"))


def test_save_in_the_last_hour_is_archived_without_a_notice(make_site: MakeSite) -> None:
    site = archived_site(make_site, 3)
    save_unseen(site.item("Survey 1"), int(time.time() * 1000) - 60_000)
    report = site.run("two")
    assert (report["status"], report["notices"]) == ("complete", [])
    assert report["snapshots"]["archived"] == 1


def test_each_run_checks_a_few_different_items(make_site: MakeSite) -> None:
    site = archived_site(make_site, MAX_CHECKS + 10)
    checked = []
    for name in ("two", "three"):
        site.deployment.requests.clear()
        assert site.run(name)["status"] == "complete"
        checked.append({request.item_id for request in site.deployment.requests if request.operation == "items/item"})
    assert [len(each) for each in checked] == [MAX_CHECKS, MAX_CHECKS]
    assert checked[0] != checked[1]


def test_run_continues_if_the_portal_shows_no_item(make_site: MakeSite) -> None:
    site = archived_site(make_site, 3)
    site.deployment.faults.add("items/item", "http-503")
    assert site.run("two")["status"] == "complete"
