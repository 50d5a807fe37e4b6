"""Test requests: what they may contain, dry runs, and what happens if they are repeated."""

import json
from typing import Any

import pytest

from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArchiveDamaged,
    RestoreIdTaken,
    RestoreInputInvalid,
    RestoreInterrupted,
    VersionMissing,
)
from notebook_archive.restore import RestoreRequest, restore_version
from tests.restore.conftest import body
from tests.restore.scene import RestoreScene, changes, delete_object, put_object, version_ids
from tests.site import stored_body
from tests.strict_s3 import contents

EVENT = {"itemId": "0" * 32, "resourceKey": f"snapshot-{'1' * 32}.json", "as": "new"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"itemId": ""}, "has no field 'itemId'"),
        ({"itemId": "../x"}, "Not an item id"),
        ({"resourceKey": "item.json"}, "Not the name of an archived version"),
        ({"resourceKey": "../captures/snapshot.json"}, "Not the name of an archived version"),
        ({"resourceKey": "current/1735725600000-3f1c5d0a9b42.seen"}, "Not the name of an archived version"),
        ({"resourceKey": 7}, "The field 'resourceKey' is not a text"),
        ({"as": "copy"}, "not one of new, replace, snapshot"),
        ({"dryRun": "false"}, "The field 'dryRun' must be true or false"),
        ({"owner": "ana", "as": "replace"}, "The field 'owner' is not allowed with 'as': 'replace'"),
        ({"force": True}, "The field 'force' is not allowed with 'as': 'new'"),
        ({"targetItemId": "0" * 32}, "The field 'targetItemId' is not allowed"),
        ({"title": "x" * 251}, "not a text of at most 250 characters"),
        ({"title": "\ud800"}, "not a text"),
        ({"to": "https://gis.example.com"}, "The field 'to' is not an object"),
        ({"to": {"portalUrl": "http://gis.example.com", "secretPrefix": "x"}}, "not an HTTPS address"),
        (
            {"to": {"portalUrl": "https://gis.example.com", "secretPrefix": "/"}},
            "'secretPrefix' in the field 'to' is empty",
        ),
        ({"colour": "red"}, "unknown field: 'colour'"),
    ],
)
def test_invalid_request_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RestoreInputInvalid, match=words):
        RestoreRequest.parse({**EVENT, **change}, "default")


def test_request_that_is_not_an_object_is_refused() -> None:
    event: Any = []
    with pytest.raises(RestoreInputInvalid, match="not a JSON object"):
        RestoreRequest.parse(event, "default")


def test_request_without_id_gets_the_default() -> None:
    assert RestoreRequest.parse(EVENT, "lambda-id").restore_id == "lambda-id"
    assert RestoreRequest.parse({**EVENT, "requestId": "Ana's/1"}, "").restore_id == "Ana.27s.2F1"


@pytest.mark.parametrize("way", ["new", "replace", "snapshot"])
def test_dry_run_changes_nothing(scene: RestoreScene, way: str) -> None:
    item = scene.site.item("Flood model")
    before = contents()
    record = scene.restore(item, way, dryRun=True)
    assert record["status"] == "planned"
    assert len(record["plan"]) >= 2
    assert changes(scene.site.deployment) == []
    assert contents() == before


def test_plan_says_in_words_what_changes(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    key = f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}"
    size, url = item.snapshots[-1].size, scene.site.deployment.portal_url
    unrecorded = (
        f"The bytes were not compared with the ledger, because it does not have {key} yet. The next verification adds "
        "it."
    )
    assert scene.restore(item, "new", dryRun=True)["plan"] == [
        f"Add the item 'Flood model' for ana to {url}, with the credential of ana.",
        "Put it into the folder 'Models'.",
        f"Upload {size} bytes from {key}.",
        "Share it with the organization, as archived. The groups are 'Rivers'.",
        "Read the new item back, and compare it with the archive.",
        unrecorded,
    ]
    assert scene.restore(item, "replace", dryRun=True)["plan"] == [
        f"Nobody has notebook {item.id} open.",
        f"Archive the present content of item {item.id}, modified 2025-01-01T10:00:00.000Z.",
        (
            f"Replace the content of the item 'Flood model' of ana by {size} bytes from {key}, with the credential of "
            "ana. Title, tags and description stay as they are."
        ),
        "Set the item's runtime to ArcGIS Notebook Python 3 Standard 9.0.",
        "Read the item back, and compare it with the archive.",
        unrecorded,
    ]


@pytest.mark.parametrize("way", ["new", "replace", "snapshot"])
def test_repeated_request_returns_the_first_result(scene: RestoreScene, way: str) -> None:
    item = scene.site.item("Flood model")
    fields = {"requestId": "one", "resourceKey": item.snapshots[0].resource_key}
    first = scene.restore(item, way, **fields)
    scene.site.deployment.requests.clear()
    assert scene.restore(item, way, **fields) == {**first, "status": "already-restored"}
    assert len(scene.site.deployment.requests) == 0
    assert json.loads(stored_body("restores/one/result.json")) == first


@pytest.mark.parametrize("change", [{"way": "replace"}, {"title": "Other"}, {"folder": ""}, {"owner": "ben"}])
def test_other_request_with_the_same_id_is_refused(scene: RestoreScene, change: dict[str, Any]) -> None:
    item = scene.site.item("Flood model")
    scene.restore(item, "new", requestId="one")
    fields = {"way": "new", **change}
    with pytest.raises(RestoreIdTaken, match="Another request has the id one"):
        scene.restore(item, fields.pop("way"), requestId="one", **fields)


def test_plan_has_the_request_to_send_again(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    fields = {"requestId": "Ana's/1.0", "private": True, "folder": ""}
    scene.site.deployment.faults.add("items/update", kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, "new", **fields)
    scene.site.deployment.faults.clear()
    plan = json.loads(stored_body("restores/Ana.27s.2F1.2E0/plan.json"))
    request = RestoreRequest.parse(plan["request"] | {"requestId": plan["requestId"]}, "")
    assert restore_version(request, scene.context, Deadline(60))["restoreId"] == "Ana.27s.2F1.2E0"
    assert len([each for each in scene.items.values() if each.title == "Flood model"]) == 2


def test_dry_run_may_come_first(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    planned = scene.restore(item, "new", requestId="one", dryRun=True)
    assert scene.restore(item, "new", requestId="one")["plan"] == planned["plan"]


def test_missing_version_is_named(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    with pytest.raises(VersionMissing, match="has no object notebooks/"):
        scene.restore(item, "new", resourceKey=f"snapshot-{'0' * 32}.json")
    assert len(scene.site.deployment.requests) == 0


def test_deleted_object_comes_back_by_its_version_id(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    key = f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}"
    (version_id,) = version_ids(key)
    delete_object(key)
    with pytest.raises(VersionMissing):
        scene.restore(item, "new")
    record = scene.restore(item, "new", versionId=version_id)
    assert scene.items[record["newItemId"]].content == item.snapshots[-1].content
    assert record["versionId"] == version_id


def test_replaced_object_comes_back_by_its_version_id(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    key = f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}"
    (version_id,) = version_ids(key)
    put_object(key, body(666))
    with pytest.raises(ArchiveDamaged):
        scene.restore(item, "new")
    assert scene.restore(item, "new", versionId=version_id)["sha256"]


@pytest.mark.parametrize("version_id", ["null", "not-a-version", "x" * 32])
def test_unknown_version_id_is_named(scene: RestoreScene, version_id: str) -> None:
    with pytest.raises(VersionMissing, match="with the version id"):
        scene.restore(scene.site.item("Flood model"), "new", versionId=version_id)


def test_object_that_is_not_a_notebook_is_refused(scene: RestoreScene) -> None:
    item = scene.site.item("Flood model")
    put_object(f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}", b'{"error": "none"}')
    with pytest.raises(ArchiveDamaged, match="is not a notebook"):
        scene.restore(item, "new")
    assert len(scene.site.deployment.requests) == 0
