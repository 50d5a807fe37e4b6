"""Test that a restore and its undo keep the work of somebody who acts between their steps."""

import json

import pytest

from local.arcgis import Item
from notebook_archive.errors import RestoreIdTaken, RestoreInterrupted, RestoreTouched
from notebook_archive.restore.version import MARK_PREFIX
from tests.restore.conftest import body
from tests.restore.scene import RestoreScene
from tests.site import stored_body

CELL = '{"cell_type":"markdown","metadata":{},"source":"# Work of a person"}'
WORK = body(500, CELL)


def save(item: Item) -> None:
    item.content, item.modified = WORK, item.modified + 1


def interrupt(scene: RestoreScene, item: Item, operation: str) -> Item | None:
    """Begin to restore an item as a new one, let an operation fail, and return the unfinished item."""
    before = set(scene.items)
    scene.site.deployment.faults.add(operation, kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, "new", requestId="one")
    scene.site.deployment.faults.clear()
    return next((each for each in scene.items.values() if each.id not in before), None)


def test_save_after_archiving_is_not_replaced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.s3.deeds.append(("PutObject", "1-present", lambda: save(item)))
    with pytest.raises(RestoreTouched, match="Somebody saved notebook"):
        scene.restore(item, "replace")
    assert item.content == WORK


def test_save_before_an_undo_puts_back_is_kept(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    record = scene.restore(item, "replace")
    scene.site.s3.deeds.append(("PutObject", "undo/plan", lambda: save(item)))
    with pytest.raises(RestoreTouched, match="when this undo had begun"):
        scene.undo(record["restoreId"])
    assert item.content == WORK


def test_save_before_an_undo_deletes_is_kept(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Flood model"), "new")
    made = scene.items[record["newItemId"]]
    scene.site.s3.deeds.append(("PutObject", "undo/plan", lambda: save(made)))
    with pytest.raises(RestoreTouched, match="when this undo had begun"):
        scene.undo(record["restoreId"])
    assert scene.items[made.id].content == WORK


def test_work_in_an_unfinished_item_is_kept(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    made = interrupt(scene, item, "items/update")
    assert made
    save(made)
    with pytest.raises(RestoreInterrupted) as interrupted:
        scene.restore(item, "new", requestId="one")
    assert isinstance(interrupted.value.__cause__, RestoreTouched)
    assert made.content == WORK


@pytest.mark.parametrize(
    ("change", "words"),
    [({"folder": "Models"}, "it is in another folder"), ({"access": "public"}, "its access is 'public' and was 'org'")],
)
def test_undo_keeps_an_item_moved_or_shared(scene: RestoreScene, change: dict[str, str], words: str) -> None:
    record = scene.restore(scene.site.item("Flood model"), "new", folder="")
    made = scene.items[record["newItemId"]]
    for name, value in change.items():
        setattr(made, name, value)
    with pytest.raises(RestoreTouched, match=words):
        scene.undo(record["restoreId"])
    assert made.id in scene.items


def test_undo_does_not_believe_that_an_item_is_gone(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Flood model"), "new")
    scene.site.deployment.faults.add("items/delete", kind="shape-a", code=404, times=None)
    with pytest.raises(RestoreInterrupted, match="still has it"):
        scene.undo(record["restoreId"])
    assert record["newItemId"] in scene.items


def test_owner_in_other_letter_case_is_the_owner(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Flood model"), "new", folder="")
    scene.items[record["newItemId"]].owner = "Ana"
    assert scene.undo(record["restoreId"], dryRun=True)["plan"][0].startswith("Delete item")


def test_mark_of_another_restore_is_not_restored(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    properties = json.loads(stored_body(f"notebooks/{item.id}/item.json"))
    properties["typeKeywords"].append(f"{MARK_PREFIX}another")
    scene.site.archive.put_item_properties(item.id, properties)  # type: ignore[arg-type]
    record = scene.restore(item, "new")
    assert scene.items[record["newItemId"]].type_keywords == ["Notebook", "Python", "Flood"]


def test_completion_keeps_to_the_plan(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    properties = json.loads(stored_body(f"notebooks/{item.id}/item.json"))
    made = interrupt(scene, item, "items/update")
    assert made
    changed = {**properties, "owner": "ana", "title": "Other", "access": "public", "folder": {"title": "Models"}}
    scene.site.archive.put_item_properties(item.id, changed)  # type: ignore[arg-type]
    record = scene.restore(item, "new", requestId="one")
    assert record["newItemId"] == made.id
    assert (record["owner"], made.title, made.access, made.folder) == ("ben", "Second", "private", None)


@pytest.mark.parametrize(("way", "operation"), [("new", "1-folder"), ("replace", "1-present")])
def test_undo_in_the_middle_ends_the_restore(scene: RestoreScene, way: str, operation: str) -> None:
    item = scene.site.item("Flood model")
    scene.delete(item) if way == "new" else None
    before = dict(scene.items), item.content
    scene.site.s3.deeds.append(("PutObject", operation, lambda: scene.undo("one")))
    with pytest.raises((RestoreIdTaken, RestoreInterrupted), match="was undone"):
        scene.restore(item, way, requestId="one")
    assert (scene.items, item.content) == before
