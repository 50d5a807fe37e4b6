"""Test the operations that change items, as Esri documents them: adding, parts, folders, sharing and deleting."""

from typing import Any

import pytest

from local.arcgis.organisation import id_of
from tests.arcgis_server.client import Client

PART = 5 * 1024 * 1024


def change(client: Client, path: str, user: str = "ana", file: tuple[str, bytes] | None = None, **params: Any) -> Any:
    """Return the JSON of the portal's response to a POST below the content of `ana`."""
    data = {"f": "json", "token": client.token(user), **params}
    url = f"{client.rest}/content/users/ana/{path}"
    return client.session.post(url, data=data, files={"file": file} if file else None).json()


def add(client: Client, user: str = "ana", file: tuple[str, bytes] | None = None, **params: Any) -> Any:
    return change(client, "addItem", user, file, **{"type": "Notebook", "title": "Added", **params})


def begin_parts(client: Client) -> str:
    """Begin to add an item in parts, and return its id."""
    return str(change(client, "addItem", multipart="true", filename="large.ipynb")["id"])


def add_part(client: Client, item_id: str, number: int, content: bytes) -> Any:
    return change(client, f"items/{item_id}/addPart", file=("part", content), partNum=number)


def status(client: Client, item_id: str) -> str:
    return str(client.get(f"/content/users/ana/items/{item_id}/status", "ana")["status"])


def test_an_item_is_added_with_its_file(each: Client) -> None:
    answer = add(each, file=("a.ipynb", b"{}"), tags="x, y", typeKeywords="Notebook,mark", snippet="s", licenseInfo="l")
    assert (answer["success"], answer["folder"]) == (True, "")
    item = each.get(f"/content/items/{answer['id']}", "ana")
    assert (item["name"], item["tags"], item["typeKeywords"]) == ("a.ipynb", ["x", "y"], ["Notebook", "mark"])
    assert (item["snippet"], item["licenseInfo"], item["access"]) == ("s", "l", "private")


def test_the_name_of_a_file_is_unique_in_its_folder(each: Client) -> None:
    add(each, file=("a.ipynb", b"{}"))
    assert add(each, file=("a.ipynb", b"{}"))["error"]["code"] == 409
    change(each, "createFolder", title="Other")
    path = f"{id_of('Other')}/addItem"
    answer = change(each, path, file=("a.ipynb", b"{}"), type="Notebook", title="Added")
    assert (answer["success"], answer["folder"]) == (True, id_of("Other"))


def test_an_unknown_folder_is_refused(each: Client) -> None:
    answer = change(each, f"{'0' * 32}/addItem", type="Notebook", title="Added")
    assert answer["error"]["messageCode"] == "CONT_0011"


def test_an_item_in_parts_exists_after_the_commit(each: Client) -> None:
    item_id = begin_parts(each)
    assert status(each, item_id) == "partial"
    assert each.get(f"/content/items/{item_id}", "ana")["error"]["messageCode"] == "CONT_0001"
    for number, content in ((2, b"end"), (1, b"y" * PART), (1, b"x" * PART)):
        assert add_part(each, item_id, number, content) == {"success": True, "id": item_id}
    answer = change(each, f"items/{item_id}/commit", type="Notebook", title="In parts", tags="x")
    assert answer == {"success": True, "id": item_id}
    assert status(each, item_id) == "completed"
    item = each.deployment.organisation.items[item_id]
    assert (item.title, item.name, item.tags) == ("In parts", "large.ipynb", ["x"])
    assert item.content == b"x" * PART + b"end"


@pytest.mark.parametrize("parts", [{}, {2: b"x"}, {1: b"x", 3: b"y"}, {1: b"x" * (PART - 1), 2: b"y"}])
def test_missing_or_small_parts_fail(parts: dict[int, bytes], enterprise: Client) -> None:
    item_id = begin_parts(enterprise)
    for number, content in parts.items():
        add_part(enterprise, item_id, number, content)
    assert change(enterprise, f"items/{item_id}/commit", title="x")["success"]
    assert status(enterprise, item_id) == "failed"
    assert item_id not in enterprise.deployment.organisation.items


@pytest.mark.parametrize("number", ["0", "-1", "10001", "x"])
def test_part_numbers_are_from_1_to_10000(number: Any, enterprise: Client) -> None:
    item_id = begin_parts(enterprise)
    assert add_part(enterprise, item_id, number, b"x")["error"]["code"] == 400
    assert add_part(enterprise, item_id, 10_000, b"x")["success"]


def test_a_second_commit_is_refused(enterprise: Client) -> None:
    item_id = begin_parts(enterprise)
    add_part(enterprise, item_id, 1, b"x")
    assert change(enterprise, f"items/{item_id}/commit", title="x")["success"]
    assert change(enterprise, f"items/{item_id}/commit", title="x")["error"]["code"] == 400


def test_the_content_changes_only_after_the_commit(each: Client) -> None:
    item = each.item("Flood model")
    before = item.content
    change(each, f"items/{item.id}/update", multipart="true", filename=f"{item.id}.ipynb")
    add_part(each, item.id, 1, b"{}")
    assert (item.content, status(each, item.id)) == (before, "completed")
    change(each, f"items/{item.id}/commit")
    assert item.content == b"{}"


@pytest.mark.parametrize("operation", ["addPart", "commit", "status"])
def test_uploads_belong_to_their_owner(operation: str, enterprise: Client) -> None:
    item_id = begin_parts(enterprise)
    answer = change(enterprise, f"items/{item_id}/{operation}", "ben", ("part", b"x"), partNum=1)
    assert answer["error"]["code"] == 403


def test_a_folder_may_be_empty_and_its_title_is_unique(each: Client) -> None:
    folder = change(each, "createFolder", title="New")["folder"]
    assert folder == {"username": "ana", "id": id_of("New"), "title": "New"}
    assert folder in each.get("/content/users/ana", "ana")["folders"]
    assert each.get(f"/content/users/ana/{folder['id']}", "ana")["items"] == []
    assert change(each, "createFolder", title="New")["error"]["code"] == 400
    assert change(each, "createFolder", title="x" * 251)["error"]["code"] == 400
    assert change(each, "createFolder", "ben", title="Ben's")["error"]["code"] == 403


def test_empty_fields_are_cleared_only_on_request(each: Client) -> None:
    item = each.item("Flood model")
    item.description, item.tags = "Before", ["x"]
    change(each, f"items/{item.id}/update", description="", tags="")
    assert (item.description, item.tags) == ("Before", ["x"])
    change(each, f"items/{item.id}/update", description="", tags="", clearEmptyFields="true")
    assert not item.description
    assert not item.tags


def test_sharing_names_the_groups_that_do_not_exist(each: Client) -> None:
    each.deployment.organisation.groups.append("Water")
    item, groups = each.item("Empty"), f"{id_of('Water')},{'0' * 32}"
    url = f"{each.rest}/content/items/{item.id}/share"
    answer = each.raw_post(url, "gis_admin", f="json", everyone="false", org="false", groups=groups).json()
    assert answer == {"notSharedWith": ["0" * 32], "itemId": item.id}
    assert (item.access, item.groups) == ("shared", ("Water",))
    each.deployment.switches.share_replaces_groups = False
    each.raw_post(url, "gis_admin", f="json", everyone="false", org="false", groups="")
    assert item.groups == ("Water",)


def test_only_online_has_a_recycle_bin(each: Client) -> None:
    first, second = each.item("Flood model"), each.item("Évolution")
    change(each, f"items/{first.id}/delete")
    change(each, f"items/{second.id}/delete", permanentDelete="true")
    recycled = each.get("/content/users/ana", "ana", inRecycleBin="true")["items"]
    assert [item["id"] for item in recycled] == ([first.id] if each.deployment.kind == "online" else [])
    assert each.get(f"/content/items/{first.id}", "ana")["error"]["messageCode"] == "CONT_0001"


def test_switches_limit_uploads(enterprise: Client) -> None:
    switches = enterprise.deployment.switches
    switches.max_upload_bytes = 10
    assert add(enterprise, file=("a.ipynb", b"x" * 11))["error"]["code"] == 400
    switches.max_field_bytes = 500
    assert add(enterprise, description="x" * 501)["error"]["code"] == 400
    switches.max_request_bytes = 1_000
    url = f"{enterprise.rest}/content/users/ana/addItem"
    assert enterprise.raw_post(url, "ana", title="x" * 1_000).status_code == 413
