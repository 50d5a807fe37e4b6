"""Test how the three deployments describe the portal, its members and the notebook host."""

import pytest

from tests.arcgis_server.client import Client


def test_portals_self_differs_between_deployments(enterprise: Client, online: Client, kubernetes: Client) -> None:
    answers = {
        client.deployment.kind: client.get("/portals/self", "ana") for client in (enterprise, online, kubernetes)
    }
    assert answers["enterprise"]["portalMode"] == "singletenant"
    assert answers["online"]["portalName"] == "ArcGIS Online"
    assert answers["online"]["portalMode"] == "multitenant"
    assert answers["kubernetes"]["portalDeploymentType"] == "ArcGISEnterpriseOnKubernetes"
    assert answers["enterprise"]["portalDeploymentType"] != "ArcGISEnterpriseOnKubernetes"


def test_portals_self_contains_the_callers_privileges(each: Client) -> None:
    admin = each.get("/portals/self", "gis_admin")["user"]
    creator = each.get("/portals/self", "ana")["user"]
    assert {"portal:admin:viewItems", "portal:admin:updateItems"} <= set(admin["privileges"])
    assert "portal:admin:viewItems" not in creator["privileges"]
    assert "premium:publisher:createNotebooks" in creator["privileges"]
    assert (admin["role"], creator["username"]) == ("org_admin", "ana")


def test_the_notebook_server_is_a_federated_server(enterprise: Client) -> None:
    organisation = enterprise.deployment.organisation
    for portal in ("self", organisation.id):
        servers = enterprise.get(f"/portals/{portal}/servers", "ana")["servers"]
        found = [server for server in servers if "notebookserver" in server["serverFunction"].lower()]
        assert [f"{server['adminPublicUrl']}/admin" for server in found] == [enterprise.admin]
        assert len(servers) == 2, "one of them is not a Notebook Server"


def test_the_online_notebook_host_is_found_by_its_urls(online: Client) -> None:
    urls = online.get("/portals/self/urls", "ana")
    assert f"https://{urls['urls']['notebooks']['https'][0]}/admin" == online.admin
    assert online.get("/portals/self/servers", "ana")["servers"] == []


def test_kubernetes_has_its_notebooks_below_the_portal(kubernetes: Client) -> None:
    assert kubernetes.admin == f"{kubernetes.deployment.portal_url}/admin"
    assert "notebooks" in kubernetes.sessions("", "gis_admin")["resources"]


@pytest.mark.parametrize("path", ["/servers", "/users", "/urls"])
def test_another_portal_is_refused(enterprise: Client, path: str) -> None:
    assert enterprise.get(f"/portals/0123/{path}".replace("//", "/"), "ana")["error"]["code"] == 400


def test_members_are_paged(each: Client) -> None:
    first = each.get("/portals/self/users", "gis_admin", start=1, num=3)
    rest = each.get("/portals/self/users", "gis_admin", start=first["nextStart"], num=3)
    names = [user["username"] for page in (first, rest) for user in page["users"]]
    assert names == ["gis_admin", "ana", "ben", "chi", "dora"]
    assert rest["nextStart"] == -1


def test_items_of_a_member_are_listed_by_folder(each: Client) -> None:
    for reader in ("ana", "gis_admin"):
        root = each.get("/content/users/ana", reader, num=100)
        assert "Flood model" in [item["title"] for item in root["items"]]
        (folder,) = root["folders"]
        inside = each.get(f"/content/users/ana/{folder['id']}", reader)
        assert [item["title"] for item in inside["items"]] == ["Évolution du littoral"]
    assert each.get("/content/users/ana", "ben")["error"]["code"] == 403
    assert each.get("/content/users/nobody", "gis_admin")["error"]["code"] == 400
    assert each.get("/content/users/ana/none", "ana")["error"]["code"] == 400


def test_info_contains_the_token_service_url(each: Client) -> None:
    assert each.get("/info")["authInfo"]["tokenServicesUrl"] == f"{each.rest}/generateToken"
    assert each.get("/")["currentVersion"] == each.deployment.version
