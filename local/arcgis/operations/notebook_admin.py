"""The notebook part of the administration API: the notebooks that are open in a container, and the server itself.

It has two versions. Notebook Server, which ArcGIS Online runs too, has containers and returns its list in pages. The
Enterprise Administrator API on Kubernetes has deployments instead of containers, and no pages.
"""

from typing import Any

from local.arcgis.operations import snapshots, tokens
from local.arcgis.operations.call import Call, Operation
from local.arcgis.organisation import Session
from local.arcgis.responses import OperationError, Payload, Response, render


def _list_visible_sessions(call: Call) -> list[Session]:
    """Return the open sessions that the caller may see: administrators see all, other users only their own."""
    sessions = list(call.organisation.sessions)
    if call.has_privilege("portal:admin:viewItems"):
        return sessions
    return [session for session in sessions if session.username == call.username]


def _find_session(call: Call) -> Session | None:
    """Return the open session whose id is in the path, or None."""
    session_id = call.request.path_params["session_id"]
    return next((session for session in _list_visible_sessions(call) if session.id == session_id), None)


def _respond_not_open(call: Call) -> Response:
    """Return the response for a session that is not open. A switch contains its body."""
    return render(call.switches.closed_session_body, call.format, call.switches, title="notebooks/session")


def _close_session(call: Call) -> Payload | Response:
    session = _find_session(call)
    if session is None:
        return _respond_not_open(call)
    if session.username != call.username and not call.has_privilege("portal:admin:updateItems"):
        raise OperationError(403, "Access denied.")
    call.organisation.sessions.remove(session)
    return {"status": "success"}


def _describe_common_fields(session: Session) -> dict[str, Any]:
    """Return the fields that both versions of the API have."""
    return {
        "itemId": session.item_id,
        "notebookUrl": f"/notebooks/{session.container_id}/notebooks/{session.item_id}.ipynb",
        "id": session.id,
        "username": session.username,
    }


def _get_item_title(call: Call, session: Session) -> str | None:
    item = call.organisation.items.get(session.item_id)
    return item.title if item else None


# Notebook Server and ArcGIS Online.


def _describe_session(call: Call, session: Session) -> dict[str, Any]:
    if call.deployment.kind == "online" and call.switches.online_sessions == "filename":
        return _describe_by_filename(call, session)
    row = {
        **_describe_common_fields(session),
        "dateLastActivity": str(session.last_activity),
        "containerId": session.container_id,
    }
    if call.deployment.kind == "online":
        row |= {"type": "openNotebook", "itemTitle": _get_item_title(call, session)}
    return row


def _describe_by_filename(call: Call, session: Session) -> dict[str, Any]:
    """Describe a session as ArcGIS Online lists it: times are numbers, and only `filename` contains the item id."""
    return {
        "id": session.id,
        "itemTitle": _get_item_title(call, session),
        "dateCreated": session.last_activity,
        "dateLastActivity": session.last_activity,
        "type": "openNotebook",
        "filename": f"{session.item_id}.ipynb",
        "username": session.username,
        "containerId": session.container_id,
    }


def _list_sessions(call: Call) -> Payload:
    container = call.request.path_params.get("container_id")
    found = [session for session in _list_visible_sessions(call) if container in {None, session.container_id}]
    if call.deployment.kind == "online" and call.switches.online_sessions == "filename":
        if call.switches.online_sessions_paged:
            _, found = call.paginate(found)
        return {"notebooks": [_describe_session(call, session) for session in found], "num": len(found)}
    paging, chosen = call.paginate(found)
    del paging["nextStart"]
    return {**paging, "notebooks": [_describe_session(call, session) for session in chosen]}


def _get_session(call: Call) -> Payload | Response:
    session = _find_session(call)
    return _describe_session(call, session) if session else _respond_not_open(call)


def _get_server(call: Call) -> Payload:
    return {"currentVersion": call.deployment.version, "resources": ["notebooks", "system", "info"]}


def _get_info(call: Call) -> Payload:
    return {"fullVersion": call.deployment.version, "owningSystemUrl": call.deployment.portal_url}


# Kubernetes.


def _describe_session_on_kubernetes(call: Call, session: Session) -> dict[str, Any]:
    return {
        **_describe_common_fields(session),
        "itemTitle": _get_item_title(call, session),
        "dateLastActivity": session.last_activity,
        "notebookDeploymentId": session.container_id,
        "revision": session.revision,
    }


def _list_sessions_on_kubernetes(call: Call) -> Payload:
    return {
        "operations": ["openNotebook", "executeNotebook", "updateDefaultTemplate", "restoreDefaultTemplate"],
        "notebooks": [_describe_session_on_kubernetes(call, session) for session in _list_visible_sessions(call)],
        "resources": ["deployments", "jobs", "runtimes", "snapshots", "configuration", "snippets", "workspaces"],
    }


def _get_session_on_kubernetes(call: Call) -> Payload | Response:
    session = _find_session(call)
    deployment = call.request.path_params.get("deployment_id")
    if session is None or deployment not in {None, session.container_id}:
        return _respond_not_open(call)
    return _describe_session_on_kubernetes(call, session)


def _get_server_on_kubernetes(call: Call) -> Payload:
    return {"currentVersion": call.deployment.version, "resources": ["notebooks", "system", "security"]}


def _get_properties(call: Call) -> Payload:
    return {"maxSnapshotsPerNotebookItem": call.switches.max_snapshots, "idleNotebookThreshold": 1440}


NOTEBOOK_SERVER = (
    *snapshots.OPERATIONS,
    Operation("notebooks", "/notebooks", _list_sessions),
    Operation("notebooks/session", "/notebooks/{session_id}", _get_session),
    Operation("notebooks/close", "/notebooks/{session_id}/closeNotebook", _close_session, ("POST",)),
    Operation("notebooks/close", "/notebooks/{session_id}/close", _close_session, ("POST",)),
    Operation("notebooks", "/system/containers/{container_id}/notebooks", _list_sessions),
    Operation("system/properties", "/system/properties", _get_properties),
    *tokens.NOTEBOOK_SERVER,
    Operation("admin/info", "/info", _get_info, needs_token=False),
    Operation("admin", "", _get_server),
    Operation("admin", "/", _get_server),
)
KUBERNETES = (
    *snapshots.OPERATIONS,
    Operation("notebooks", "/notebooks", _list_sessions_on_kubernetes),
    Operation("notebooks/configuration", "/notebooks/configuration", _get_properties),
    Operation("notebooks/session", "/notebooks/{session_id}", _get_session_on_kubernetes),
    # One page of the documentation shows `notebook` in the path, not `notebooks`.
    Operation("notebooks/session", "/notebook/{session_id}", _get_session_on_kubernetes),
    Operation(
        "notebooks/session", "/notebooks/deployments/{deployment_id}/notebooks/{session_id}", _get_session_on_kubernetes
    ),
    Operation("notebooks/close", "/notebooks/{session_id}/closeNotebook", _close_session, ("POST",)),
    Operation("admin", "", _get_server_on_kubernetes),
    Operation("admin", "/", _get_server_on_kubernetes),
)
