"""Test items, their content and their resources. An administrator can read snapshots only as resources."""

import json
from typing import Any

import pytest

from local.arcgis.organisation import Resource
from tests.arcgis_server.client import Client


def resources(client: Client, title: str, user: str, **params: Any) -> Any:
    return client.get(f"/content/items/{client.item(title).id}/resources", user, **params)


def test_an_item_has_its_properties_and_counts_its_views(each: Client) -> None:
    item = each.item("Карта рек")
    first = each.get(f"/content/items/{item.id}", "ana")
    assert (first["title"], first["owner"], first["type"], first["size"]) == ("Карта рек", "ana", "Notebook", 26208)
    assert each.get(f"/content/items/{item.id}", "ana")["numViews"] == first["numViews"] + 1


def test_missing_and_invisible_items_are_refused(each: Client) -> None:
    item = each.item("Flood model")
    missing = each.get(f"/content/items/{'0' * 32}", "ana")["error"]
    assert (missing["code"], missing["messageCode"]) == (400, "CONT_0001")
    assert each.get(f"/content/items/{item.id}", "ben")["error"]["code"] == 403
    assert each.get(f"/content/items/{item.id}")["error"]["code"] == 499
    assert each.get(f"/content/items/{item.id}", "gis_admin")["id"] == item.id


def test_titles_in_every_script_are_unchanged(each: Client) -> None:
    for item in each.deployment.organisation.notebooks():
        assert each.get(f"/content/items/{item.id}", "gis_admin")["title"] == item.title


def test_data_is_the_notebook_as_last_saved(each: Client) -> None:
    item = each.item("Évolution")
    answer = each.raw_get(f"{each.rest}/content/items/{item.id}/data", "ana", f="json")
    assert answer.content == item.content
    item.content = b""
    assert each.get(f"/content/items/{item.id}/data", "ana")["error"] == {
        "code": 500,
        "message": "Item does not have a file.",
        "details": [],
    }


def test_the_size_counts_content_and_resources(each: Client) -> None:
    item = each.item("Empty")
    item.content, item.snapshots, item.resources = b"12345", [], []
    assert each.get(f"/content/items/{item.id}", "chi")["size"] == 5
    item.add_snapshot(b"1234567")
    item.resources.append(Resource("picture.png", b"1"))
    assert each.get(f"/content/items/{item.id}", "chi")["size"] == 13


def test_data_without_a_file_may_be_an_empty_body(each: Client) -> None:
    item = each.item("Empty")
    item.content = b""
    each.deployment.switches.empty_data = "empty-body"
    answer = each.raw_get(f"{each.rest}/content/items/{item.id}/data", "chi")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "0", b"")


def test_the_owners_path_lists_the_same_resources(each: Client) -> None:
    item = each.item("Évolution")
    for folder in ("", f"/{item.folder}"):
        path = f"/content/users/ana{folder}/items/{item.id}/resources"
        assert each.get(path, "gis_admin") == resources(each, "Évolution", "gis_admin")
    each.deployment.switches.resources_refused_by_item = True
    assert resources(each, "Évolution", "gis_admin")["error"]["code"] == 403
    assert resources(each, "Évolution", "ana")["total"] == 5
    assert each.get(f"/content/users/ana/items/{item.id}/resources", "gis_admin")["total"] == 5
    assert each.get(f"/content/users/ben/items/{item.id}/resources", "gis_admin")["error"]["code"] == 400


def test_data_may_redirect_to_a_store_without_tokens(each: Client) -> None:
    each.deployment.switches.data_redirect = True
    item = each.item("Évolution")
    answer = each.raw_get(f"{each.rest}/content/items/{item.id}/data", "ana", f="json")
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert each.raw_get(location).content == item.content
    assert each.raw_get(location, "ana").status_code == 400


def test_resources_list_the_snapshots_with_their_properties(each: Client) -> None:
    item = each.item("Flood model")
    answer = resources(each, "Flood model", "gis_admin")
    assert (answer["total"], answer["start"], answer["num"], answer["nextStart"]) == (3, 1, 3, -1)
    first, snapshot = answer["resources"][0], item.snapshots[0]
    assert first == {
        "resource": snapshot.resource_key,
        "created": snapshot.created,
        "size": snapshot.size,
        "access": "private",
        "properties": snapshot.properties,
    }
    assert {row["resource"]: row["access"] for row in answer["resources"]}["notebook_preview.json"] == "inherit"


def test_resources_are_paged_and_sorted(each: Client) -> None:
    keys = [snapshot.resource_key for snapshot in each.item("Évolution").snapshots]
    first = resources(each, "Évolution", "gis_admin", num=2, sortField="created", sortOrder="desc")
    assert [row["resource"] for row in first["resources"]] == [keys[4], keys[3]]
    assert first["nextStart"] == 3
    by_name = resources(each, "Évolution", "gis_admin", sortField="resource")
    assert [row["resource"] for row in by_name["resources"]] == sorted(keys)


def test_a_resource_is_served_byte_for_byte(each: Client) -> None:
    for item in each.deployment.organisation.notebooks():
        reader = item.owner if item.resources_refused else "gis_admin"
        for snapshot in item.snapshots:
            url = f"{each.rest}/content/items/{item.id}/resources/{snapshot.resource_key}"
            assert each.raw_get(url, reader).content == snapshot.content


def test_a_missing_resource_is_an_error_with_http_200(each: Client) -> None:
    item = each.item("Flood model")
    answer = each.raw_get(f"{each.rest}/content/items/{item.id}/resources/snapshot-{'0' * 32}.json", "ana", f="json")
    assert answer.status_code == 200
    assert answer.json()["error"]["message"] == "Resource does not exist or is inaccessible."


def test_private_resources_are_for_the_owner_and_administrators(each: Client) -> None:
    item = each.item("Shared methods")
    private, shared = (snapshot.resource_key for snapshot in item.snapshots)
    for reader, expected in {"ben": {private, shared}, "gis_admin": {private, shared}, "ana": {shared}}.items():
        assert {row["resource"] for row in resources(each, "Shared methods", reader)["resources"]} == expected
    url = f"/content/items/{item.id}/resources/{private}"
    assert each.get(url, "ana")["error"]["code"] == 404


def test_one_sample_notebook_is_readable_only_by_its_owner(each: Client) -> None:
    item = each.item("Restricted survey")
    assert not each.deployment.user(item.owner).has_secret
    key = item.snapshots[0].resource_key
    assert resources(each, "Restricted survey", "gis_admin")["error"]["code"] == 403
    assert each.get(f"/content/items/{item.id}/resources/{key}", "gis_admin")["error"]["code"] == 403
    assert "error" in each.snapshots("list", item, "gis_admin")
    assert each.snapshots("list", item)["total"] == 1


def test_switches_change_snapshots_in_resources(enterprise: Client) -> None:
    switches = enterprise.deployment.switches
    switches.resource_properties = False
    assert all("properties" not in row for row in resources(enterprise, "Flood model", "ana")["resources"])
    switches.private_snapshots_are_private_resources = False
    assert {row["access"] for row in resources(enterprise, "Flood model", "ana")["resources"]} == {"inherit"}
    switches.snapshots_are_resources = False
    answer = resources(enterprise, "Flood model", "ana")
    assert [row["resource"] for row in answer["resources"]] == ["notebook_preview.json"]


def test_a_notebook_can_be_saved(each: Client) -> None:
    item = each.item("Évolution")
    before = item.modified
    content = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}'
    url = f"{each.rest}/content/users/ana/{item.folder}/items/{item.id}/update"
    answer = each.session.post(
        url,
        data={"f": "json", "token": each.token("ana"), "title": "Renamed"},
        files={"file": (f"{item.id}.ipynb", content)},
    )
    assert answer.json() == {"success": True, "id": item.id}
    assert (item.title, item.content) == ("Renamed", content)
    assert item.modified > before


@pytest.mark.parametrize(("user", "code"), [("ben", 403), ("chi", 403)])
def test_others_cannot_save(enterprise: Client, user: str, code: int) -> None:
    item = enterprise.item("Flood model")
    url = f"{enterprise.rest}/content/users/ana/items/{item.id}/update"
    assert enterprise.raw_post(url, user, f="json", title="x").json()["error"]["code"] == code


def test_a_notebook_can_be_added_and_deleted(each: Client) -> None:
    properties = json.dumps({"notebookRuntimeName": "ArcGIS Notebook R", "notebookRuntimeVersion": "4.2"})
    added = each.raw_post(
        f"{each.rest}/content/users/ana/addItem",
        "ana",
        f="json",
        title="Added",
        type="Notebook",
        text='{"cells":[]}',
        properties=properties,
    ).json()
    item = each.deployment.organisation.items[added["id"]]
    assert (item.title, item.content, item.runtime) == ("Added", b'{"cells":[]}', ("ArcGIS Notebook R", "4.2"))
    url = f"{each.rest}/content/users/ana/items/{item.id}/delete"
    assert each.raw_post(url, "ana", f="json").json() == {"success": True, "itemId": item.id}
    assert each.get(f"/content/items/{item.id}", "ana")["error"]["code"] == 400


def test_a_resource_can_be_added(each: Client) -> None:
    item = each.item("Empty")
    url = f"{each.rest}/content/users/chi/items/{item.id}/addResources"
    data = {"f": "json", "token": each.token("chi"), "fileName": "picture.png", "access": "private"}
    answer = each.session.post(url, data=data, files={"file": ("picture.png", b"\x89PNG")}).json()
    assert answer["success"] is True
    again = each.session.post(url, data=data, files={"file": ("picture.png", b"\x89PNG")}).json()
    assert again["error"]["code"] == 409
    assert each.raw_get(f"{each.rest}/content/items/{item.id}/resources/picture.png", "chi").content == b"\x89PNG"
