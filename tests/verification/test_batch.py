"""Test that a batch hands back what it has no time for, and that the time of a verification is limited."""

import pytest

from notebook_archive.archive import keys
from notebook_archive.errors import ArchiveError
from tests.strict_s3 import BUCKET, Fault, contents, plain_client
from tests.verification.scene import Scene, damage, delete, put_foreign, put_junk


def filled(scene: Scene, count: int = 10) -> Scene:
    for number in range(count):
        scene.add_snapshot(number)
    scene.record()
    return scene


def results(scene: Scene) -> list[str]:
    return list(contents(f"verifications/{scene.started_at[:10]}/one/results/"))


def test_batch_returns_what_it_had_no_time_for(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("one", {"everything": True})
    [batch] = scene.batches(plan)
    scene.seconds = 0
    left = scene.work("one", batch)
    assert left is not None
    assert (left["part"], len(left["checks"])) == (1, len(batch["checks"]) - scene.threads)
    while left:
        left = scene.work("one", left)
    assert len(results(scene)) == 3
    report = scene.report("one", plan)
    assert (report["status"], report["versions"]["read"]) == ("complete", 10)
    assert report["work"]["batches"] == 3


def test_rest_is_left_for_the_next_verification_after_max_hours(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("one", {"everything": True})
    [batch] = scene.batches(plan)
    scene.max_hours = 0
    assert scene.work("one", batch) is None, "nothing is handed back"
    report = scene.report("one", plan)
    assert report["status"] == "complete"
    assert report["versions"]["notReached"] == len(batch["checks"])
    assert f"{len(batch['checks'])} objects not reached in time" in report["message"]
    scene.max_hours = 6
    scene.night = 1
    assert scene.verify("two", {"everything": True})["versions"]["read"] == 10


def test_finding_of_an_object_that_was_not_reached_stays_open(scene: Scene) -> None:
    filled(scene)
    damage(scene.add_snapshot("damaged"))
    first = scene.verify("one", {"everything": True})
    scene.night, scene.max_hours = 1, 0
    second = scene.verify("two")
    assert second["named"] == [{**first["named"][0], "state": "open"}]
    assert second["status"] == "findings"


def test_batch_that_crashed_makes_the_verification_partial(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("one", {"everything": True})
    report = scene.report("one", plan)
    assert report["status"] == "partial"
    [notice] = report["notices"]
    assert notice["reason"] == "not-checked"
    assert notice["message"].startswith("11 objects have no result, because a batch crashed: notebooks/")


def test_batch_that_was_attempted_twice_counts_once(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("one", {"everything": True})
    [batch] = scene.batches(plan)
    scene.s3.faults = [Fault("GetObject", "403-AccessDenied", times=1, part="/snapshots/")]
    scene.work("one", batch)
    scene.work("one", batch)
    assert [key.rpartition("/")[2] for key in results(scene)] == ["000001-again-1.json", "000001.json"]
    report = scene.report("one", plan)
    assert report["versions"]["read"] == 10


def test_results_that_cannot_be_written_fail_the_batch(scene: Scene) -> None:
    filled(scene)
    [batch] = scene.batches(scene.plan("one", {"everything": True}))
    scene.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="/results/")]
    with pytest.raises(ArchiveError):
        scene.work("one", batch)


def test_a_defect_in_one_check_does_not_stop_the_others(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("one", {"everything": True})
    [batch] = scene.batches(plan)
    batch["checks"][0]["kind"] = "unknown"  # type: ignore[typeddict-item]
    assert scene.work("one", batch) is None
    [finding] = scene.report("one", plan)["named"]
    assert (finding["kind"], finding["message"]) == ("unreadable", "A defect: TypeError.")


def test_bucket_without_versions_is_verified(scene: Scene) -> None:
    key = scene.add_snapshot("one")
    scene.add_snapshot("two")
    scene.record()
    listed = [each for shard in keys.SHARDS for each in scene.archive.list_versions(shard)]
    assert len(listed) == 2
    plain_client().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    null = scene.add_snapshot("three")
    scene.record()
    assert scene.verify("clean", {"everything": True})["named"] == []
    damage(null)
    damage(key)
    scene.night = 1
    found = scene.verify("again", {"everything": True})["named"]
    assert {(each["key"], each["kind"]) for each in found} == {(null, "damaged"), (key, "damaged")}


def test_ledger_learns_level_seconds_and_validity(scene: Scene) -> None:
    valid = scene.add_snapshot("valid")
    invalid = scene.add_snapshot(
        "invalid", b'{"cells":[{"cell_type":"code"}],"metadata":{},"nbformat":4,"nbformat_minor":2}'
    )
    put_junk("junk")
    scene.record()
    report = scene.verify(given={"everything": True})
    assert [finding["kind"] for finding in report["named"]] == ["not-a-notebook"], "an invalid notebook is no finding"
    entries = {key: entry for shard in keys.SHARDS for key, entry in scene.ledger.read_shard(shard).entries.items()}
    assert (entries[valid].level, entries[valid].is_valid) == (3, True)
    assert (entries[invalid].level, entries[invalid].is_valid) == (3, False)
    assert entries[valid].proved_at == int(scene.clock() * 1000)
    assert entries[valid].proved_by.endswith("/one")
    assert report["versions"]["levels"]["3"] == 2


def test_ledger_does_not_grow_with_the_number_of_verifications(scene: Scene) -> None:
    filled(scene, 3)
    for night in range(3):
        scene.night = night
        scene.verify(f"night {night}", {"everything": True})
    assert sum(len(scene.ledger.read_shard(shard).entries) for shard in keys.SHARDS) == 3


def test_damaged_reports_do_not_stop_a_verification(scene: Scene) -> None:
    deleted = scene.add_snapshot("deleted")
    scene.record()
    delete(deleted)
    scene.verify("one")
    scene.night = 1
    scene.verify("two")
    put_foreign(f"verifications/{scene.started_at[:10]}/two/findings.jsonl", b"{")
    put_foreign("verifications/notes.txt", b"notes")
    put_foreign("runs/2026-11-29/broken/report.json", b"[]")
    scene.night = 2
    report = scene.verify("three")
    assert [(each["key"], each["state"]) for each in report["named"]] == [(deleted, "open")]
    assert report["arcgis"] is None
