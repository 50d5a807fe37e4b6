"""Test that a verification does not miss what an operator erased, and still misses everything else."""

import json
from datetime import timedelta

from notebook_archive.archive import keys
from tests.strict_s3 import BUCKET, plain_client
from tests.verification.scene import Scene, destroy, digits, held


def erase(scene: Scene, item: str, identifier: str = "0123456789ab", status: str = "erased") -> None:
    """Erase a notebook as the command does: write the record, and delete every S3 version."""
    record = {"schema": 1, "erasureId": identifier, "itemIds": [digits(item)], "status": status}
    key = f"erasures/2026-11-23/{identifier}.json"
    plain_client().put_object(Bucket=BUCKET, Key=key, Body=json.dumps(record).encode())
    # The clock of a scene is ahead of S3's.
    held(key).last_modified += timedelta(hours=1)
    for each in scene.archive.list_keys(f"notebooks/{digits(item)}/"):
        destroy(each)


def test_erased_versions_are_not_missing(scene: Scene) -> None:
    erased, kept = scene.add_snapshot("flood"), scene.add_snapshot("map")
    scene.record()
    assert scene.verify("one")["status"] == "complete"
    erase(scene, "flood")
    scene.night = 1
    report = scene.verify("two")
    assert (report["status"], report["versions"]["listed"]) == ("complete", 1)
    assert scene.ledger.read_shard(keys.shard_of(erased)).entries == {}
    assert kept in scene.ledger.read_shard(keys.shard_of(kept)).entries


def test_a_lost_ledger_does_not_bring_erased_versions_back(scene: Scene) -> None:
    erased = scene.add_snapshot("flood")
    scene.record()
    scene.verify("one")
    erase(scene, "flood")
    for key in list(plain_client().list_objects_v2(Bucket="ledger")["Contents"]):
        plain_client().delete_object(Bucket="ledger", Key=key["Key"])
    scene.night = 1
    assert scene.verify("two")["status"] == "complete"
    assert scene.ledger.read_shard(keys.shard_of(erased)).entries == {}


def test_open_findings_end_with_the_erasure(scene: Scene) -> None:
    erased = scene.add_snapshot("flood")
    scene.record()
    destroy(erased)
    report = scene.verify("one")
    assert report["findings"]["missing"] == {"new": 1, "open": 0, "acknowledged": 0}
    erase(scene, "flood")
    scene.night = 1
    assert scene.verify("two")["status"] == "complete"


def test_a_damaged_record_hides_nothing(scene: Scene) -> None:
    erased = scene.add_snapshot("flood")
    scene.record()
    scene.verify("one")
    destroy(erased)
    plain_client().put_object(Bucket=BUCKET, Key="erasures/2026-11-23/0123456789ab.json", Body=b"{")
    scene.night = 1
    assert scene.verify("two")["findings"]["missing"]["new"] == 1


def test_a_refused_erasure_hides_nothing(scene: Scene) -> None:
    scene.add_snapshot("flood")
    scene.record()
    scene.verify("one")
    erase(scene, "flood", status="refused")
    scene.night = 1
    assert scene.verify("two")["findings"]["missing"]["new"] == 1
