"""Test that a verification compares the archive with the second place, and finds what S3 did not replicate."""

from datetime import timedelta

import pytest

from notebook_archive.archive import SecondPlace
from notebook_archive.verification import count_metrics, replicas
from notebook_archive.verification.replicas import GRACE_HOURS
from tests.second_place import lose, make_second_bucket, replicate
from tests.strict_s3 import ACCOUNT, SECOND_BUCKET, Fault, contents, plain_client
from tests.verification.scene import Scene, damage, delete, destroy, digits, held, notebook, put_foreign, replace


@pytest.fixture
def archive(scene: Scene) -> Scene:
    """Return an archive that is replicated: two snapshots, a copy and an item of one notebook, and one of another.

    A night has passed since then.
    """
    make_second_bucket()
    scene.second_place = SecondPlace(scene.s3.client(1), SECOND_BUCKET, ACCOUNT)
    for number in range(2):
        scene.add_snapshot(f"snapshot {number}", item="item")
    scene.add_copy("copy", item="item")
    scene.add_item("item")
    scene.add_snapshot("another")
    scene.record()
    replicate()
    scene.night = 1
    return scene


def first(kind: str) -> str:
    return next(key for key in contents("notebooks/") if kind in key)


def test_archive_with_all_replicas_has_no_finding(archive: Scene) -> None:
    report = archive.verify()
    assert (report["status"], report["named"], report["notices"]) == ("complete", [], [])
    assert report["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 5, "notReplicated": 0}
    assert "Second place: 5 of 5 objects replicated." in report["message"]
    assert count_metrics(report)["ObjectsNotReplicated"] == 0


def test_archive_without_second_place_says_nothing_of_it(archive: Scene) -> None:
    archive.second_place = None
    report = archive.verify()
    assert (report["status"], report["secondPlace"]) == ("complete", None)
    assert "econd place" not in report["message"]
    assert "ObjectsNotReplicated" not in count_metrics(report)


@pytest.mark.parametrize("kind", ["/snapshots/", "/current/", "/item.json"])
def test_object_without_replica_is_found(archive: Scene, kind: str) -> None:
    key = first(kind)
    lose(key)
    report = archive.verify()
    [finding] = report["named"]
    assert report["status"] == "findings"
    assert (finding["kind"], finding["key"], finding["versionId"]) == ("not-replicated", key, held(key).version_id)
    assert "docs/verify.md, Not replicated" in finding["remedy"]
    assert report["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 5, "notReplicated": 1}
    assert count_metrics(report)["ObjectsNotReplicated"] == 1


def test_finding_closes_when_the_replica_comes(archive: Scene) -> None:
    key = first("/snapshots/")
    lose(key)
    since = archive.verify("one")["named"][0]["since"]
    archive.night = 2
    again = archive.verify("two")
    assert [(each["state"], each["since"]) for each in again["named"]] == [("open", since)]
    replicate(key)
    archive.night = 3
    assert archive.verify("three")["status"] == "complete"


def test_missing_replica_casts_no_doubt_on_its_original(archive: Scene) -> None:
    key = first("/snapshots/")
    archive.verify("whole", {"everything": True})
    lose(key)
    archive.night = 2
    archive.verify("one")
    entry = archive.ledger.find_entry(key)
    assert entry is not None
    assert entry.findings == ()
    archive.night = 3
    plan = archive.plan("two")
    assert key not in {check["key"] for check in archive.checks(plan)}


def test_new_object_has_hours_to_be_replicated(archive: Scene) -> None:
    key = archive.add_snapshot("new", item="item")
    archive.record()
    held(key).last_modified = archive.now - timedelta(hours=GRACE_HOURS) + timedelta(minutes=1)
    assert archive.verify("one")["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 5, "notReplicated": 0}
    held(key).last_modified -= timedelta(minutes=2)
    assert archive.verify("two")["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 6, "notReplicated": 1}


def test_older_s3_version_of_a_snapshot_needs_its_replica(archive: Scene) -> None:
    key = first("/snapshots/")
    older = replace(key)
    lose(key)
    archive.night = 2
    found = [each for each in archive.verify()["named"] if each["kind"] == "not-replicated"]
    assert {each["versionId"] for each in found} == {older, held(key).version_id}


def test_older_item_properties_need_no_replica(archive: Scene) -> None:
    archive.add_item("item")
    key = first("/item.json")
    lose(key)
    archive.night = 2
    [finding] = archive.verify()["named"]
    assert finding["versionId"] == held(key).version_id


def test_deletion_in_the_archive_does_not_reach_the_second_place(archive: Scene) -> None:
    hidden, gone = sorted(key for key in contents("notebooks/") if "/snapshots/" in key)[:2]
    delete(hidden)
    destroy(gone)
    replicate()
    archive.night = 2
    report = archive.verify()
    assert sorted(each["kind"] for each in report["named"]) == ["missing", "missing"]
    kept = plain_client().list_object_versions(Bucket=SECOND_BUCKET, Prefix="notebooks/")["Versions"]
    assert {hidden, gone} <= {each["Key"] for each in kept}


def test_damaged_version_without_replica_has_two_findings(archive: Scene) -> None:
    key = first("/snapshots/")
    lose(key)
    damage(key)
    report = archive.verify(given={"everything": True})
    assert [each["kind"] for each in report["named"]] == ["damaged", "not-replicated"]
    assert len({each["findingId"] for each in report["named"]}) == 2


def test_replica_of_other_size_does_not_count(archive: Scene) -> None:
    key = first("/snapshots/")
    lose(key)
    put_foreign(key, notebook("longer, so the sizes differ"), {"sha256": ""})
    replicate(key)
    held(key).value = b"{}"
    archive.night = 2
    assert key in {each["key"] for each in archive.verify()["named"] if each["kind"] == "not-replicated"}


def test_chosen_items_are_compared_and_others_stay_open(archive: Scene) -> None:
    key = first(f"{digits('item')}/snapshots/")
    lose(key)
    archive.verify("one")
    replicate(key)
    archive.night = 2
    other = archive.verify("two", {"itemIds": [digits("another")]})
    assert [(each["key"], each["state"]) for each in other["named"]] == [(key, "open")]
    assert other["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 1, "notReplicated": 0}
    assert "ObjectsNotReplicated" not in count_metrics(other), "it could hide what others have"
    assert archive.verify("three", {"itemIds": [digits("item")]})["named"] == []


def test_acknowledged_finding_does_not_count(archive: Scene) -> None:
    lose(first("/snapshots/"))
    archive.acknowledge(archive.verify("one")["named"][0]["findingId"])
    archive.night = 2
    report = archive.verify("two")
    assert (report["status"], count_metrics(report)["ObjectsNotReplicated"]) == ("complete", 0)


@pytest.mark.parametrize("kind", ["403-AccessDenied", "timeout"])
def test_unlisted_second_place_does_not_stop_a_verification(archive: Scene, kind: str) -> None:
    assert archive.second_place
    lose(first("/snapshots/"))
    archive.verify("one")
    archive.s3.faults = [Fault("ListObjectVersions", kind, None, bucket=SECOND_BUCKET)]
    archive.night = 2
    report = archive.verify("two", {"everything": True})
    assert report["status"] == "findings", "what was open stays open"
    assert [notice["reason"] for notice in report["notices"]] == ["second-place-not-listed"]
    assert report["secondPlace"] is None
    assert report["versions"]["read"] == 4
    assert "ObjectsNotReplicated" not in count_metrics(report)


def test_findings_are_limited_and_all_are_counted(archive: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "MAX_FINDINGS", 2)
    for key in contents("notebooks/"):
        lose(key)
    report = archive.verify()
    assert report["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 5, "notReplicated": 5}
    assert report["findings"]["not-replicated"]["new"] == 2
    assert count_metrics(report)["ObjectsNotReplicated"] == 5
