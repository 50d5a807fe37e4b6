"""Test restores from the second place, to which S3 replicated the archive."""

import pytest

from notebook_archive.errors import (
    ArchiveDamaged,
    ArchiveDenied,
    RestoreIdTaken,
    RestoreInputInvalid,
    SecondPlaceMissing,
    VersionMissing,
)
from tests.restore.conftest import MakeScene
from tests.restore.many import ManyScene
from tests.restore.scene import RestoreScene, delete_object, put_object, version_ids
from tests.second_place import held_replica, lose, lose_bucket, make_second_bucket, replicate
from tests.strict_s3 import SECOND_BUCKET, contents, make_bucket, plain_client

FROM = {"from": "second-place"}


@pytest.fixture
def replicated(make_scene: MakeScene) -> RestoreScene:
    """Return a site whose archive has a second place with everything that the archive has."""
    scene = make_scene(has_second_place=True)
    make_second_bucket()
    replicate()
    return scene


def test_notebook_comes_back_after_the_archive_bucket_is_lost(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    replicated.site.deployment.organisation.folders["ana"] = ["Models"]
    replicated.site.deployment.organisation.groups.append("Rivers")
    replicated.delete(item)
    lose_bucket()
    with pytest.raises(ArchiveDenied):
        replicated.restore(item, "new", **FROM)  # the record of the restore needs a bucket
    make_bucket()
    with pytest.raises(VersionMissing, match="The archive has no object"):
        replicated.restore(item, "new")
    record = replicated.restore(item, "new", **FROM)
    assert (record["status"], record["level"], record["differences"]) == ("restored", 5, [])
    made = replicated.items[record["newItemId"]]
    assert made.content == item.snapshots[-1].content
    assert (made.owner, made.folder, made.tags) == (item.owner, item.folder, item.tags)
    assert contents(f"restores/{record['restoreId']}/").keys() > {f"restores/{record['restoreId']}/result.json"}


def test_all_notebooks_come_back_after_the_bucket_is_lost(replicated: RestoreScene) -> None:
    items = [replicated.site.item(title) for title in ("Flood model", "Second")]
    for item in items:
        replicated.delete(item)
    lose_bucket()
    make_bucket()
    report = ManyScene(replicated).restore({"everything": True, **FROM})
    assert (report["status"], report["notebooks"]["restored"]) == ("complete", 2)
    made = {item.title: item for item in replicated.items.values()}
    assert {made[item.title].content for item in items} == {item.snapshots[-1].content for item in items}


def test_many_notebooks_need_a_second_place_too(scene: RestoreScene) -> None:
    with pytest.raises(SecondPlaceMissing, match="SecondBucket"):
        ManyScene(scene).plan("all", {"everything": True, **FROM})


def test_damaged_version_comes_back_undamaged(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    key = next(key for key in contents("notebooks/") if item.snapshots[-1].resource_key in key)
    put_object(key, b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}')
    with pytest.raises(ArchiveDamaged):
        replicated.restore(item, "replace")
    record = replicated.restore(item, "replace", **FROM)
    assert (record["status"], record["level"]) == ("restored", 5)
    assert item.content == item.snapshots[-1].content
    # What was replaced is archived in the archive's own bucket.
    assert record["archived"] in contents("notebooks/")


def test_plan_says_that_the_second_place_is_read(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    planned = replicated.restore(item, "new", dryRun=True, **FROM)
    assert planned["plan"][0] == "Read the version from the second place, and not from the archive's own bucket."
    assert "second place" not in " ".join(replicated.restore(item, "new", dryRun=True)["plan"])


def test_version_id_is_the_same_in_both_places(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    key = next(key for key in contents("notebooks/") if item.snapshots[-1].resource_key in key)
    (first,) = version_ids(key)
    delete_object(key)
    record = replicated.restore(item, "new", versionId=first, **FROM)
    assert (record["level"], record["versionId"]) == (5, first)


def test_missing_replica_is_not_restored(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    lose(next(key for key in contents("notebooks/") if item.snapshots[-1].resource_key in key))
    with pytest.raises(VersionMissing, match="The second place has no object"):
        replicated.restore(item, "new", **FROM)


def test_damaged_replica_is_not_restored(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    key = next(key for key in contents("notebooks/") if item.snapshots[-1].resource_key in key)
    held_replica(key).value = held_replica(key).value[:-1] + b" "
    with pytest.raises(ArchiveDamaged):
        replicated.restore(item, "new", **FROM)


def test_restore_from_second_place_is_undone(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    record = replicated.restore(item, "new", **FROM)
    assert replicated.undo(record["restoreId"])["status"] == "undone"
    assert record["newItemId"] not in replicated.items


def test_same_request_id_cannot_change_the_place(replicated: RestoreScene) -> None:
    item = replicated.site.item("Flood model")
    replicated.restore(item, "new", requestId="one", **FROM)
    assert replicated.restore(item, "new", requestId="one", **FROM)["status"] == "already-restored"
    with pytest.raises(RestoreIdTaken):
        replicated.restore(item, "new", requestId="one")


def test_stack_without_second_place_says_so(scene: RestoreScene) -> None:
    with pytest.raises(SecondPlaceMissing, match="SecondBucket"):
        scene.restore(scene.site.item("Flood model"), "new", **FROM)


@pytest.mark.parametrize("place", ["elsewhere", 2, None])
def test_unknown_place_is_refused(scene: RestoreScene, place: object) -> None:
    with pytest.raises(RestoreInputInvalid, match="'from'"):
        scene.restore(scene.site.item("Flood model"), "new", **{"from": place})


def test_second_place_is_only_read(replicated: RestoreScene) -> None:
    before = plain_client().list_object_versions(Bucket=SECOND_BUCKET)["Versions"]
    replicated.restore(replicated.site.item("Flood model"), "new", **FROM)
    assert plain_client().list_object_versions(Bucket=SECOND_BUCKET)["Versions"] == before
