"""Test restores as a snapshot of an item."""

import pytest

from local.arcgis import Item, Snapshot
from local.arcgis.deployment import Kind
from notebook_archive.errors import (
    ItemMissing,
    RestoreForbidden,
    RestoreInterrupted,
    SnapshotNameTaken,
    SnapshotsFull,
    SnapshotUnsendable,
)
from tests.restore.conftest import MakeScene, body
from tests.restore.scene import KINDS, RestoreScene, changes
from tests.strict_s3 import contents


@pytest.mark.parametrize("kind", KINDS)
def test_version_comes_back_as_a_snapshot(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind)
    item = scene.site.item("Flood model")
    first = item.snapshots.pop(0)
    record = scene.restore(item, "snapshot", resourceKey=first.resource_key)
    made = item.snapshot(record["snapshot"])
    assert made
    assert (made.content, made.name, made.private) == (first.content, "Restored from the archive request-1", True)
    assert (record["level"], record["differences"]) == (5, [])
    assert changes(scene.site.deployment) == ["snapshots/create"]
    assert item.content == body(1)


def test_title_names_the_snapshot(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    record = scene.restore(item, "snapshot", title="Before the flood")
    made = item.snapshot(record["snapshot"])
    assert made
    assert made.name == "Before the flood"


def test_taken_name_is_refused(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    with pytest.raises(SnapshotNameTaken):
        scene.restore(item, "snapshot", title=item.snapshots[0].name)
    assert changes(scene.site.deployment) == []


def test_name_taken_after_the_check_is_refused(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.faults.add("snapshots/create", kind="shape-a", code=400, times=1)
    scene.site.s3.deeds.append(("PutObject", "plan.json", lambda: item.add_snapshot(body(99), name="Taken at once")))
    with pytest.raises(SnapshotNameTaken):
        scene.restore(item, "snapshot", title="Taken at once")
    assert item.snapshots[-1].content == body(99)


def test_full_notebook_is_refused(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    key = item.snapshots[0].resource_key
    for number in range(3):
        item.add_snapshot(body(10 + number))
    with pytest.raises(SnapshotsFull, match="has 5 snapshots, and ArcGIS allows 5"):
        scene.restore(item, "snapshot", resourceKey=key)
    assert changes(scene.site.deployment) == []


def test_limit_of_arcgis_decides(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.switches.max_snapshots = 2
    with pytest.raises(Exception, match="ArcGIS returned error code 400"):
        scene.restore(item, "snapshot")


def test_only_the_owner_may_make_snapshots(scene: RestoreScene) -> None:
    with pytest.raises(RestoreForbidden, match="no secret 'notebook-archive/owners/ben'"):
        scene.restore(scene.site.item("Second"), "snapshot")


def test_notebook_too_large_for_a_form_is_refused(make_scene: MakeScene) -> None:
    cell = '{"cell_type":"markdown","metadata":{},"source":"%s"}' % ("x" * 11_000_000)
    scene = make_scene(items=lambda: [Item("ana", "Large", body(1, cell))])
    key = next(key for key in contents("notebooks/") if key.endswith(".ipynb"))
    with pytest.raises(SnapshotUnsendable, match="10000000 bytes"):
        scene.restore(scene.site.item("Large"), "snapshot", resourceKey=key.split("/", 2)[2])


def test_deleted_item_gets_no_snapshot(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.delete(item)
    with pytest.raises(ItemMissing):
        scene.restore(item, "snapshot")


def test_snapshot_of_an_item_of_another_portal(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    target = next(each for each in scene.other.organisation.notebooks() if each.title == "Flood model")
    record = scene.restore(item, "snapshot", to=scene.to_other(), targetItemId=target.id)
    made = target.snapshot(record["snapshot"])
    assert made
    assert made.content == item.snapshots[-1].content


def test_snapshot_whose_response_is_lost_is_found(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.faults.add("snapshots/create", kind="hang-up", times=1)
    record = scene.restore(item, "snapshot")
    assert [each.resource_key for each in item.snapshots][2:] == [record["snapshot"]]


def test_other_snapshot_of_the_same_name_is_not_ours(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.faults.add("snapshots/create", kind="http-500", times=1)
    scene.site.s3.deeds.append(("PutObject", "plan.json", lambda: item.add_snapshot(body(99), name="Mine")))
    with pytest.raises(RestoreInterrupted, match="was made, or may have been"):
        scene.restore(item, "snapshot", title="Mine")
    assert item.snapshots[-1].content == body(99)


def test_rewritten_snapshot_counts_if_its_cells_are_equal(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.switches.snapshots_written_anew = True
    record = scene.restore(item, "snapshot")
    assert (record["level"], record["differences"]) == (5, [])


def test_lone_surrogate_cannot_be_sent(make_scene: MakeScene) -> None:
    content = b'{"cells":[],"metadata":{"x":"\xed\xa0\x80"},"nbformat":4,"nbformat_minor":2}'
    scene = make_scene(items=lambda: [Item("ana", "Odd", content, snapshots=[Snapshot("One", content)])])
    with pytest.raises(SnapshotUnsendable, match="lone surrogate"):
        scene.restore(scene.site.item("Odd"), "snapshot")
    assert scene.restore(scene.site.item("Odd"), "new")["level"] == 5
