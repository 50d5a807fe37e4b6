"""Test captures: which notebooks get a snapshot, what happens at the limit, and which snapshots are never deleted."""

import hashlib
import json

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item, LocalArcGIS, Snapshot
from local.arcgis.organisation import now_ms
from notebook_archive.archive import RunId
from notebook_archive.backup import current_content as content
from notebook_archive.backup.capture import START_SECONDS
from notebook_archive.backup.job import PAUSE_SECONDS
from notebook_archive.backup.slots import CAPTURE_PREFIX, capture_name
from notebook_archive.runs import count_metrics
from tests.runs.conftest import MakeSite
from tests.runs.scene import (
    HOUR_MS,
    Watch,
    age,
    archived,
    body,
    captured_seed,
    check,
    makers,
    ours,
    save,
    watched,
)
from tests.site import STARTED_AT, Site, check_archive, check_report, stored_snapshots
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, contents


def name_of(run: str) -> str:
    return capture_name(RunId.from_execution(run, STARTED_AT))


@pytest.fixture
def capturing(make_site: MakeSite) -> Site:
    return make_site(captured_seed(), captures=True)


@pytest.fixture
def rotating(make_site: MakeSite) -> Site:
    return make_site(captured_seed(), captures=True, rotates=True)


@pytest.mark.parametrize("kind", ["enterprise", "online", "kubernetes"])
def test_one_run_captures_and_archives_a_notebook(running: LocalArcGIS, make_site: MakeSite, kind: str) -> None:
    site = make_site(captured_seed(), captures=True)
    site.deployment = next(each for each in running.deployments if each.kind == kind)
    site.start()
    report = site.run("one")
    [snapshot] = site.item("Alone").snapshots
    assert (snapshot.name, snapshot.private, snapshot.content) == (name_of("one"), True, body(0))
    assert stored_snapshots() == site.sources()
    assert report["snapshots"]["archived"] == 1
    noted = archived()[snapshot.resource_key].metadata
    assert (noted["snapshot-name"], noted["run-id"]) == (name_of("one"), "2026-11-22/one")
    assert makers() == {snapshot.resource_key: "2026-11-22/one"}
    check_archive(site)
    check_report(report)


@pytest.fixture
def kubernetes(running: LocalArcGIS, make_site: MakeSite) -> Site:
    """Return a site on Kubernetes that captures one notebook with one cell."""
    site = make_site(captured_seed(), captures=True)
    site.deployment = running.kubernetes
    site.start()
    site.item("Alone").content = body(0).replace(b"[]", b'[{"cell_type":"markdown","metadata":{},"source":"x"}]')
    return site


def test_on_kubernetes_the_content_is_sent(kubernetes: Site) -> None:
    kubernetes.deployment.switches.kubernetes_empty_snapshots = True
    item = kubernetes.item("Alone")
    assert kubernetes.run("one")["status"] == "complete"
    [snapshot] = item.snapshots
    assert snapshot.content == item.content
    age(item)
    assert kubernetes.run("two")["status"] == "complete"
    assert len(item.snapshots) == 1


def test_an_empty_snapshot_is_never_a_capture(kubernetes: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content that is too large for a form is not sent, so ArcGIS may make an empty snapshot."""
    monkeypatch.setattr(content, "MAX_FORM_BYTES", 10)
    kubernetes.deployment.switches.kubernetes_empty_snapshots = True
    item = kubernetes.item("Alone")
    item.modified -= HOUR_MS
    for name in ("one", "two", "three"):
        age(item)
        report = kubernetes.run(name)
        [failed] = report["failed"]
        assert "contains something else" in failed["message"]
        check_report(report)
        assert not [key for key in contents("notebooks/") if key.endswith(".captured")]
    assert len(item.snapshots) == 1, "no slot is filled for nothing"
    save(item, 1)
    kubernetes.deployment.switches.kubernetes_empty_snapshots = False
    assert kubernetes.run("four")["status"] == "complete"
    assert item.snapshots[-1].content == body(1)


def test_large_content_is_not_sent(kubernetes: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_FORM_BYTES", 10)
    item = kubernetes.item("Alone")
    assert kubernetes.run("one")["status"] == "complete"
    assert item.snapshots[0].content == item.content


def test_a_refused_capture_is_reported(kubernetes: Site) -> None:
    """The administrator can archive the notebook, but no credential can capture it."""
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    kubernetes.item("Alone").add_snapshot(body(0), "Mine")
    report = kubernetes.run("one")
    assert report["snapshots"]["archived"] == 1
    assert report["snapshots"]["skipped"] == {"permission-denied": 1}
    assert stored_snapshots() == kubernetes.sources()
    assert {each.metadata["route"] for each in archived().values()} == {"portal"}
    check_report(report)


def test_capture_counts_once_if_an_s3_response_is_lost(capturing: Site) -> None:
    capturing.s3.faults.append(Fault("PutObject", "lost-answer", part="/outcomes/"))
    report = capturing.run("one")
    assert len(capturing.archive.list_keys("runs/2026-11-22/one/outcomes/")) == 2
    assert report["captured"] == len(capturing.deployment.organisation.notebooks())


def test_capture_makes_only_the_necessary_calls(capturing: Site) -> None:
    capturing.run("zero")
    save(capturing.item("Alone"), 1)
    plan = capturing.plan("one")
    capturing.deployment.requests.clear()
    capturing.s3.calls.clear()
    for batch in capturing.batches(plan):
        capturing.work("one", batch)
    assert capturing.deployment.requests.counts() == {
        "snapshots/list": 3,
        "items/data": 1,
        "snapshots/create": 1,
        "snapshots/download": 1,
    }
    assert capturing.s3.counts() == {
        "GetObject": 1,  # whether a run made the existing snapshot a moment ago
        "HeadObject": 3,  # the note that the content is captured, and the digests of the old and the new snapshot
        "PutObject": 6,  # the capture record, the snapshot, the note, item.json, the store record, the outcome
    }


def test_unchanged_notebook_costs_one_call_with_captures(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    capturing.run("one")
    age(item)
    plan = capturing.plan("two")
    capturing.deployment.requests.clear()
    for batch in capturing.batches(plan):
        capturing.work("two", batch)
    assert capturing.deployment.requests.counts() == {"snapshots/list": 1}
    assert len(item.snapshots) == 1


def test_save_in_the_same_second_as_a_snapshot_is_captured(capturing: Site) -> None:
    """Test this for both orders of the two, and for different times."""
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    capturing.run("one")
    age(item)
    newest = item.snapshots[-1].created
    for number, modified in enumerate((newest + 1, newest, newest - 1), 1):
        item.content, item.modified = body(number), modified
        age(item)
        capturing.run(f"save-{number}")
    assert [snapshot.content for snapshot in item.snapshots] == [body(number) for number in range(4)]


def test_new_title_alone_causes_one_check_and_no_capture(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    capturing.run("one")
    item.title, item.modified = "Renamed", item.modified + 60_000
    age(item)
    capturing.deployment.requests.clear()
    for name in ("two", "three", "four"):
        assert capturing.run(name)["status"] == "complete"
    counts = capturing.deployment.requests.counts()
    assert (counts["items/data"], counts["snapshots/create"]) == (1, 0)


def test_no_capture_is_made_if_a_person_just_took_a_snapshot(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    item.add_snapshot(body(0), "Mine")
    capturing.deployment.requests.clear()
    for name in ("one", "two", "three"):
        assert capturing.run(name)["status"] == "complete"
    counts = capturing.deployment.requests.counts()
    assert (counts["items/data"], counts["snapshots/create"]) == (1, 0)


def test_capture_with_other_bytes_is_made_once(capturing: Site) -> None:
    """ArcGIS may make a snapshot whose bytes differ from the content's."""
    capturing.deployment.switches.snapshots_written_anew = True
    item = capturing.item("Alone")
    for number in range(4):
        capturing.run(f"night-{number}")
        age(item)
    assert len(item.snapshots) == 1


def test_a_capture_that_somebody_deleted_is_not_made_again(capturing: Site) -> None:
    item = capturing.item("Alone")
    for number in range(3):
        capturing.run(f"night-{number}")
        item.snapshots.clear()
    assert len(archived()) == 1
    assert capturing.deployment.requests.counts()["snapshots/create"] == 1


def test_restored_portal_captures_no_content_twice(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    before = item.modified
    capturing.run("one")
    item.content, item.modified = body(1), before + 60_000
    age(item)
    capturing.run("two")
    item.content, item.modified = body(0), before
    for number in range(4):
        age(item)
        capturing.run(f"after-{number}")
    assert [snapshot.content for snapshot in item.snapshots] == [body(0), body(1)]


def test_a_notebook_that_cannot_be_archived_fills_no_slot(capturing: Site) -> None:
    watch = Watch(capturing.item("Alone"))
    watch.item.add_snapshot(b'{"cells":[]}', "Broken")
    for number in range(3):
        save(watch.item, number)
        assert len(capturing.run(f"night-{number}")["failed"]) == 1
    assert len(watch.item.snapshots) == 1
    assert capturing.deployment.requests.counts()["snapshots/create"] == 0


def test_content_that_is_not_a_notebook_is_not_captured(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.content = b'{"cells":[]}'
    report = capturing.run("one")
    assert [entry["reason"] for entry in report["failed"]] == ["not-a-notebook"]
    assert item.snapshots == []


def test_a_notebook_without_content_is_not_captured(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.content = b""
    report = capturing.run("one")
    assert (report["status"], [entry["reason"] for entry in report["skipped"]]) == ("complete", ["no-content"])
    assert item.snapshots == []


def test_an_archive_that_refuses_writes_costs_one_slot(rotating: Site) -> None:
    item = rotating.item("Alone")
    watch = Watch(item)
    rotating.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="/snapshots/")]
    for number in range(7):
        save(item, number)
        assert rotating.run(f"night-{number}")["failed"]
    assert len(item.snapshots) == 1
    rotating.s3.faults.clear()
    for number in range(7, 14):
        save(item, number)
        assert rotating.run(f"night-{number}")["status"] == "complete"
        check(watch)
    assert len(item.snapshots) == 5
    assert [snapshot.content for snapshot in item.snapshots[1:]] == [body(number) for number in range(10, 14)]


def test_snapshot_taken_during_capture_is_archived_and_kept(capturing: Site) -> None:
    """Somebody takes the snapshot while the run lists the snapshots. It has other content than the notebook."""
    item = capturing.item("Alone")
    watch = Watch(item)
    watch.by_hand(3)
    capturing.s3.deeds.append(("HeadObject", ".captured", lambda: watch.by_hand(2)))
    report = capturing.run("one")
    assert (report["status"], capturing.deployment.requests.counts()["snapshots/create"]) == ("complete", 0)
    assert stored_snapshots() == capturing.sources()
    item.snapshots.pop()
    capturing.run("two")
    assert item.snapshots[-1].content == body(0), "content without a snapshot is captured as soon as there is room"


def test_a_save_during_a_capture_is_captured_later(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified -= HOUR_MS
    capturing.s3.deeds.append(("HeadObject", ".captured", lambda: setattr(item, "content", body(1))))
    capturing.run("one")
    assert [snapshot.content for snapshot in item.snapshots] == [body(1)]
    save(item, 0)
    capturing.run("two")
    assert [snapshot.content for snapshot in item.snapshots] == [body(1), body(0)]


def test_a_capture_archived_by_another_run_is_deleted_in_time(rotating: Site) -> None:
    """Another invocation may list the new snapshot before the invocation that made it has stored it."""
    item = rotating.item("Alone")
    watch = Watch(item)
    for number in range(8):
        save(item, number)
        rotating.s3.deeds = [("PutObject", "/captures/", lambda night=number: rotating.run(f"other-{night}"))]  # type: ignore[misc]
        assert rotating.run(f"night-{number}")["status"] == "complete"
        assert rotating.s3.deeds == []
        check(watch)
    assert [snapshot.content for snapshot in item.snapshots] == [body(number) for number in range(3, 8)]
    assert len(makers()) == len(archived()) == 8


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("saves", [1, 12])
def test_restored_portal_causes_no_new_captures(make_site: MakeSite, saves: int, anew: bool) -> None:
    site = make_site(captured_seed(), captures=True, slots=50)
    site.deployment.switches.max_snapshots = 50
    site.deployment.switches.snapshots_written_anew = anew
    item = site.item("Alone")
    before = item.modified = now_ms()  # within ten minutes of the change, so no note is final
    site.run("first")
    for number in range(saves):
        item.content, item.modified = body(number + 1), before + number + 1
        age(item)
        site.run(f"save-{number}")
    made = len(item.snapshots)
    item.content, item.modified = body(0), before
    for number in range(3):
        age(item)
        assert site.run(f"after-{number}")["status"] == "complete"
    assert len(item.snapshots) == made == saves + 1


def test_alternating_contents_make_two_snapshots(capturing: Site) -> None:
    item = capturing.item("Alone")
    for number in range(6):
        save(item, number % 2)
        capturing.run(f"night-{number}")
    assert [snapshot.content for snapshot in item.snapshots] == [body(0), body(1)]


def test_an_unchanged_full_notebook_costs_no_download(capturing: Site) -> None:
    watch = watched(capturing)
    watch.item.modified -= HOUR_MS
    for name in ("two", "three", "four"):
        report = capturing.run(name)
        assert [entry["reason"] for entry in report["skipped"]] == ["no-free-slot"]
        counts = capturing.deployment.requests.counts()
        capturing.deployment.requests.clear()
    assert (counts["items/data"], counts["snapshots/create"], counts["snapshots/list"]) == (0, 0, 1)
    watch.item.snapshots.pop()
    capturing.run("five")
    assert ours(watch.item)[-1].content == body(1)


@pytest.mark.parametrize("kind", ["http-500", "hang-up", "shape-a", "shape-e"])
def test_a_capture_with_a_failed_listing_is_deleted_in_time(rotating: Site, kind: str) -> None:
    item = rotating.item("Alone")
    rotating.deployment.faults.add("snapshots/list", kind, after=2, times=None)
    assert rotating.run("one")["captured"] == 1
    rotating.deployment.faults.clear()
    rotating.run("two")
    [made] = item.snapshots
    assert makers() == {made.resource_key: "2026-11-22/one"}
    for number in range(1, 6):
        save(item, number)
        assert rotating.run(f"night-{number}")["status"] == "complete"
    assert made not in item.snapshots


@pytest.mark.parametrize("kind", ["500-InternalError", "409-ConditionalRequestConflict", "timeout", "lost-answer"])
def test_a_failed_capture_record_is_written_again(capturing: Site, kind: str) -> None:
    capturing.s3.faults = [Fault("PutObject", kind, times=1 if kind.startswith("409") else 2, part="/captures/")]
    assert capturing.run("one")["status"] == "complete"
    assert len(makers()) == 1


def test_unwritable_capture_record_fails_the_notebook(capturing: Site) -> None:
    capturing.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="/captures/")]
    report = capturing.run("one")
    assert [entry["reason"] for entry in report["failed"]] == ["archive-denied"]
    assert stored_snapshots() == capturing.sources()


@pytest.mark.parametrize("refused", [".captured", "/current/"])
def test_refused_notes_do_not_capture_content_twice(capturing: Site, refused: str) -> None:
    capturing.deployment.switches.snapshots_written_anew = True
    capturing.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part=refused)]
    for number in range(4):
        assert capturing.run(f"night-{number}")["failed"]
    assert len(capturing.item("Alone").snapshots) <= 1


def test_content_that_differs_at_each_fetch_is_reported(capturing: Site) -> None:
    item = capturing.item("Alone")
    item.modified = now_ms()
    for number in range(5):
        item.content = body(number)
        report = capturing.run(f"night-{number}")
    assert len(item.snapshots) == 2, "once may be because the portal shows the time before the content"
    assert [entry["reason"] for entry in report["failed"]] == ["unexpected-answer"]


@pytest.mark.parametrize("kind", ["http-500", "hang-up", "shape-a"])
def test_deletion_is_reported_even_if_a_later_step_fails(
    rotating: Site, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watched(rotating)
    [oldest] = ours(watch.item)
    rotating.deployment.faults.add("snapshots/list", kind, after=3, times=None)
    report = rotating.run("two")
    assert oldest not in watch.item.snapshots
    assert [entry["resourceKey"] for entry in report["freed"]] == [oldest.resource_key]
    assert len(report["failed"]) == 1
    assert f"{oldest.resource_key} of item {watch.item.id} is deleted" in caplog.text
    check(watch)


def test_no_snapshot_is_made_with_little_time_left(make_site: MakeSite) -> None:
    site = make_site(captured_seed(), captures=True)
    site.seconds = START_SECONDS - 1
    report = site.run("one")
    assert [entry["reason"] for entry in report["failed"]] == ["deadline-exceeded"]
    assert site.item("Alone").snapshots == []


def test_content_is_fetched_once_with_archive_current(make_site: MakeSite) -> None:
    site = make_site(captured_seed(), captures=True, archive_current=True)
    report = site.run("one")
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 2)
    assert site.deployment.requests.counts()["items/data"] == 1
    check_archive(site)


def test_no_snapshot_is_made_by_default(make_site: MakeSite) -> None:
    site = make_site(captured_seed())
    site.run("one")
    assert site.item("Alone").snapshots == []
    assert site.deployment.requests.counts()["snapshots/create"] == 0


def test_nothing_is_captured_without_the_owners_credential(make_site: MakeSite) -> None:
    site = make_site(captures=False)
    item = next(i for i in site.deployment.organisation.notebooks() if i.owner == "ana" and i.snapshots)
    site.captures, site.route = True, "portal"
    site.start()
    save(item, 1)
    report = site.run("one", [item.id])
    assert (report["status"], report["notebooks"]["failed"]) == ("complete", {})
    assert site.deployment.requests.counts()["snapshots/create"] == 0
    assert not ours(item)


@pytest.mark.parametrize("clock_ms", [-HOUR_MS, 0, HOUR_MS])
def test_frequent_saves_make_one_snapshot_per_quarter_hour(make_site: MakeSite, clock_ms: int) -> None:
    """The function's clock decides, not the portal's."""
    site = make_site(captured_seed(), captures=True, pause_seconds=PAUSE_SECONDS)
    item = site.item("Alone")
    for number in range(4):
        item.content = body(number)
        item.modified += 60_000
        site.run(f"save-{number}")
        item.snapshots[0].created = now_ms() + clock_ms
    assert len(item.snapshots) == 1
    site.pause_seconds = 0.0
    site.start()
    site.run("later")
    assert [snapshot.content for snapshot in item.snapshots] == [body(0), body(3)]


def test_capture_that_changes_modified_causes_no_new_capture(capturing: Site) -> None:
    capturing.deployment.switches.snapshot_bumps_modified = True
    capturing.run("one")
    item = capturing.item("Alone")
    for snapshot in item.snapshots:
        snapshot.created -= 2 * HOUR_MS
    item.modified -= 2 * HOUR_MS
    capturing.run("two")
    assert len(item.snapshots) == 1


def test_retried_run_captures_once(capturing: Site) -> None:
    plan = capturing.plan("one")
    for batch in capturing.batches(plan) * 3:
        capturing.work("one", batch)
    assert len(capturing.item("Alone").snapshots) == 1


def test_lost_response_is_looked_up_and_not_retried(capturing: Site) -> None:
    capturing.deployment.faults.add("snapshots/create", "hang-up")
    report = capturing.run("one")
    assert len(capturing.item("Alone").snapshots) == 1
    assert stored_snapshots() == capturing.sources()
    assert report["status"] == "complete"
    assert makers() == {}, "a name alone does not prove who made it"


@pytest.mark.parametrize("kind", ["http-500", "shape-a", "shape-b", "shape-c", "shape-d", "shape-e", "shape-f"])
@pytest.mark.parametrize("rotates", [False, True])
def test_failed_capture_is_reported_and_the_rest_archived(make_site: MakeSite, kind: str, rotates: bool) -> None:
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
def test_at_the_limit_nothing_is_deleted_without_rotation(capturing: Site, shape: str) -> None:
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
def test_at_the_limit_our_oldest_archived_snapshot_is_deleted(
    rotating: Site, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    rotating.deployment.switches.snapshot_change_error_shape = shape  # type: ignore[assignment]
    watch = watched(rotating)
    [oldest] = ours(watch.item)
    plan = rotating.plan("two")
    rotating.deployment.requests.clear()
    rotating.s3.calls.clear()
    for batch in rotating.batches(plan):
        rotating.work("two", batch)
    assert rotating.deployment.requests.counts() == {
        "snapshots/list": 5,
        "snapshots/create": 2,
        "snapshots/delete": 1,
        "snapshots/download": 1 + 5,  # the proof, and the new snapshot
        "items/data": 1,
    }
    assert rotating.s3.counts() == {"GetObject": 3, "HeadObject": 1 + 5 + 1, "PutObject": 5 + 5}
    assert oldest not in watch.item.snapshots
    assert [snapshot.name for snapshot in ours(watch.item)] == [name_of("two")]
    assert len(watch.item.snapshots) == 5
    assert stored_snapshots().keys() >= rotating.sources().keys()
    report = rotating.report("two", plan)
    freed = {"itemId": watch.item.id, "title": "Alone", "owner": "ana", "resourceKey": oldest.resource_key}
    assert (report["status"], report["captured"], report["freed"]) == ("complete", 1, [freed])
    assert (count_metrics(report)["SnapshotsCaptured"], count_metrics(report)["SlotsFreed"]) == (1, 1)
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"{oldest.resource_key} of item {watch.item.id} is deleted in ArcGIS" in line
    assert hashlib.sha256(body(0)).hexdigest() in line
    check(watch)


def test_freed_slot_is_reported_if_arcgis_refuses_again(rotating: Site) -> None:
    watch = watched(rotating)
    [oldest] = ours(watch.item)
    rotating.deployment.requests.clear()
    rotating.deployment.faults.add("snapshots/create", "shape-a", code=400, after=1)
    report = rotating.run("two")
    freed = {"itemId": watch.item.id, "title": "Alone", "owner": "ana", "resourceKey": oldest.resource_key}
    assert (report["status"], report["captured"], report["freed"]) == ("failed", 0, [freed])
    assert report["notebooks"]["failed"] == {"request-rejected": 1}
    assert rotating.deployment.requests.counts()["snapshots/create"] == 2, "not sent a third time"
    assert oldest.resource_key in archived()
    check_report(report)
    check(watch)

    rotating.deployment.faults.clear()
    report = rotating.run("three")
    assert (report["captured"], report["freed"]) == (1, []), "the slot is still free"
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


@pytest.mark.parametrize("name", [CAPTURE_PREFIX, f"{CAPTURE_PREFIX}2026-11-22/old", f"{CAPTURE_PREFIX}2026-11-22/one"])
def test_persons_snapshot_with_our_name_is_kept(rotating: Site, name: str) -> None:
    watch = Watch(rotating.item("Alone"))
    watch.by_hand(1, name)
    watch.by_hand(4)
    save(watch.item, 1)
    rotating.run("one")  # archives it, with this run's id in its metadata
    save(watch.item, 2)
    report = rotating.run("two")
    assert [entry["reason"] for entry in report["skipped"]] == ["no-free-slot"]
    assert len(watch.item.snapshots) == 5
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    check(watch)


def test_persons_copy_of_a_deleted_capture_is_kept(rotating: Site) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    watch.item.snapshots.remove(made)
    watch.by_hand(1, made.name)
    rotating.run("two")
    save(watch.item, 3)
    rotating.run("three")
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    check(watch)


def key_of(item: Item, snapshot: Snapshot) -> str:
    return f"notebooks/{item.id}/snapshots/{snapshot.resource_key}"


def damage(site: Site, item: Item, how: str) -> None:
    """Change the archived copy of our snapshot, or the bytes that ArcGIS serves for it."""
    [made] = ours(item)
    key, noted = key_of(item, made), f"notebooks/{item.id}/captures/{made.resource_key}"
    versions = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys
    if how == "damaged":
        versions[key].value = body(99)
    elif how == "not noted":
        versions.pop(noted)
    elif how == "of another run":
        site.archive.put_document(noted, {**json.loads(versions[noted].value), "runId": "2026-11-22/elsewhere"})
    elif how == "garbled":
        site.archive.put_document(noted, {"runId": ["2026-11-22/first"]})
    elif how == "different":
        made.content = body(98)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("not noted", "no-free-slot"),
        ("of another run", "no-free-slot"),
        ("garbled", "no-free-slot"),
        ("damaged", "archive-damaged"),
        ("different", "archive-conflict"),
    ],
)
def test_nothing_is_deleted_without_a_complete_archived_copy(rotating: Site, how: str, reason: str) -> None:
    watch = watched(rotating)
    damage(rotating, watch.item, how)
    keys = [snapshot.resource_key for snapshot in watch.item.snapshots]
    report = rotating.run("two")
    assert [entry["reason"] for entry in (*report["skipped"], *report["failed"])] == [reason]
    assert [snapshot.resource_key for snapshot in watch.item.snapshots] == keys
    assert rotating.deployment.requests.counts()["snapshots/delete"] == 0
    assert how == "damaged" or set(keys) <= archived().keys()


def test_a_missing_copy_is_made_again_before_the_deletion(rotating: Site) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys.pop(key_of(watch.item, made))
    assert rotating.run("two")["status"] == "complete"
    assert made not in watch.item.snapshots
    check(watch)


@pytest.mark.parametrize("kind", ["cut-body", "length-too-short", "shape-a", "http-500", "hang-up", "shape-e"])
def test_a_snapshot_that_arcgis_does_not_serve_is_not_deleted(rotating: Site, kind: str) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    rotating.deployment.faults.add("snapshots/download", kind)
    rotating.run("two")
    assert made in watch.item.snapshots
    check(watch)


def test_if_one_copy_is_damaged_the_next_capture_is_deleted(rotating: Site) -> None:
    watch = watched(rotating)
    [first] = ours(watch.item)
    watch.item.snapshots.pop()
    watch.persons &= {snapshot.resource_key for snapshot in watch.item.snapshots}
    watch.ever = {snapshot.resource_key: snapshot for snapshot in watch.item.snapshots}
    assert rotating.run("two")["status"] == "complete"
    second = ours(watch.item)[-1]
    s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[key_of(watch.item, first)].value = body(99)
    save(watch.item, 2)
    report = rotating.run("three")
    assert [entry["reason"] for entry in report["failed"]] == ["archive-damaged"]
    assert first in watch.item.snapshots
    assert second not in watch.item.snapshots
    assert ours(watch.item)[-1].content == body(2)
    assert len(watch.item.snapshots) == 5
    creations = rotating.deployment.requests.counts()["snapshots/create"]
    rotating.run("four")
    assert rotating.deployment.requests.counts()["snapshots/create"] == creations, "that content is captured"


@pytest.mark.parametrize("served", [b"not a notebook", b'{"error":{"code":400,"message":"No."}}'])
def test_if_a_capture_is_not_served_the_next_is_deleted(rotating: Site, served: bytes) -> None:
    item = rotating.item("Alone")
    for number in range(5):
        save(item, number)
        rotating.run(f"night-{number}")
    first, second, *_ = item.snapshots
    first.content = served
    save(item, 5)
    assert len(rotating.run("broken")["failed"]) == 1
    assert first in item.snapshots
    assert second not in item.snapshots
    assert item.snapshots[-1].content == body(5)


def test_a_server_that_drops_the_oldest_loses_nothing(capturing: Site) -> None:
    """A run archives all listed snapshots before it makes a new one."""
    capturing.deployment.switches.create_at_limit = "drop-oldest"
    item = capturing.item("Alone")
    for number in range(5):
        item.add_snapshot(body(100 + number), f"Mine {number}")
    sources = capturing.sources()
    report = capturing.run("one")
    assert [entry["reason"] for entry in report["failed"]] == ["unexpected-answer"]
    assert stored_snapshots().items() >= sources.items()
    assert stored_snapshots().items() >= capturing.sources().items()
    assert len(capturing.sources().keys() & sources.keys()) == 4


def test_different_limit_of_the_server_is_respected(make_site: MakeSite) -> None:
    site = make_site(captured_seed(), captures=True, rotates=True, slots=3)
    site.deployment.switches.max_snapshots = 3
    watch = Watch(site.item("Alone"))
    watch.by_hand(2)
    for number in range(4):
        save(watch.item, number)
        assert site.run(f"night-{number}")["status"] == "complete"
        check(watch)
    assert [snapshot.content for snapshot in ours(watch.item)] == [body(3)]


@pytest.mark.parametrize("kind", ["shape-a", "shape-c", "shape-e", "http-403"])
def test_refused_deletion_is_reported(rotating: Site, kind: str) -> None:
    watch = watched(rotating)
    rotating.deployment.faults.add("snapshots/delete", kind, code=400)
    report = rotating.run("two")
    assert len(report["failed"]) == 1
    assert len(watch.item.snapshots) == 5
    assert rotating.deployment.requests.counts()["snapshots/create"] == 2, "of both runs"
    check(watch)


def test_deletion_with_lost_response_is_looked_up(rotating: Site) -> None:
    watch = watched(rotating)
    rotating.deployment.faults.add("snapshots/delete", "hang-up", times=1)
    assert rotating.run("two")["status"] == "complete"
    assert [snapshot.name for snapshot in ours(watch.item)] == [name_of("two")]
    check(watch)


def test_a_doubtful_listing_makes_and_deletes_nothing(rotating: Site) -> None:
    watch = watched(rotating)
    watch.item.add_snapshot(body(7)).resource_key = "snapshot-odd.json"
    before = list(watch.item.snapshots)
    rotating.deployment.requests.clear()
    report = rotating.run("two")
    assert len(report["failed"]) == 1
    assert watch.item.snapshots == before
    assert rotating.deployment.requests.counts()["snapshots/create"] == 0


def test_a_copy_stays_readable_after_its_snapshot_is_deleted(rotating: Site) -> None:
    watch = watched(rotating)
    [made] = ours(watch.item)
    rotating.run("two")
    found = contents(key_of(watch.item, made))
    assert [each.body for each in found.values()] == [made.content]
