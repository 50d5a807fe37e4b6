"""Test the control API and the request log."""

import hashlib
from pathlib import Path

from tests.arcgis_server.client import Client


def test_control_api_describes_the_deployment(each: Client) -> None:
    answer = each.session.get(each.control).json()
    assert answer["portalUrl"] == each.deployment.portal_url
    assert answer["notebookAdminUrl"] == each.admin
    roles = [user["role"] for user in answer["users"]]
    assert roles.count("admin") >= 1
    assert roles.count("creator") >= 3


def test_control_requests_are_not_logged(each: Client) -> None:
    item = each.item("Flood model")
    each.snapshots("list", item)
    body = each.raw_get(f"{each.rest}/content/items/{item.id}", "gis_admin", f="json").content
    listed, read = each.deployment.requests
    assert (listed.operation, listed.method, listed.username, listed.status) == ("snapshots/list", "POST", "ana", 200)
    assert (read.operation, read.item_id, read.username, read.bytes) == ("items/item", item.id, "gis_admin", len(body))
    answer = each.session.get(f"{each.control}/requests").json()
    assert answer["counts"] == {"snapshots/list": 1, "items/item": 1}
    assert (answer["total"], answer["bytes"]) == (2, listed.bytes + read.bytes)
    assert each.session.delete(f"{each.control}/requests").json()["total"] == 0
    assert len(each.deployment.requests) == 0


def test_faults_and_switches_are_changed_over_http(each: Client) -> None:
    fault = {"operation": "items/item", "kind": "http-503", "times": 1}
    assert each.session.post(f"{each.control}/faults", json=fault).status_code == 200
    item = each.item("Flood model")
    assert each.raw_get(f"{each.rest}/content/items/{item.id}", "ana").status_code == 503
    assert each.session.get(f"{each.control}/faults").json()["faults"][0]["struck"] == 1
    assert each.session.delete(f"{each.control}/faults").json() == {"faults": []}
    assert each.session.post(f"{each.control}/faults", json={"kind": "nonsense"}).status_code == 400
    assert each.session.post(f"{each.control}/faults", json={"no": "field"}).status_code == 400
    assert each.session.post(f"{each.control}/switches", json={"max_snapshots": 9}).json()["max_snapshots"] == 9
    assert each.deployment.switches.max_snapshots == 9
    assert each.session.post(f"{each.control}/switches", json={"nonsense": 1}).status_code == 400


def test_items_and_snapshots_are_added_over_http(each: Client, tmp_path: Path) -> None:
    new = each.session.post(f"{each.control}/items", json={"owner": "ben", "title": "By control"}).json()["id"]
    path = tmp_path / "large.ipynb"
    path.write_bytes(b'{"cells":[]}' + b" " * 3_000_000)
    for body in ({"name": "text", "content": "{}"}, {"name": "file", "path": str(path)}):
        assert each.session.post(f"{each.control}/items/{new}/snapshots", json=body).status_code == 201
    rows = {row["id"]: row for row in each.session.get(f"{each.control}/items").json()["items"]}
    text, file = rows[new]["snapshots"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    served = each.session.get(f"{each.control}/items/{new}/snapshots/{file['resourceKey']}").content
    assert served == path.read_bytes()
    assert text["size"] == 2
    assert each.session.delete(f"{each.control}/items/{new}").status_code == 204
    assert each.session.delete(f"{each.control}/items/{new}").status_code == 404


def test_tokens_are_issued_and_revoked_over_http(each: Client) -> None:
    token = each.session.post(f"{each.control}/tokens", json={"username": "ana", "seconds": 60}).json()["token"]
    assert each.get("/community/self", token=token)["username"] == "ana"
    assert each.session.delete(f"{each.control}/tokens").status_code == 204
    assert each.get("/community/self", token=token)["error"]["code"] == 498
