"""Test hostile archives, events, portals and prefixes: a named error, or a result that claims no more than is true."""

import json
from typing import Any

import pytest

from notebook_archive.errors import ArchiveDamaged, NotebookArchiveError, RestoreInputInvalid
from notebook_archive.restore import RestoreRequest, TargetPortal, TargetPortals, UndoRequest
from notebook_archive.restore.request import OtherPortal
from tests.restore.conftest import body
from tests.restore.scene import RestoreScene, put_object
from tests.site import stored_body


@pytest.mark.parametrize("event", [[], None, "text", 7, True])
def test_event_that_is_not_an_object_is_refused(event: Any) -> None:
    with pytest.raises(RestoreInputInvalid, match="not a JSON object"):
        RestoreRequest.parse(event, "default")
    with pytest.raises(RestoreInputInvalid, match="not a JSON object"):
        UndoRequest.parse(event)


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "\ud800ben"},
        {"owner": "b" * 5000},
        {"owner": ".."},
        {"owner": "a/b c%20\u202e"},
        {"folder": {"title": "x" * 1000}},
        {"folder": {"title": "\ud800"}},
        {"title": "a\ud800\x00\u202e"},
        {"tags": [7, None, "\ud800"], "typeKeywords": None, "access": ["public"], "groups": [7, {"id": 7}]},
        {"properties": {"notebookRuntimeName": {"a": [1]}}},
    ],
)
def test_hostile_item_json_gives_no_defect(scene: RestoreScene, change: dict[str, Any]) -> None:
    item = scene.site.item("Second")
    key = f"notebooks/{item.id}/item.json"
    put_object(key, json.dumps({**json.loads(stored_body(key)), **change}).encode())
    try:
        record = scene.restore(item, "new")
    except NotebookArchiveError:
        return
    assert (record["level"], record["differences"]) == (5, [])


def test_deeply_nested_plan_is_named(scene: RestoreScene) -> None:
    put_object("restores/one/plan.json", b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    with pytest.raises(ArchiveDamaged, match=r"plan\.json is not a JSON object"):
        scene.undo("one")


@pytest.mark.parametrize("way", ["new", "replace"])
def test_portal_that_does_nothing_proves_nothing(scene: RestoreScene, way: str) -> None:
    item = scene.site.item("Second")
    scene.site.deployment.faults.add("items/update", kind="body", body='{"success": true}', times=None)
    record = scene.restore(item, way)
    assert item.content == body(4)
    assert record["level"] == 3
    assert "ArcGIS still has the content from before the upload." in record["differences"]


def test_snapshot_with_another_name_is_a_difference(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    add = item.add_snapshot
    item.add_snapshot = lambda content, _, **fields: add(content, "Cut", **fields)  # type: ignore[method-assign]
    record = scene.restore(item, "snapshot", title="A long name")
    assert record["level"] == 4
    assert record["differences"] == ["The name should be 'A long name', but is 'Cut'."]
    assert scene.undo(record["restoreId"])["status"] == "undone"


def test_own_secrets_below_the_other_prefix_stay_here(scene: RestoreScene) -> None:
    own = TargetPortal(scene.site.routes, "https://own.example.com", "shared/owners", is_own=True)
    portals = TargetPortals(own, "shared", lambda *_: scene.site.routes)
    with pytest.raises(RestoreInputInvalid, match="are used only for the stack's portal"):
        portals.find(OtherPortal("https://other.example.com", "shared"))
