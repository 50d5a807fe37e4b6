"""Test that a run reports signs that the portal does not list snapshots as `docs/beliefs.md` assumes."""

import pytest

from local.arcgis import Item, Seed
from local.arcgis.organisation import Resource
from tests.runs.conftest import SMALL, MakeSite
from tests.runs.scene import body
from tests.site import Site, check_report, stored_snapshots


def make_notebooks(notebooks: int) -> Seed:
    """Return notebooks of an owner without a secret, each with one snapshot."""

    def items() -> list[Item]:
        made = [Item("ben", f"Notebook {number}", body(number)) for number in range(notebooks)]
        for number, item in enumerate(made):
            item.add_snapshot(body(number))
        return made

    return Seed(SMALL, items)


def reasons(site: Site) -> list[str]:
    report = site.run("one")
    check_report(report)
    assert report["status"] == "complete", "a notice alone is no failure"
    return [notice["reason"] for notice in report["notices"]]


@pytest.mark.parametrize("notebooks", [1, 3])
def test_a_portal_that_shows_no_snapshot_is_reported(make_site: MakeSite, notebooks: int) -> None:
    site = make_site(make_notebooks(notebooks))
    site.deployment.switches.snapshots_are_resources = False
    assert "no-snapshots-listed" in reasons(site)


def test_chosen_notebooks_may_have_no_snapshot(make_site: MakeSite) -> None:
    site = make_site(make_notebooks(3))
    site.deployment.switches.snapshots_are_resources = False
    chosen = site.deployment.organisation.notebooks()[0].id
    assert site.run("one", [chosen])["notices"] == []


def test_one_snapshot_among_many_notebooks_is_enough(make_site: MakeSite) -> None:
    site = make_site(make_notebooks(10))
    for item in site.deployment.organisation.notebooks()[1:]:
        item.snapshots.clear()
    assert "no-snapshots-listed" not in reasons(site)


def test_preview_of_existing_snapshot_is_not_reported(small: Site) -> None:
    item = small.item("Second")
    item.resources.append(Resource(f"{item.snapshots[0].resource_key}_preview.json", b"{}"))
    assert reasons(small) == []
    assert stored_snapshots() == small.sources()


def test_a_resource_named_like_a_snapshot_is_reported(small: Site) -> None:
    small.item("Second").resources.append(Resource("snapshot-1.json", b"{}"))
    assert reasons(small) == ["snapshot-lookalikes"]
    assert stored_snapshots() == small.sources()
