"""Test `/admin/notebooks`, which lists only open notebooks, in both versions of the API."""

from tests.arcgis_server.client import Client


def test_open_notebooks_are_listed_once_per_session(each: Client) -> None:
    listed = each.sessions("/notebooks", "gis_admin")["notebooks"]
    items = [row.get("itemId") or row["filename"].removesuffix(".ipynb") for row in listed]
    assert len(items) == 3
    assert items.count(each.item("Flood model").id) == 2
    assert len({row["id"] for row in listed}) == 3


def test_sessions_are_returned_in_pages(enterprise: Client, online: Client) -> None:
    online.deployment.switches.online_sessions = "item-id"
    for client in (enterprise, online):
        answer = client.sessions("/notebooks", "gis_admin", start=2, num=1)
        assert (answer["total"], answer["start"], answer["num"], len(answer["notebooks"])) == (3, 2, 1, 1)
        assert client.sessions("/notebooks", "gis_admin")["num"] == 10


def test_session_has_the_documented_fields(enterprise: Client, online: Client) -> None:
    """Test that times are strings, and that the address contains the ids of container and item."""
    online.deployment.switches.online_sessions = "item-id"
    for client in (enterprise, online):
        (row,) = client.sessions("/notebooks", "gis_admin", start=2, num=1)["notebooks"]
        assert isinstance(row["dateLastActivity"], str)
        assert row["notebookUrl"] == f"/notebooks/{row['containerId']}/notebooks/{row['itemId']}.ipynb"
    assert online.sessions("/notebooks", "gis_admin")["notebooks"][0]["type"] == "openNotebook"


def test_arcgis_online_has_the_item_only_in_filename(online: Client) -> None:
    answer = online.sessions("/notebooks", "gis_admin", start=2, num=1)
    assert (set(answer), answer["num"], len(answer["notebooks"])) == ({"notebooks", "num"}, 3, 3)
    row = answer["notebooks"][0]
    assert not {"itemId", "notebookUrl"} & row.keys()
    assert row["filename"] == f"{online.item('Flood model').id}.ipynb"
    assert isinstance(row["dateLastActivity"], int)
    online.deployment.switches.online_sessions_paged = True
    assert len(online.sessions("/notebooks", "gis_admin", start=2, num=1)["notebooks"]) == 1


def test_kubernetes_has_no_pages_and_numeric_times(kubernetes: Client) -> None:
    answer = kubernetes.sessions("/notebooks", "gis_admin", start=2, num=1)
    assert len(answer["notebooks"]) == 3
    assert "total" not in answer
    row = answer["notebooks"][0]
    assert isinstance(row["dateLastActivity"], int)
    assert row["itemTitle"] == "Flood model"
    assert {"notebookDeploymentId", "revision"} <= set(row)
    assert "containerId" not in row
    inside = f"/notebooks/deployments/{row['notebookDeploymentId']}/notebooks/{row['id']}"
    for path in (inside, f"/notebook/{row['id']}"):
        assert kubernetes.sessions(path, "gis_admin") == row


def test_one_session_is_read_by_its_own_id(each: Client) -> None:
    row = each.sessions("/notebooks", "gis_admin")["notebooks"][0]
    assert each.sessions(f"/notebooks/{row['id']}", "gis_admin") == row
    by_item = each.sessions(f"/notebooks/{each.item('Flood model').id}", "gis_admin")
    assert by_item == {"error": {"code": 404, "message": "Notebook not found", "details": None}}


def test_body_for_a_closed_session_is_set_by_a_switch(each: Client) -> None:
    each.deployment.switches.closed_session_body = {"status": "error", "messages": ["gone"], "code": 404}
    assert each.sessions(f"/notebooks/{'0' * 32}", "gis_admin")["messages"] == ["gone"]


def test_a_session_is_closed_by_its_user_or_an_administrator(each: Client) -> None:
    ana, _, admin = each.deployment.organisation.sessions
    assert each.post(f"/notebooks/{admin.id}/closeNotebook", "ana")["error"]["code"] == 404
    assert each.post(f"/notebooks/{ana.id}/closeNotebook", "ana") == {"status": "success"}
    assert each.post(f"/notebooks/{admin.id}/closeNotebook", "gis_admin") == {"status": "success"}
    assert len(each.sessions("/notebooks", "gis_admin")["notebooks"]) == 1


def test_creators_see_their_own_sessions(each: Client) -> None:
    rows = each.sessions("/notebooks", "ana")["notebooks"]
    assert {row["username"] for row in rows} == {"ana"}


def test_the_notebooks_of_one_container_are_listed(enterprise: Client) -> None:
    session = enterprise.deployment.organisation.sessions[0]
    rows = enterprise.sessions(f"/system/containers/{session.container_id}/notebooks", "gis_admin")["notebooks"]
    assert [row["id"] for row in rows] == [session.id]
    assert enterprise.sessions("/system/properties", "gis_admin")["maxSnapshotsPerNotebookItem"] == 5
