"""Captures: what is made of which notebooks, what happens at the limit, and what is never deleted."""

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item, LocalArcGIS
from notebook_archive.archive import RunId
from notebook_archive.pipeline.slots import PREFIX, capture_name
from tests.pipeline.conftest import MakeSite
from tests.pipeline.scene import HOUR_MS, Watch, archived, body, captured_seed, check, ours, save, watched
from tests.site import STARTED_AT, Site, check_archive, check_report, stored_snapshots
from tests.strict_s3 import ACCOUNT, BUCKET, contents


def name_of(run: str) -> str:
    return capture_name(RunId.of_execution(run, STARTED_AT))


@pytest.fixture
def capturing(make_site: MakeSite) -> Site:
    return make_site(captured_seed(), captures=True)


@pytest.fixture
def rotating(make_site: MakeSite) -> Site:
    return make_site(captured_seed(), captures=True, rotates=True)


@pytest.mark.parametrize("kind", ["enterprise", "online", "kubernetes"])
def test_a_notebook_without_snapshots_is_captured_and_archived_by_one_run(
    running: LocalArcGIS, make_site: MakeSite, kind: str
) -> None:
    site = make_site(captured_seed(), captures=True)
    site.deployment = next(each for each in running.deployments if each.kind == kind)
    site.start()
    report = site.run("one")
    [snapshot] = site.item("Alone").snapshots
    assert (snapshot.name, snapshot.private, snapshot.content) == (name_of("one"), True, body(0))
    assert stored_snapshots() == site.sources()
    assert report["snapshots"]["archived"] == 1
    noted = archived()[snapshot.resource_key].metadata
    assert (noted["snapshot-name"], noted["run-id"], noted["captured"]) == (
        name_of("one"),
        "2026-11-22/one",
        "true",
    )
    check_archive(site)
    check_report(report)


def test_a_capture_costs_two_calls_more_than_a_persons_snapshot(capturing: Site) -> None:
    capturing.run("zero")
    save(capturing.item("Alone"), 1)
    plan = capturing.plan("one")
    capturing.deployment.requests.clear()
    capturing.s3.calls.clear()
    for batch in capturing.batches(plan):
        capturing.work("one", batch)
    assert capturing.deployment.requests.counts() == {
        "snapshots/list": 2,
        "snapshots/create": 1,
        "snapshots/download": 1,
    }
    assert capturing.s3.counts() == {"PutObject": 3}, "the snapshot, item.json, the outcome"


def test_an_unchanged_notebook_costs_what_it_did(capturing: Site) -> None:
    capturing.run("one")
    plan = capturing.plan("two")
    capturing.deployment.requests.clear()
    for batch in capturing.batches(plan):
        capturing.work("two", batch)
    assert capturing.deployment.requests.counts() == {"snapshots/list": 1}
    assert len(capturing.item("Alone").snapshots) == 1


def test_nothing_is_made_by_default(make_site: MakeSite) -> None:
    site = make_site(captured_seed())
    site.run("one")
    assert site.item("Alone").snapshots == []
    assert site.deployment.requests.counts()["snapshots/create"] == 0


def test_without_the_owners_credential_nothing_is_made_and_nothing_fails(make_site: MakeSite) -> None:
    site = make_site(captures=False)
    item = next(i for i in site.deployment.organisation.notebooks() if i.owner == "ana" and i.snapshots)
    site.captures, site.route = True, "portal"
    site.start()
    save(item, 1)
    report = site.run("one", [item.id])
    assert (report["status"], report["notebooks"]["failed"]) == ("complete", {})
    assert site.deployment.requests.counts()["snapshots/create"] == 0
    assert not ours(item)


def test_saving_again_and_again_makes_one_snapshot_in_a_quarter_of_an_hour(capturing: Site) -> None:
    item = capturing.item("Alone")
    for number in range(4):
        item.content = body(number)
        item.modified += 60_000
        capturing.run(f"save-{number}")
    assert len(item.snapshots) == 1
    save(item, 5)
    capturing.run("later")
    assert [snapshot.content for snapshot in item.snapshots] == [body(0), body(5)]


def test_a_capture_that_changes_the_items_time_is_not_a_change(capturing: Site) -> None:
    capturing.deployment.switches.snapshot_bumps_modified = True
    capturing.run("one")
    item = capturing.item("Alone")
    for snapshot in item.snapshots:
        snapshot.created -= 2 * HOUR_MS
    item.modified -= 2 * HOUR_MS
    capturing.run("two")
    assert len(item.snapshots) == 1


def test_a_run_that_is_tried_again_captures_once(capturing: Site) -> None:
    plan = capturing.plan("one")
    for batch in capturing.batches(plan) * 3:
        capturing.work("one", batch)
    assert len(capturing.item("Alone").snapshots) == 1


def test_a_lost_answer_is_looked_up_and_not_tried_again(capturing: Site) -> None:
    capturing.deployment.faults.add("snapshots/create", "hang-up")
    report = capturing.run("one")
    [snapshot] = capturing.item("Alone").snapshots
    assert stored_snapshots() == capturing.sources()
    assert report["status"] == "complete"
    assert "captured" not in archived()[snapshot.resource_key].metadata, "a name alone does not prove who made it"


@pytest.mark.parametrize("kind", ["http-500", "shape-a", "shape-b", "shape-c", "shape-d", "shape-e", "shape-f"])
@pytest.mark.parametrize("rotates", [False, True])
def test_a_failed_capture_is_seen_and_the_rest_is_archived(make_site: MakeSite, kind: str, rotates: bool) -> None:
    site = make_site(captured_seed(), captures=True, rotates=rotates)
    watch = Watch(site.item("Alone"))
    watch.by_hand(3)
    save(watch.item, 1)
    site.deployment.faults.add("snapshots/create", kind, code=400)
    report = site.run("one")
    assert len(stored_snapshots()) == 3
    assert sum(report["notebooks"]["failed"].values()) == 1
    assert report["failed"][0]["remedy"]
    assert site.deployment.requests.counts()["snapshots/create"] == 1
    assert site.deployment.requests.counts()["snapshots/delete"] == 0
    check_report(report)
    check(watch)


@pytest.mark.parametrize("shape", ["A", "B", "C", "D", "F"])
def test_at_the_limit_nothing_is_deleted_unless_it_is_asked_for(capturing: Site, shape: str) -> None:
    capturing.deployment.switches.snapshot_change_error_shape = shape  # type: ignore[assignment]
    watch = watched(capturing)
    report = capturing.run("two")
    assert len(watch.item.snapshots) == 5
    assert [entry["reason"] for entry in report["skipped"]] == ["no-free-slot"]
    assert stored_snapshots() == capturing.sources()
    assert capturing.deployment.requests.counts()["snapshots/delete"] == 0
    check_report(report)
    check(watch)


@pytest.mark.parametrize("shape", ["A", "B", "C", "D", "F"])
def test_at_the_limit_our_oldest_gives_way_once_its_copy_is_proved(rotating: Site, shape: str) -> None:
    rotating.deployment.switches.snapshot_change_error_shape = shape  # type: ignore[assignment]
    watch = watched(rotating)
    [oldest] = ours(watch.item)
    plan = rotating.plan("two")
    rotating.deployment.requests.clear()
    rotating.s3.calls.clear()
    for batch in rotating.batches(plan):
        rotating.work("two", batch)
    assert rotating.deployment.requests.counts() == {
        "snapshots/list": 4,
        "snapshots/create": 2,
        "snapshots/delete": 1,
        "snapshots/download": 1 + 5,  # the proof, then what is new
    }
    assert rotating.s3.counts() == {"GetObject": 1, "PutObject": 5 + 2}
    assert oldest not in watch.item.snapshots
    assert [snapshot.name for snapshot in ours(watch.item)] == [name_of("two")]
    assert len(watch.item.snapshots) == 5
    assert stored_snapshots().keys() >= rotating.sources().keys()
    report = rotating.report("two", plan)
    assert report["status"] == "complete"
    check(watch)


def test_years_of_rotation_lose_nothing(rotating: Site) -> None:
    watch = Watch(rotating.item("Alone"))
    watch.by_hand(2)
    for number in range(9):
        save(watch.item, number)
        assert rotating.run(f"night-{number}")["status"] == "complete"
        check(watch)
    assert len(watch.item.snapshots) == 5
    assert [snapshot.content for snapshot in ours(watch.item)] == [body(6), body(7), body(8)]
    assert len(stored_snapshots()) == 2 + 9


def test_five_snapshots_of_a_person_leave_no_slot(rotating: Site) -> None:
    watch = Watch(rotating.item("Alone"))
    watch.by_hand(5)
    save(watch.item, 1)
    report = rotating.run("one")
    assert [entry["reason"] for entry in report["skipped"]] == ["no-free-slot"]
    assert stored_snapshots() == rotating.sources()
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    check(watch)


@pytest.mark.parametrize("name", [PREFIX, f"{PREFIX}2026-11-22/old", f"{PREFIX}2026-11-22/one"])
def test_a_persons_snapshot_with_a_name_of_ours_stays(rotating: Site, name: str) -> None:
    watch = Watch(rotating.item("Alone"))
    watch.by_hand(1, name)
    watch.by_hand(4)
    save(watch.item, 1)
    rotating.run("one")  # archives it, and notes this run with it
    save(watch.item, 2)
    report = rotating.run("two")
    assert [entry["reason"] for entry in report["skipped"]] == ["no-free-slot"]
    assert len(watch.item.snapshots) == 5
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    check(watch)


def test_a_snapshot_of_ours_that_a_person_restored_under_its_name_is_the_persons(rotating: Site) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    watch.item.snapshots.remove(made)
    watch.by_hand(1, made.name)
    rotating.run("two")
    save(watch.item, 3)
    rotating.run("three")
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    check(watch)


def damage(item: Item, how: str) -> None:
    """Make the archived copy of our snapshot, or what ArcGIS serves for it, other than it was."""
    [made] = ours(item)
    key = f"notebooks/{item.id}/snapshots/{made.resource_key}"
    versions = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys
    if how == "missing":
        versions.pop(key)
    elif how == "damaged":
        versions[key].value = body(99)
    elif how == "not noted":
        versions[key].metadata.pop("x-amz-meta-captured")
    elif how == "of another run":
        versions[key].metadata["x-amz-meta-run-id"] = "2026-11-22/elsewhere"
    elif how == "different":
        made.content = body(98)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "no-free-slot"),
        ("not noted", "no-free-slot"),
        ("of another run", "no-free-slot"),
        ("damaged", "archive-damaged"),
        ("different", "archive-conflict"),
    ],
)
def test_without_a_whole_copy_in_the_archive_nothing_is_deleted(rotating: Site, how: str, reason: str) -> None:
    watch = watched(rotating)
    damage(watch.item, how)
    keys = [snapshot.resource_key for snapshot in watch.item.snapshots]
    report = rotating.run("two")
    assert [entry["reason"] for entry in (*report["skipped"], *report["failed"])] == [reason]
    assert [snapshot.resource_key for snapshot in watch.item.snapshots] == keys
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    assert how == "damaged" or set(keys) <= archived().keys()


@pytest.mark.parametrize("kind", ["cut-body", "length-too-short", "shape-a", "http-500", "hang-up", "shape-e"])
def test_what_cannot_be_read_from_arcgis_is_not_deleted(rotating: Site, kind: str) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    rotating.deployment.faults.add("snapshots/download", kind)
    rotating.run("two")
    assert made in watch.item.snapshots
    check(watch)


@pytest.mark.parametrize("kind", ["shape-a", "shape-c", "shape-e", "http-403"])
def test_a_deletion_that_is_refused_is_seen(rotating: Site, kind: str) -> None:
    watch = watched(rotating)
    rotating.deployment.faults.add("snapshots/delete", kind, code=400)
    report = rotating.run("two")
    assert len(report["failed"]) == 1
    assert len(watch.item.snapshots) == 5
    assert rotating.deployment.requests.counts()["snapshots/create"] == 2, "of both runs"
    check(watch)


def test_a_deletion_whose_answer_is_lost_is_looked_up(rotating: Site) -> None:
    watch = watched(rotating)
    rotating.deployment.faults.add("snapshots/delete", "hang-up", times=1)
    assert rotating.run("two")["status"] == "complete"
    assert [snapshot.name for snapshot in ours(watch.item)] == [name_of("two")]
    check(watch)


def test_a_listing_that_may_lack_something_makes_and_deletes_nothing(rotating: Site) -> None:
    watch = watched(rotating)
    watch.item.add_snapshot(body(7)).resource_key = "snapshot-odd.json"
    before = list(watch.item.snapshots)
    rotating.deployment.requests.clear()
    report = rotating.run("two")
    assert len(report["failed"]) == 1
    assert watch.item.snapshots == before
    assert rotating.deployment.requests.counts()["snapshots/create"] == 0


def test_our_copy_stays_readable_after_its_snapshot_has_given_way(rotating: Site) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    rotating.run("two")
    found = contents(f"notebooks/{watch.item.id}/snapshots/{made.resource_key}")
    assert [each.body for each in found.values()] == [made.content]
