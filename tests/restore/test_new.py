"""Test restores as a new item."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.arcgis import Item
from local.arcgis.deployment import Kind
from local.arcgis.sample_items import make_sample_items
from notebook_archive.errors import OwnerMissing, RestoreForbidden, RestoreInputInvalid, RestoreInterrupted
from tests.restore.conftest import MakeScene, body
from tests.restore.scene import KINDS, RestoreScene, changes, put_object
from tests.strict_s3 import contents


def is_like(made: Item, item: Item) -> None:
    """Check that a new item has the properties of the archived one."""
    for name in ("owner", "title", "folder", "access", "tags", "description", "type_keywords", "runtime", "groups"):
        assert getattr(made, name) == getattr(item, name), name


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
    assert made.name == f"{made.id}.ipynb"
    is_like(made, item)


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_of_the_samples_comes_back(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind, make_sample_items)
    for key, stored in contents("notebooks/").items():
        _, item_id, name = key.split("/", 2)
        if not name.startswith("snapshots/") and not name.endswith(".ipynb"):
            continue
        item = scene.items[item_id]
        record = scene.restore(item, "new", resourceKey=name.removeprefix("snapshots/"))
        made = scene.items[record["newItemId"]]
        assert made.content == stored.body
        assert (record["level"], record["differences"]) == (5, []), item.title


def test_missing_folder_is_planned_and_created(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.delete(item)
    planned = scene.restore(item, "new", dryRun=True)
    assert "Create the folder 'Models', which ana does not have, and put it there." in planned["plan"]
    record = scene.restore(item, "new")
    assert scene.items[record["newItemId"]].folder == "Models"


def test_missing_group_is_a_difference(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    scene.delete(item)
    record = scene.restore(item, "new")
    assert record["level"] == 4
    assert record["differences"] == ["The item was not shared with the group 'Rivers'."]
    assert scene.items[record["newItemId"]].access == "org"


def test_owner_without_secret_needs_the_administrator(scene: RestoreScene) -> None:
    item = scene.site.item("Second")
    record = scene.restore(item, "new")
    assert scene.items[record["newItemId"]].owner == "ben"
    assert {request.username for request in scene.site.deployment.requests if request.username} == {"gis_admin"}
    assert "with the credential of the administrator" in record["plan"][0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"owner": "ben", "folder": ""}, {"owner": "ben", "folder": None}),
        ({"folder": "Rescued"}, {"folder": "Rescued"}),
        ({"title": "Flood model, rescued"}, {"title": "Flood model, rescued"}),
        ({"private": True}, {"access": "private", "groups": ()}),
    ],
)
def test_request_may_choose_what_is_different(
    scene: RestoreScene, fields: dict[str, Any], expected: dict[str, object]
) -> None:
    scene.site.deployment.organisation.groups.append("Rivers")
    record = scene.restore(scene.site.item("Flood model"), "new", **fields)
    made = scene.items[record["newItemId"]]
    assert {name: getattr(made, name) for name in expected} == expected
    assert (record["level"], record["differences"]) == (5, [])


def test_item_is_restored_to_another_portal(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    record = scene.restore(item, "new", to=scene.to_other())
    made = scene.other.organisation.items[record["newItemId"]]
    assert made.content == item.snapshots[-1].content
    assert record["portalUrl"] == scene.other.portal_url
    assert record["differences"] == ["The item was not shared with the group 'Rivers'."]
    assert changes(scene.site.deployment) == []


def test_owner_may_be_mapped_on_another_portal(scene: RestoreScene) -> None:
    record = scene.restore(scene.site.item("Second"), "new", to=scene.to_other(), owner="ana")
    assert scene.other.organisation.items[record["newItemId"]].owner == "ana"
    assert record["level"] == 5


def test_stacks_secrets_are_not_sent_to_another_portal(scene: RestoreScene) -> None:
    for prefix, words in {
        "notebook-archive": "are used only for the stack's portal",
        "notebook-archive/owners": "are used only for the stack's portal",
        "restore-secrets-of-others": "must begin with RestoreSecretPrefix",
    }.items():
        with pytest.raises(RestoreInputInvalid, match=words):
            scene.restore(scene.site.item("Second"), "new", to=scene.to_other() | {"secretPrefix": prefix})
    assert len(scene.other.requests) == 0


def test_unknown_owner_is_named(scene: RestoreScene) -> None:
    with pytest.raises(OwnerMissing, match="has no member 'eve'"):
        scene.restore(scene.site.item("Second"), "new", owner="eve")
    assert changes(scene.site.deployment) == []


def test_missing_secrets_are_named(scene: RestoreScene) -> None:
    del scene.site.secrets["notebook-archive/admin"]
    scene.start()
    with pytest.raises(RestoreForbidden) as refused:
        scene.restore(scene.site.item("Second"), "new")
    assert "no secret 'notebook-archive/owners/ben', and there is no secret 'notebook-archive/admin'" in str(
        refused.value
    )


def test_missing_privilege_is_named(scene: RestoreScene) -> None:
    scene.site.secrets["notebook-archive/admin"] = '{"username": "ana", "password": "ana-password"}'
    scene.start()
    with pytest.raises(RestoreForbidden, match=r"notebook-archive/admin.*portal:admin:updateItems"):
        scene.restore(scene.site.item("Second"), "new")
    assert changes(scene.site.deployment) == []


def test_secret_of_another_user_is_refused(scene: RestoreScene) -> None:
    scene.site.secrets["notebook-archive/owners/ana"] = '{"username": "ben", "password": "ben-password"}'
    scene.start()
    with pytest.raises(RestoreForbidden, match="belongs to ben, not to ana"):
        scene.restore(scene.site.item("Flood model"), "new")


def test_refused_owner_gives_way_to_the_administrator(scene: RestoreScene) -> None:
    scene.site.deployment.faults.add("items/addItem", kind="shape-a", code=403, times=1)
    record = scene.restore(scene.site.item("Flood model"), "new")
    assert scene.items[record["newItemId"]].owner == "ana"


def test_portal_that_refuses_everybody_is_not_changed(scene: RestoreScene) -> None:
    scene.site.deployment.faults.add("items/addItem", kind="shape-a", code=403, times=None)
    count = len(scene.items)
    with pytest.raises(RestoreForbidden, match="An owner needs the privilege to create content"):
        scene.restore(scene.site.item("Flood model"), "new", folder="")
    assert len(scene.items) == count


def test_version_without_item_json_comes_back(make_scene: MakeScene) -> None:
    scene = make_scene()
    item = scene.site.item("Second")
    scene.site.archive.put_item_properties(item.id, {})  # type: ignore[arg-type]
    record = scene.restore(item, "new")
    made = scene.items[record["newItemId"]]
    assert (made.title, made.owner, made.type_keywords) == ("Second", "ben", ["Notebook", "Python"])
    assert record["level"] == 4
    assert "has no item.json" in record["differences"][0]


@pytest.mark.parametrize("damaged", [b"not JSON", b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"])
def test_version_with_damaged_item_json_comes_back(scene: RestoreScene, damaged: bytes) -> None:
    item = scene.site.item("Second")
    key = f"notebooks/{item.id}/item.json"
    put_object(key, damaged)
    sentence = f"{key} is not JSON. So tags and description are not restored."
    assert sentence in scene.restore(item, "new", dryRun=True)["plan"]
    record = scene.restore(item, "new")
    made = scene.items[record["newItemId"]]
    assert (made.title, made.owner, made.content) == ("Second", "ben", item.snapshots[-1].content)
    assert (record["level"], record["differences"]) == (4, [sentence])


def test_large_notebook_is_uploaded_in_parts(make_scene: MakeScene) -> None:
    cell = '{"cell_type":"markdown","metadata":{},"source":"%s"}' % ("x" * 25_000_000)
    scene = make_scene(items=lambda: [Item("ana", "Large", body(1, cell))])
    item = scene.site.item("Large")
    key = next(key for key in contents("notebooks/") if key.endswith(".ipynb"))
    record = scene.restore(item, "new", resourceKey=key.split("/", 2)[2])
    assert scene.items[record["newItemId"]].content == item.content
    assert record["level"] == 5


def test_request_too_large_for_a_proxy_is_named(scene: RestoreScene) -> None:
    before = dict(scene.items)
    scene.site.deployment.faults.add("items/update", kind="http-413", times=None)
    with pytest.raises(
        RestoreInterrupted, match=r"refuses a request of this size .* Item [0-9a-f]{32} of ana was added"
    ):
        scene.restore(scene.site.item("Flood model"), "new", requestId="one")
    scene.site.deployment.faults.clear()
    scene.undo("one")
    assert scene.items == before


def test_same_request_twice_at_a_time_makes_one_item(scene: RestoreScene) -> None:
    item, count = scene.site.item("Second"), len(scene.items)
    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            made = list(
                pool.map(lambda _, number=number: scene.restore(item, "new", requestId=f"n-{number}"), range(4))
            )
            assert len({record["newItemId"] for record in made}) == 1
    assert len(scene.items) == count + 5
