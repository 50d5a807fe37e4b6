"""Test restores as a new item."""

import pytest

from local.arcgis.deployment import Kind
from tests.restore.conftest import MakeScene
from tests.restore.scene import RestoreScene, changes

KINDS: list[Kind] = ["enterprise", "online", "kubernetes"]


@pytest.mark.parametrize("kind", KINDS)
def test_deleted_notebook_comes_back_as_it_was(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind)
    item = scene.site.item("Flood model")
    scene.site.deployment.organisation.folders["ana"] = ["Models"]
    scene.site.deployment.organisation.groups.append("Rivers")
    scene.delete(item)
    record = scene.restore(item, "new")
    assert (record["status"], record["level"], record["differences"]) == ("restored", 5, [])
    made = scene.items[record["newItemId"]]
    assert made.content == item.snapshots[-1].content
    for name in ("owner", "title", "folder", "access", "tags", "description", "type_keywords", "runtime", "groups"):
        assert getattr(made, name) == getattr(item, name), name
    assert made.name == f"{made.id}.ipynb"
