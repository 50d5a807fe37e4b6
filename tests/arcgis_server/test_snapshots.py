"""Test `snapshots/*`. The operations are the same in every deployment, and only the owner may use them."""

import json
import re

import pytest

from local.arcgis.operations.snapshots import EMPTY_NOTEBOOK
from tests.arcgis_server.client import Client

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 2})


def test_list_contains_keys_times_and_properties(each: Client) -> None:
    item = each.item("Flood model")
    answer = each.snapshots("list", item)
    assert (answer["status"], answer["total"]) == ("success", 2)
    first = answer["snapshots"][0]
    assert re.fullmatch(r"snapshot-[0-9a-f]{32}\.json", first["resourceKey"])
    assert first["created"] == str(item.snapshots[0].created), "a string here, but a number in the list of resources"
    assert set(first["properties"]) == {"name", "description", "runtime"}
    assert set(first) == {"resourceKey", "created", "properties"}


def test_a_notebook_without_snapshots_lists_none(each: Client) -> None:
    answer = each.snapshots("list", each.item("Never snapshotted"))
    assert answer == {"snapshots": [], "total": 0, "status": "success"}


def test_download_is_exact_and_accepts_resource_keys_too(each: Client) -> None:
    url = f"{each.admin}/notebooks/snapshots/download"
    for item in each.deployment.organisation.notebooks():
        for snapshot in item.snapshots:
            for name in ("resourceKey", "resourceKeys"):
                answer = each.raw_post(url, item.owner, itemId=item.id, f="json", **{name: snapshot.resource_key})
                assert answer.content == snapshot.content


@pytest.mark.parametrize("user", ["gis_admin", "ben"])
def test_everyone_but_the_owner_is_refused(each: Client, user: str) -> None:
    item = each.item("Flood model")
    key = item.snapshots[0].resource_key
    refused = {"code": 403, "message": "You do not have permissions to access this resource or perform this operation."}
    assert each.snapshots("list", item, user) == {"error": {**refused, "details": None}}
    assert each.snapshots("download", item, user, resourceKey=key) == {"error": {**refused, "details": None}}
    for operation in ("create", "restore", "delete", "convertToItem"):
        assert "error" in each.snapshots(operation, item, user, resourceKey=key, name="x")
    assert len(item.snapshots) == 2


def test_members_list_public_snapshots_of_shared_notebooks(each: Client) -> None:
    item = each.item("Shared methods")
    listed = each.snapshots("list", item, "ana")
    assert [row["resourceKey"] for row in listed["snapshots"]] == [item.snapshots[1].resource_key]
    assert "error" in each.snapshots("download", item, "ana", resourceKey=item.snapshots[1].resource_key)


def test_administrators_use_snapshots_if_switch_is_set(enterprise: Client) -> None:
    enterprise.deployment.switches.admin_may_use_snapshots = True
    assert enterprise.snapshots("list", enterprise.item("Flood model"), "gis_admin")["total"] == 2
    assert "error" in enterprise.snapshots("list", enterprise.item("Flood model"), "ben")


def test_create_uses_the_given_or_the_saved_notebook(each: Client) -> None:
    item = each.item("Never snapshotted")
    saved = each.snapshots("create", item, name="saved", description="before", privateAccess="true", notebookJSON="")
    given = each.snapshots("create", item, name="given", privateAccess="false", notebookJSON=NOTEBOOK)
    assert saved["status"] == given["status"] == "success"
    first, second = item.snapshots
    assert (first.resource_key, second.resource_key) == (saved["snapshotResourceKey"], given["snapshotResourceKey"])
    assert (first.content, first.description, first.private) == (item.content, "before", True)
    assert (second.content, second.private) == (NOTEBOOK.encode(), False)
    assert "error" in each.snapshots("create", item, name="bad", notebookJSON="{")


def test_five_snapshots_are_the_default_maximum(each: Client) -> None:
    item = each.item("Évolution")
    assert "error" in each.snapshots("create", item, name="sixth")
    each.deployment.switches.max_snapshots = 6
    assert each.snapshots("create", item, name="sixth")["status"] == "success"


def test_snapshot_names_are_required_and_unique(each: Client) -> None:
    item = each.item("Flood model")
    assert "error" in each.snapshots("create", item, name=item.snapshots[0].name)
    assert "error" in each.snapshots("create", item)
    assert len(item.snapshots) == 2


def test_restore_replaces_the_content_by_the_snapshot(each: Client) -> None:
    item = each.item("Flood model")
    old, current = item.snapshots[0], item.content
    plain = each.snapshots("restore", item, resourceKey=old.resource_key, preserveCurrentAsSnapshot="false")
    assert plain == {"status": "success"}
    assert (item.content, len(item.snapshots)) == (old.content, 2)
    item.content = current
    kept = each.snapshots(
        "restore", item, resourceKey=old.resource_key, preserveCurrentAsSnapshot="true", title="kept", description="why"
    )
    copy = item.snapshots[-1]
    assert kept == {"resourceKey": copy.resource_key, "status": "success"}
    assert (copy.content, copy.name, copy.description) == (current, "kept", "why")
    assert item.content == old.content


def test_restore_switch_omits_the_copy_at_the_limit(each: Client) -> None:
    item = each.item("Évolution")
    request = {"resourceKey": item.snapshots[0].resource_key, "preserveCurrentAsSnapshot": "true"}
    before = item.content
    assert "error" in each.snapshots("restore", item, **request)
    assert item.content == before
    each.deployment.switches.restore_at_limit = "restore-without-copy"
    assert each.snapshots("restore", item, **request) == {"status": "success"}
    assert item.content == item.snapshots[0].content


def test_delete_removes_all_named_snapshots_or_none(each: Client) -> None:
    item = each.item("Évolution")
    keys = [snapshot.resource_key for snapshot in item.snapshots]
    missing = f"snapshot-{'0' * 32}.json"
    assert "error" in each.snapshots("delete", item, resourceKeys=f"{keys[0]},{missing}")
    assert len(item.snapshots) == 5
    assert each.snapshots("delete", item, resourceKeys=",".join(keys[:3])) == {"status": "success"}
    assert [snapshot.resource_key for snapshot in item.snapshots] == keys[3:]


def test_a_snapshot_is_converted_to_an_item(each: Client) -> None:
    item = each.item("Flood model")
    answer = each.snapshots(
        "convertToItem", item, resourceKey=item.snapshots[0].resource_key, notebookTitle="A new one"
    )
    new = each.deployment.organisation.items[answer["itemId"]]
    assert (new.title, new.owner, new.content) == ("A new one", "ana", item.snapshots[0].content)


def test_a_preview_becomes_a_resource(enterprise: Client) -> None:
    item = enterprise.item("Empty")
    assert enterprise.post("/notebooks/createNotebookPreview", "chi", itemId=item.id) == {"status": "success"}
    url = f"{enterprise.rest}/content/items/{item.id}/resources/notebook_preview.json"
    assert "html" in enterprise.raw_get(url, "chi").json()


def test_unknown_items_keys_and_other_types_are_refused(each: Client) -> None:
    item = each.item("Flood model")
    unknown = each.snapshots("download", item, resourceKey=f"snapshot-{'0' * 32}.json")
    assert unknown["error"]["code"] == 404
    assert each.post("/notebooks/snapshots/list", "ana", itemId="0" * 32)["error"]["code"] == 400
    assert each.post("/notebooks/snapshots/list", "ana")["error"]["code"] == 400
    assert each.snapshots("list", each.item("Snippets"))["error"]["code"] == 400


def test_switches_set_error_shapes_and_http_status(enterprise: Client) -> None:
    switches, item = enterprise.deployment.switches, enterprise.item("Flood model")
    switches.snapshot_read_error_shape = "C"
    assert enterprise.snapshots("list", item, "ben")["status"] == "failure"
    switches.snapshot_read_error_shape = "D"
    assert enterprise.snapshots("list", item, "ben")["code"] == 403
    switches.snapshot_change_error_shape = "B"
    assert enterprise.snapshots("delete", item, "ben")["status"] == "error"
    switches.auth_error_shape = "D"
    assert enterprise.post("/notebooks/snapshots/list", itemId=item.id)["code"] == 499
    switches.real_http_status = True
    url = f"{enterprise.admin}/notebooks/snapshots/list"
    assert enterprise.raw_post(url, "ben", itemId=item.id, f="json").status_code == 403
    assert enterprise.raw_post(url, itemId=item.id, f="json").status_code == 401


def test_kubernetes_can_require_privileges_of_owners(kubernetes: Client) -> None:
    item = kubernetes.item("Flood model")
    assert kubernetes.snapshots("list", item)["total"] == 2
    kubernetes.deployment.switches.kubernetes_snapshots_need_privileges = True
    assert kubernetes.snapshots("list", item)["error"]["code"] == 403


def test_kubernetes_can_make_an_empty_snapshot(kubernetes: Client) -> None:
    item = kubernetes.item("Empty")
    kubernetes.deployment.switches.kubernetes_empty_snapshots = True
    item.content = b'{"cells":[{}],"metadata":{},"nbformat":4,"nbformat_minor":2}'
    before = len(item.snapshots)
    kubernetes.snapshots("create", item, name="saved")
    kubernetes.snapshots("create", item, name="sent", notebookJSON=item.content.decode())
    saved, sent = item.snapshots[before:]
    assert (saved.content, sent.content) == (EMPTY_NOTEBOOK, item.content)


def test_a_download_as_json_has_several_forms(each: Client) -> None:
    item = each.item("Flood model")
    content = item.snapshots[0].content
    assert isinstance(content, bytes)
    for form, expected in {
        "bare": content.decode(),
        "reserialised": json.dumps(json.loads(content)),
        "wrapped": json.dumps({"notebook": json.loads(content), "status": "success"}),
    }.items():
        each.deployment.switches.download_as_json = form  # type: ignore[assignment]
        url, fields = f"{each.admin}/notebooks/snapshots/download", {"itemId": item.id}
        fields |= {"resourceKey": item.snapshots[0].resource_key}
        assert each.raw_post(url, item.owner, f="json", **fields).text == expected
        assert each.raw_post(url, item.owner, **fields).content == content


def test_the_preview_of_a_snapshot_has_its_own_name(enterprise: Client) -> None:
    item = enterprise.item("Flood model")
    key = item.snapshots[0].resource_key
    for name in ("{key}_preview.json", "{stem}-preview.html"):
        enterprise.deployment.switches.snapshot_preview = name
        for _ in range(2):
            enterprise.post("/notebooks/createNotebookPreview", "ana", itemId=item.id, snapshotResourceKey=key)
    stem = key.removesuffix(".json")
    names = [resource.name for resource in item.resources]
    assert names == ["notebook_preview.json", f"{key}_preview.json", f"{stem}-preview.html"]


def test_snapshot_changes_the_item_if_switch_is_set(enterprise: Client) -> None:
    item = enterprise.item("Flood model")
    before = item.modified
    enterprise.snapshots("create", item, name="one")
    assert item.modified == before
    enterprise.deployment.switches.snapshot_bumps_modified = True
    enterprise.snapshots("create", item, name="two")
    assert item.modified > before
