"""Test that a batch is archived a few notebooks at a time while time is left, and that no notebook is lost."""

import json
from itertools import pairwise

import pytest

from local.arcgis import Seed
from notebook_archive.errors import ArchiveError
from tests.runs.conftest import MakeSite
from tests.site import Site, check_archive, check_report, stored_body, stored_snapshots
from tests.strict_s3 import Fault, contents


def test_notebooks_without_time_are_finished_in_later_parts(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=12, size=300), threads=2, seconds=60)
    plan = site.plan()
    (batch,) = site.batches(plan)
    site.work("warm", {"number": 9, "part": 0, "notebooks": batch["notebooks"][:3]})
    site.deployment.faults.add("snapshots/list", "slow", seconds=0.3)
    site.seconds = 1.0
    sizes, left = [len(batch["notebooks"])], site.work("one", batch)
    while left:
        assert (left["number"], left["part"]) == (batch["number"], len(sizes))
        sizes.append(len(left["notebooks"]))
        left = site.work("one", left)
    assert len(sizes) > 1, "not all fitted into one invocation"
    assert all(later < earlier for earlier, later in pairwise(sizes))
    site.deployment.faults.clear()
    site.seconds = 60
    report = site.report("one", plan)
    assert report["notebooks"]["attempted"] == 12
    assert report["work"]["batches"] == len(sizes)
    check_report(report)
    check_archive(site)


def test_part_gets_shorter_even_without_time_left(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=5, size=300), threads=2, seconds=60)
    plan = site.plan()
    (left,) = site.batches(plan)
    site.seconds = 0
    parts = 0
    while left:
        parts += 1
        following = site.work("one", left)
        assert following is None or len(following["notebooks"]) == len(left["notebooks"]) - 2
        if following is None:
            break
        left = following
    report = site.report("one", plan)
    assert parts == 3
    assert report["notebooks"]["failed"] == {"deadline-exceeded": 5}
    check_report(report)


def test_batch_uses_at_most_its_number_of_threads(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=12, size=300), threads=3)
    plan = site.plan()
    site.deployment.faults.add("snapshots/list", "slow", seconds=0.02)
    site.deployment.requests.clear()
    for batch in site.batches(plan):
        site.work("one", batch)
    assert 2 <= site.deployment.requests.most_in_flight <= 3


def test_notebooks_of_a_crashed_batch_fail(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=6, size=300), batch_size=2)
    plan = site.plan()
    first, _, third = site.batches(plan)
    for batch in (first, third):
        site.work("one", batch)
    report = site.report("one", plan)
    assert report["notebooks"]["failed"] == {"batch-crashed": 2}
    assert report["notebooks"]["archived"] == 4
    assert report["status"] == "partial"
    check_report(report)
    report = site.run("two")
    assert report["status"] == "complete"
    assert report["notebooks"]["unchanged"] == 4
    assert stored_snapshots() == site.sources()


def test_a_batch_without_a_written_outcome_can_be_repeated(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    small.s3.faults = [Fault("PutObject", "403-AccessDenied", after=len(small.sources()) + plan["notebooks"])]
    with pytest.raises(ArchiveError):
        small.work("one", batch)
    assert small.work("one", batch) is None
    report = small.report("one", plan)
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 3), "by this run, though in two attempts"
    check_archive(small)


@pytest.mark.parametrize("deliveries", [2, 3])
def test_a_batch_delivered_again_changes_nothing(small: Site, deliveries: int) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    small.work("one", batch)
    before = contents("notebooks/")
    for _ in range(deliveries - 1):
        small.work("one", batch)
    report = small.report("one", plan)
    assert {key: stored.body for key, stored in contents("notebooks/").items()} == {
        key: stored.body for key, stored in before.items()
    }
    assert report["snapshots"]["archived"] == 3
    check_archive(small)


def test_a_defect_in_one_notebook_fails_only_that_notebook(small: Site) -> None:
    plan = small.plan()
    (batch,) = small.batches(plan)
    del batch["notebooks"][0]["archived"]  # type: ignore[misc]  # a plan that no version of ours writes
    small.work("one", batch)
    report = small.report("one", plan)
    assert report["notebooks"]["failed"] == {"internal-error": 1}
    assert report["notebooks"]["archived"] == 1
    check_report(report)


def test_outcome_contains_duration_and_route(small: Site) -> None:
    small.run()
    document = json.loads(stored_body("runs/2026-11-22/one/outcomes/000001.json"))
    assert document["seconds"] > 0
    assert [outcome["route"] for outcome in document["outcomes"]] == ["notebook-server", "portal"]
