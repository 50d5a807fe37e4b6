"""Test archived notebooks that the search does not show. Deletions are recorded, and missed notebooks are archived."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item, Seed
from notebook_archive.clock import Deadline
from notebook_archive.models import ItemId
from notebook_archive.runs.report import Report
from notebook_archive.runs.unlisted import MAX_LOOK_UPS, list_unlisted_notices, look_up
from tests.runs.conftest import MakeSite
from tests.runs.test_protection import administrator_may, not_complete
from tests.site import Site, check_archive, check_report
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, contents

YEAR_2025 = 1_735_725_600_000


@pytest.fixture
def site(make_site: MakeSite) -> Iterator[Site]:
    """Return a site with six notebooks that were archived a day ago."""
    site = make_site(Seed.many(notebooks=6, size=300))
    for item in site.deployment.organisation.notebooks():
        item.created = item.modified = YEAR_2025
    assert site.run("zero")["status"] == "complete"
    age_archive()
    site.deployment.requests.clear()
    ever = site.sources()
    yield site
    check_archive(site, ever)


def age_archive() -> None:
    """Make all archived objects a day older, so that the next object is newer.

    S3 rounds times to whole seconds. Without this, the test would have to wait a second.
    """
    for key in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.values():
        key.last_modified -= timedelta(days=1)


def notebooks(site: Site) -> list[Item]:
    return site.deployment.organisation.notebooks()


def looked_up(site: Site) -> int:
    return site.deployment.requests.counts()["items/item"]


def noted() -> set[str]:
    return {key.split("/")[1] for key in contents("notebooks/") if key.endswith("/deleted.json")}


def reasons(report: Report) -> list[str]:
    return [notice["reason"] for notice in report["notices"]]


class TestDeleted:
    def test_deletion_is_recorded_once_and_not_looked_up_again(self, site: Site) -> None:
        gone = notebooks(site)[0]
        site.deployment.organisation.remove(gone.id)
        report = site.run("one")
        check_report(report)
        assert (report["status"], report["notebooks"]["attempted"], report["notices"]) == ("complete", 5, [])
        assert (looked_up(site), noted()) == (1, {gone.id})
        note = json.loads(contents("notebooks/")[f"notebooks/{gone.id}/deleted.json"].body)
        assert note["runId"] == "2026-11-22/one"
        assert note["at"].endswith("Z")
        assert site.run("two")["status"] == "complete"
        assert looked_up(site) == 1

    def test_existing_notebooks_cost_no_look_up(self, site: Site) -> None:
        site.run("one")
        assert looked_up(site) == 0

    def test_restored_item_is_looked_up_when_it_disappears_again(self, site: Site) -> None:
        item = notebooks(site)[0]
        site.deployment.organisation.remove(item.id)
        site.run("one")
        age_archive()
        site.deployment.organisation.add(item)
        report = site.run("two")
        assert (report["status"], report["notebooks"]["attempted"]) == ("complete", 6)
        age_archive()
        item.unindexed = True
        report = not_complete(site.run("three"))
        assert reasons(report) == ["search-missed"]

    def test_a_portal_that_shows_nothing_proves_no_deletion(self, site: Site) -> None:
        for item in notebooks(site):
            site.deployment.organisation.remove(item.id)
        report = not_complete(site.run("one"))
        assert reasons(report) == ["notebooks-vanished"]
        assert noted() == set()

    def test_a_limited_administrator_proves_no_deletion(self, site: Site) -> None:
        administrator_may(site, "portal:admin:updateItems")
        site.deployment.organisation.remove(notebooks(site)[0].id)
        report = not_complete(site.run("one"))
        assert reasons(report) == ["administrator-sees-not-all", "notebooks-not-looked-up", "notebooks-vanished"]
        assert "(not-found: 1, permission-denied: 5)" in report["notices"][1]["message"]
        assert noted() == set()

    def test_a_refused_note_does_not_stop_the_run(self, site: Site) -> None:
        gone = notebooks(site)[0]
        site.deployment.organisation.remove(gone.id)
        site.s3.faults = [Fault("PutObject", "403-AccessDenied", part="deleted.json", times=None)]
        assert site.run("one")["status"] == "complete"
        assert noted() == set()

    def test_run_over_chosen_items_records_no_deletion(self, site: Site) -> None:
        first, second, *_ = notebooks(site)
        site.deployment.organisation.remove(first.id)
        site.run("one", [second.id])
        assert (looked_up(site), noted()) == (1, set())


class TestMissed:
    def test_missed_notebook_is_archived_and_the_run_is_partial(self, site: Site) -> None:
        missed = notebooks(site)[2]
        missed.unindexed = True
        new = missed.add_snapshot(b'{"cells":[],"nbformat":4}')
        report = not_complete(site.run("one"))
        assert (report["status"], report["notebooks"]["attempted"]) == ("partial", 6)
        assert f"notebooks/{missed.id}/snapshots/{new.resource_key}" in contents("notebooks/")
        [notice] = report["notices"]
        assert notice["reason"] == "search-missed"
        assert f"does not show 1 notebook that the portal has: '{missed.title}' ({missed.id})." in notice["message"]
        assert noted() == set()

    def test_many_missed_notebooks_are_counted_and_three_are_named(self, site: Site) -> None:
        for item in notebooks(site)[1:]:
            item.unindexed, item.title = True, "x" * 400
        report = not_complete(site.run("one"))
        assert report["notebooks"]["attempted"] == 6
        [notice] = report["notices"]
        assert "5 notebooks" in notice["message"]
        assert "and 2 more" in notice["message"]
        assert len(notice["message"]) < 600

    def test_a_new_notebook_does_not_count_as_missed(self, site: Site) -> None:
        young = site.deployment.organisation.add_notebook("owner_0", "Young", unindexed=True)
        site.archive.put_item_properties(ItemId(young.id), {})
        report = site.run("one")
        assert report["notebooks"]["attempted"] == 7
        assert "search-missed" not in {notice["reason"] for notice in report["notices"]}


class TestUnknown:
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [("http-500", "arcgis-unavailable"), ("shape-e", "unexpected-answer"), ("http-403", "permission-denied")],
    )
    def test_failed_look_up_makes_the_run_partial(self, site: Site, kind: str, reason: str) -> None:
        for item in notebooks(site)[:2]:
            site.deployment.organisation.remove(item.id)
        site.deployment.faults.add("items/item", kind)
        report = not_complete(site.run("one"))
        [notice] = report["notices"]
        assert notice["reason"] == "notebooks-not-looked-up"
        assert f"{reason}: 2" in notice["message"]
        assert (report["notebooks"]["attempted"], noted()) == (4, set())

    def test_an_empty_search_of_a_full_portal_archives_everything(self, site: Site) -> None:
        for item in notebooks(site):
            item.unindexed = True
        report = not_complete(site.run("one"))
        assert reasons(report) == ["search-missed"]
        assert report["notebooks"]["attempted"] == 6

    def test_look_ups_that_had_no_time_left_are_counted(self, site: Site) -> None:
        administrator = site.routes.portal(Deadline(0))
        ids = [ItemId(f"{number:032x}") for number in range(MAX_LOOK_UPS + 7)]
        found = look_up(ids, administrator, 2)
        assert (found.found, found.absent) == ([], [])
        assert found.unknown == {"no time left": MAX_LOOK_UPS, "over 5000 at once": 7}
        assert looked_up(site) == 0
        [notice] = list_unlisted_notices(found, sees_everything=True)
        assert f"does not show {MAX_LOOK_UPS + 7} notebooks" in notice["message"]
