"""Test that an undo takes back exactly what a restore did, and nothing that somebody did afterwards."""

from collections.abc import Callable

import pytest

from local.arcgis import Item
from local.arcgis.deployment import Kind
from notebook_archive.errors import (
    ArchiveDamaged,
    ItemMissing,
    RequestRejected,
    RestoreIdTaken,
    RestoreInputInvalid,
    RestoreInterrupted,
    RestoreTouched,
    RestoreUnknown,
    SessionOpen,
    UndoImpossible,
)
from tests.restore.conftest import MakeScene, body
from tests.restore.scene import KINDS, RestoreScene, changes, put_object
from tests.strict_s3 import contents


@pytest.mark.parametrize("kind", KINDS)
def test_undo_deletes_the_item_that_was_made(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind)
    before = dict(scene.items)
    record = scene.restore(scene.site.item("Flood model"), "new")
    undone = scene.undo(record["restoreId"])
    assert undone["status"] == "undone"
    assert scene.items == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("title", ["Flood model", "Second"])
def test_undo_puts_back_content_and_runtime(make_scene: MakeScene, kind: Kind, title: str) -> None:
    scene = make_scene(kind)
    item = scene.site.item(title)
    item.content, item.runtime, item.modified = body(77), ("ArcGIS Notebook R", "4.2"), item.modified + 1000
    record = scene.restore(item, "replace")
    assert item.content != body(77)
    assert scene.undo(record["restoreId"])["status"] == "undone"
    assert (item.content, item.runtime) == (body(77), ("ArcGIS Notebook R", "4.2"))


@pytest.mark.parametrize("kind", KINDS)
def test_undo_deletes_the_snapshot_that_was_made(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind)
    item = scene.site.item("Flood model")
    before = [each.resource_key for each in item.snapshots]
    record = scene.restore(item, "snapshot")
    assert scene.undo(record["restoreId"])["status"] == "undone"
    assert [each.resource_key for each in item.snapshots] == before


def test_restore_to_another_portal_is_undone_there(scene: RestoreScene) -> None:
    before = dict(scene.other.organisation.items)
    record = scene.restore(scene.site.item("Second"), "new", to=scene.to_other())
    scene.undo(record["restoreId"])
    assert scene.other.organisation.items == before
    assert changes(scene.site.deployment) == []


def save(item: Item) -> None:
    item.content, item.modified = body(500), item.modified + 1


def rename(item: Item) -> None:
    item.title = "Mine now"


def save_unchanged(item: Item) -> None:
    item.modified += 1


@pytest.mark.parametrize("way", ["new", "replace"])
@pytest.mark.parametrize(
    ("act", "words"),
    [(save, "the content is different"), (rename, "the title is 'Mine now'"), (save_unchanged, "its time is")],
)
def test_undo_refuses_if_somebody_acted(scene: RestoreScene, way: str, act: Callable[[Item], None], words: str) -> None:
    item = scene.site.item("Flood model")
    record = scene.restore(item, way)
    made = scene.items[record.get("newItemId", item.id)]
    act(made)
    state = (made.content, made.title, made.modified)
    scene.site.deployment.requests.clear()
    with pytest.raises(RestoreTouched, match=words):
        scene.undo(record["restoreId"])
    assert (made.content, made.title, made.modified) == state
    assert changes(scene.site.deployment) == []


def test_item_given_to_somebody_else_is_kept(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Second"), "new")
    scene.items[record["newItemId"]].owner = "chi"
    with pytest.raises(RestoreTouched, match=r"gave item .* to chi"):
        scene.undo(record["restoreId"])


def test_replaced_snapshot_is_kept(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    record = scene.restore(item, "snapshot")
    made = item.snapshot(record["snapshot"])
    assert made
    made.content = body(99)
    with pytest.raises(RestoreTouched, match="the content is different"):
        scene.undo(record["restoreId"])
    assert item.snapshot(record["snapshot"])


def test_item_that_is_gone_needs_no_undo(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Second"), "new")
    scene.site.deployment.organisation.remove(record["newItemId"])
    scene.site.deployment.requests.clear()
    undone = scene.undo(record["restoreId"])
    assert undone["plan"] == [f"Delete nothing, because item {record['newItemId']} does not exist any more."]
    assert changes(scene.site.deployment) == []


def test_replaced_item_that_is_gone_is_named(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "replace")
    scene.delete(item)
    with pytest.raises(ItemMissing):
        scene.undo(record["restoreId"])


def test_open_notebook_is_not_put_back_unless_forced(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "replace")
    scene.site.deployment.organisation.open_session(item.id, "ben")
    with pytest.raises(SessionOpen):
        scene.undo(record["restoreId"])
    scene.undo(record["restoreId"], force=True)
    assert item.content == body(4)


def test_content_cannot_be_removed_again(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    item.content = b""
    record = scene.restore(item, "replace")
    with pytest.raises(UndoImpossible, match="had no content before"):
        scene.undo(record["restoreId"])


def test_damaged_copy_is_not_put_back(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "replace")
    put_object(record["archived"], body(123))
    with pytest.raises(RestoreInterrupted) as interrupted:
        scene.undo(record["restoreId"])
    assert isinstance(interrupted.value.__cause__, ArchiveDamaged)
    assert item.content == body(5)


def test_dry_run_of_an_undo_changes_nothing(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    for way in ("new", "replace", "snapshot"):
        record = scene.restore(item, way)
        before = contents()
        scene.site.deployment.requests.clear()
        planned = scene.undo(record["restoreId"], dryRun=True)
        assert planned["status"] == "planned"
        assert planned["plan"]
        assert changes(scene.site.deployment) == []
        assert contents() == before


def test_second_undo_returns_the_first_result(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Second"), "new")
    first = scene.undo(record["restoreId"])
    scene.site.deployment.requests.clear()
    assert scene.undo(record["restoreId"]) == {**first, "status": "already-undone"}
    assert len(scene.site.deployment.requests) == 0


def test_undone_restore_is_not_repeated(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "new", requestId="one")
    scene.undo(record["restoreId"])
    with pytest.raises(RestoreIdTaken, match="The restore one was undone"):
        scene.restore(item, "new", requestId="one")


@pytest.mark.parametrize(
    ("way", "operation"), [("new", "items/update"), ("replace", "items/update"), ("snapshot", "snapshots/download")]
)
def test_unfinished_restore_can_be_undone(scene: RestoreScene, way: str, operation: str) -> None:
    item = scene.site.item("Flood model")
    before = (dict(scene.items), item.content, list(item.snapshots))
    scene.site.deployment.faults.add(operation, kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, way, requestId="one")
    scene.site.deployment.faults.clear()
    assert scene.undo("one")["status"] == "undone"
    assert (dict(scene.items), item.content, list(item.snapshots)) == before


@pytest.mark.parametrize("event", [{}, {"restoreId": 7}, {"restoreId": "a/b"}, {"restoreId": "a", "dryRun": "yes"}])
def test_invalid_undo_is_refused(scene: RestoreScene, event: dict[str, object]) -> None:
    with pytest.raises(RestoreInputInvalid):
        scene.undo(**{"restore_id": event.pop("restoreId", None), **event})  # type: ignore[arg-type]


def test_unknown_restore_is_named(scene: RestoreScene) -> None:
    with pytest.raises(RestoreUnknown, match="no record of a restore nobody"):
        scene.undo("nobody")


def test_restore_on_an_earlier_portal_is_not_undone_on_another(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "new", requestId="done")
    scene.site.deployment.faults.add("items/addItem", kind="shape-a", code=400, times=None)
    with pytest.raises(RequestRejected):
        scene.restore(item, "new", requestId="begun")
    scene.site.deployment = scene.other
    scene.start()
    with pytest.raises(UndoImpossible, match="and the stack's portal is now"):
        scene.undo(record["restoreId"])
    with pytest.raises(RestoreIdTaken, match="was begun on"):
        scene.restore(item, "new", requestId="begun")
    assert changes(scene.other) == []


def test_unfinished_item_with_a_long_title_is_deleted(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    scene.site.archive.put_item_properties(item.id, {"owner": "ben", "title": "x" * 700})  # type: ignore[arg-type]
    before = dict(scene.items)
    scene.site.deployment.faults.add("items/update", kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, "new", requestId="one")
    scene.site.deployment.faults.clear()
    scene.undo("one")
    assert scene.items == before
