"""The portal itself: its description, members and federated servers, and search."""

import re
import secrets
from typing import Any

from local.arcgis.deployment import Deployment
from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.operations.items import describe
from local.arcgis.operations.search_query import compile_query
from local.arcgis.organisation import User
from local.arcgis.responses import OperationError, Payload

MODIFIED_RANGE = re.compile(r"modified:\[[^\]]*\]")


def _get_root(call: Call) -> Payload:
    return {"currentVersion": call.deployment.version, "enterpriseVersion": call.deployment.version}


def _get_info(call: Call) -> Payload:
    token_url = f"{call.deployment.portal_url}/sharing/rest/generateToken"
    return {
        "owningSystemUrl": call.deployment.portal_url,
        "authInfo": {"tokenServicesUrl": token_url, "isTokenBasedSecurity": True},
    }


def _describe_user(call: Call, user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "fullName": user.full_name or user.username,
        "role": "org_admin" if user.role == "admin" else "org_publisher",
        "level": "2",
        "userType": "both" if call.deployment.kind == "online" else "arcgisonly",
        "orgId": call.organisation.id,
        "email": f"{user.username}@example.com",
        "privileges": list(user.privileges),
        "groups": [],
        "disabled": False,
    }


def _get_portal(call: Call) -> Payload:
    deployment = call.deployment
    online = deployment.kind == "online"
    host = deployment.portal_url.removeprefix("https://")
    answer: dict[str, Any] = {
        "id": call.organisation.id,
        "name": call.organisation.name,
        "portalName": "ArcGIS Online" if online else "Portal for ArcGIS",
        "portalMode": "multitenant" if online else "singletenant",
        "isPortal": not online,
        "portalHostname": host,
        "portalDeploymentType": deployment.portal_deployment_type,
        "currentVersion": deployment.version,
        "enterpriseVersion": deployment.version,
        "allSSL": True,
        "supportsOAuth": True,
        "supportsHostedServices": True,
        "helperServices": {},
        "authInfo": {},
    }
    if online:
        elsewhere = deployment.switches.tokens_of_another_organisation
        answer |= {"urlKey": "elsewhere" if elsewhere else "localhost", "customBaseUrl": ""}
    if call.username:
        answer["user"] = _describe_user(call, call.organisation.users[call.username])
    elif call.token:
        answer["appInfo"] = {"appId": "archive-app", "privileges": list(call.token.privileges)}
    return answer


def _check_portal_id(call: Call) -> None:
    if call.request.path_params["portal_id"] not in {"self", call.organisation.id}:
        raise OperationError(400, "Portal does not exist or is inaccessible.", message_code="ORG_0001")


def _hides_servers(call: Call) -> bool:
    """Return whether the caller gets an empty list. Raise OperationError if the switch refuses the caller."""
    if call.switches.servers_need_privileges == "no" or call.has_privilege("portal:admin:viewItems"):
        return False
    if call.switches.servers_need_privileges == "refused":
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    return True


def _list_servers(call: Call) -> Payload:
    _check_portal_id(call)
    if _hides_servers(call):
        return {"servers": []}
    return {"servers": _describe_servers(call.deployment)}


def _describe_servers(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the Notebook Server and a server of another kind. ArcGIS Online has no servers in this list."""
    if deployment.kind == "online":
        return []
    url = deployment.notebook_admin_url.removesuffix("/admin")
    host = f"localhost:{deployment.notebook_port}"
    other = f"{deployment.portal_url.rpartition('/')[0]}/server"
    return [
        _describe_server("server", other, host, "", "HOSTING_SERVER"),
        _describe_server("notebooks", url, host, "NotebookServer", "FEDERATED_SERVER"),
    ]


def _describe_server(name: str, url: str, host: str, function: str, role: str) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "name": host,
        "serverFunction": function,
        "url": url,
        "adminUrl": url,
        "adminPublicUrl": url,
        "isHosted": role == "HOSTING_SERVER",
        "serverRole": role,
        "serverType": "ARCGIS_NOTEBOOK_SERVER" if function else "ArcGIS",
        "shortName": name,
    }


def _list_urls(call: Call) -> Payload:
    _check_portal_id(call)
    if call.deployment.kind != "online":
        raise OperationError(404, "Resource does not exist or is inaccessible.")
    if _hides_servers(call):
        return {"urls": {}}
    host = call.deployment.notebook_admin_url.removeprefix("https://").removesuffix("/admin")
    return {"urls": {"notebooks": {"https": [host]}}}


def _list_members(call: Call) -> Payload:
    _check_portal_id(call)
    paging, users = call.paginate(list(call.organisation.users.values()))
    return {**paging, "users": [_describe_user(call, user) for user in users]}


def _get_member(call: Call) -> Payload:
    user = call.organisation.users.get(call.request.path_params["username"])
    if user is None:
        raise OperationError(400, "User does not exist or is inaccessible.", message_code="COM_0018")
    return _describe_user(call, user)


def _get_caller(call: Call) -> Payload:
    if not call.username:
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    return _describe_user(call, call.organisation.users[call.username])


def _apply_range_switch(call: Call, query: str) -> str:
    """Return the query as the portal understands its range of `modified`, if it has one."""
    switch = call.switches.modified_range
    if switch == "refused" and MODIFIED_RANGE.search(query):
        raise OperationError(400, "Unable to parse the search query.")
    replacements = {"ignored": "modified:[* TO *]", "matches-nothing": "modified:[0 TO 0]"}
    return MODIFIED_RANGE.sub(replacements[switch], query) if switch in replacements else query


def _search(call: Call) -> Payload:
    query, filter_ = call.get("q"), call.get("filter")
    if not query and not filter_:
        raise OperationError(400, "'q' must be specified.")
    limit = call.switches.search_limit
    if call.get_number("start", 1, 2**31) > limit:
        raise OperationError(400, f"'start' must not be greater than {limit}.")
    tests = [compile_query(_apply_range_switch(call, query), call.organisation.id)] if query else []
    tests += [compile_query(filter_, call.organisation.id, exact=True)] if filter_ else []
    indexed = call.organisation.indexed(call.switches.index_lag_seconds)
    found = [item for item in indexed if all(test(item) for test in tests) and call.can_see(item)]
    field = call.get("sortField")
    if field in {"created", "modified", "title", "owner"}:
        # Items with equal values are sorted by id, so that pages do not overlap.
        found.sort(key=lambda item: (getattr(item, field), item.id), reverse=call.get("sortOrder") == "desc")
    paging, chosen = call.paginate(found[:limit])
    if len(found) > limit:
        reached_limit = paging["nextStart"] == -1 and chosen and call.switches.next_start_at_limit
        paging |= {"total": len(found), "nextStart": limit + 1 if reached_limit else paging["nextStart"]}
    results = [describe(call, item) for item in chosen]
    if not call.switches.search_gives_folder:
        for result in results:
            result.pop("ownerFolder", None)
    return {"query": query, **paging, "results": results}


OPERATIONS = (
    Operation("search", "/search", _search, needs_token=False),
    Operation("portals/self", "/portals/self", _get_portal, needs_token=False),
    Operation("portals/servers", "/portals/{portal_id}/servers", _list_servers),
    Operation("portals/urls", "/portals/{portal_id}/urls", _list_urls, needs_token=False),
    Operation("portals/users", "/portals/{portal_id}/users", _list_members),
    Operation("community/self", "/community/self", _get_caller),
    Operation("community/user", "/community/users/{username}", _get_member),
    Operation("info", "/info", _get_info, needs_token=False),
    Operation("root", "", _get_root, needs_token=False),
    Operation("root", "/", _get_root, needs_token=False),
)
