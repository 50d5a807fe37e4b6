"""Test restores over the content of an existing item."""

import json

import pytest

from local.arcgis.deployment import Kind
from notebook_archive.errors import (
    ItemMissing,
    NotANotebook,
    RestoreForbidden,
    RestoreInterrupted,
    SessionOpen,
    SessionsUnknown,
)
from tests.restore.conftest import MakeScene, body
from tests.restore.scene import KINDS, RestoreScene, changes
from tests.site import stored_body
from tests.strict_s3 import contents


@pytest.mark.parametrize("kind", KINDS)
def test_content_is_archived_and_then_replaced(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind)
    item = scene.site.item("Flood model")
    item.content = present = body(77)
    item.modified += 1000
    record = scene.restore(item, "replace")
    assert (record["status"], record["level"], record["differences"]) == ("restored", 5, [])
    assert item.content == item.snapshots[-1].content
    assert (item.title, item.tags, item.folder) == ("Flood model", ["hydro", "2026"], "Models")
    assert item.name == f"{item.id}.ipynb"
    assert stored_body(record["archived"]) == present


def test_store_record_names_what_was_archived(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    item.content = body(77)
    item.modified += 1000
    record = scene.restore(item, "replace")
    (key,) = [key for key in contents("records/") if "/restore-request-1/" in key]
    (version,) = json.loads(stored_body(key))["versions"]
    assert version["key"] == record["archived"]


def test_content_that_the_archive_has_is_not_stored_again(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    before = {key for key in contents("notebooks/") if key.endswith(".ipynb")}
    record = scene.restore(item, "replace")
    assert {key for key in contents("notebooks/") if key.endswith(".ipynb")} == before
    assert stored_body(record["archived"]) == body(1)


def test_open_notebook_is_refused_by_name(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    session = scene.site.deployment.organisation.open_session(item.id, "ben")
    session.last_activity = 1_735_725_600_123
    with pytest.raises(SessionOpen, match=r"is open: ben \(last active at 2025-01-01T10:00:00\.123Z\)"):
        scene.restore(item, "replace")
    assert changes(scene.site.deployment) == []
    assert not contents("restores/"), "the same request id can be used again"


def test_open_notebook_is_replaced_if_forced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.organisation.open_session(item.id, "ben")
    record = scene.restore(item, "replace", force=True)
    assert record["plan"][0].startswith(f"Notebook {item.id} is open, and is replaced anyway: ben")
    assert item.content == item.snapshots[-1].content


def test_unlisted_sessions_are_refused_unless_forced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.faults.add("notebooks", kind="shape-a", code=400, times=None)
    with pytest.raises(SessionsUnknown, match="It is not known who has notebook"):
        scene.restore(item, "replace")
    assert scene.restore(item, "replace", force=True)["level"] == 5


def test_deleted_item_cannot_be_replaced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.delete(item)
    with pytest.raises(ItemMissing) as missing:
        scene.restore(item, "replace")
    assert '"as": "new"' in missing.value.remedy


def test_item_of_owner_without_secret_is_replaced(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    item.content = body(9)
    item.modified += 1
    assert scene.restore(item, "replace")["level"] == 5
    assert item.content == item.snapshots[-1].content


def test_item_of_another_portal_is_replaced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    target = next(each for each in scene.other.organisation.notebooks() if each.title == "Second")
    record = scene.restore(item, "replace", to=scene.to_other(), targetItemId=target.id)
    assert target.content == item.snapshots[-1].content
    assert stored_body(record["archived"]) == body(4)
    assert changes(scene.site.deployment) == []


def test_content_that_cannot_be_archived_is_not_replaced(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    item.content = b"not a notebook"
    with pytest.raises(NotANotebook):
        scene.restore(item, "replace")
    assert item.content == b"not a notebook"


def test_item_without_content_gets_content(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    item.content = b""
    record = scene.restore(item, "replace")
    assert "archived" not in record
    assert item.content == item.snapshots[-1].content


def test_save_between_archiving_and_replacing_wins(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.site.deployment.faults.add("items/update", kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, "replace", requestId="one")
    scene.site.deployment.faults.clear()
    item.content, item.modified = body(55), item.modified + 5000
    with pytest.raises(Exception, match="Somebody saved notebook"):
        scene.restore(item, "replace", requestId="one")
    assert item.content == body(55)


def test_missing_privilege_is_named_before_anything(scene: RestoreScene) -> None:
    scene.site.secrets["notebook-archive/admin"] = '{"username": "chi", "password": "chi-password"}'
    scene.start()
    scene.items[scene.site.item("Second").id].access = "public"
    with pytest.raises(RestoreForbidden, match="portal:admin:updateItems"):
        scene.restore(scene.site.item("Second"), "replace")
    assert changes(scene.site.deployment) == []


def test_unreadable_session_is_refused_unless_forced(make_scene: MakeScene) -> None:
    scene = make_scene("online")
    item = scene.site.item("Flood model")
    body_of_list = '{"notebooks": [{"id": "1", "username": "ben"}], "num": 1}'
    scene.site.deployment.faults.add("notebooks", kind="body", body=body_of_list, times=None)
    with pytest.raises(SessionsUnknown, match="lists 1 open notebook without an item id"):
        scene.restore(item, "replace")
    assert "It is replaced anyway." in scene.restore(item, "replace", force=True)["plan"][0]
