"""The administration of a Notebook Server, which ArcGIS Online runs on hosts of its own."""

from typing import Any

from local.arcgis.operations import sessions, snapshots, tokens
from local.arcgis.operations.call import Call, Operation
from local.arcgis.organisation import Session
from local.arcgis.responses import Payload, Response


def _describe(call: Call, session: Session) -> dict[str, Any]:
    if call.deployment.kind == "online" and call.switches.online_sessions == "filename":
        return _describe_by_filename(call, session)
    row = {
        **sessions.describe(session),
        "dateLastActivity": str(session.last_activity),
        "containerId": session.container_id,
    }
    if call.deployment.kind == "online":
        item = call.organisation.items.get(session.item_id)
        row |= {"type": "openNotebook", "itemTitle": item.title if item else None}
    return row


def _describe_by_filename(call: Call, session: Session) -> dict[str, Any]:
    """A session as ArcGIS Online lists it: times as numbers, and the item only in the file's name."""
    item = call.organisation.items.get(session.item_id)
    return {
        "id": session.id,
        "itemTitle": item.title if item else None,
        "dateCreated": session.last_activity,
        "dateLastActivity": session.last_activity,
        "type": "openNotebook",
        "filename": f"{session.item_id}.ipynb",
        "username": session.username,
        "containerId": session.container_id,
    }


def _list(call: Call) -> Payload:
    container = call.request.path_params.get("container_id")
    found = [session for session in sessions.open_sessions(call) if container in {None, session.container_id}]
    if call.deployment.kind == "online" and call.switches.online_sessions == "filename":
        if call.switches.online_sessions_paged:
            _, found = call.paginate(found)
        return {"notebooks": [_describe(call, session) for session in found], "num": len(found)}
    paging, chosen = call.paginate(found)
    del paging["nextStart"]
    return {**paging, "notebooks": [_describe(call, session) for session in chosen]}


def _one(call: Call) -> Payload | Response:
    session = sessions.find(call)
    return _describe(call, session) if session else sessions.not_open(call)


def _root(call: Call) -> Payload:
    return {"currentVersion": call.deployment.version, "resources": ["notebooks", "system", "info"]}


def _info(call: Call) -> Payload:
    return {"fullVersion": call.deployment.version, "owningSystemUrl": call.deployment.portal_url}


def _properties(call: Call) -> Payload:
    return {"maxSnapshotsPerNotebookItem": call.switches.max_snapshots, "idleNotebookThreshold": 1440}


OPERATIONS = (
    *snapshots.OPERATIONS,
    Operation("notebooks", "/notebooks", _list),
    Operation("notebooks/session", "/notebooks/{session_id}", _one),
    Operation("notebooks/close", "/notebooks/{session_id}/closeNotebook", sessions.close, ("POST",)),
    Operation("notebooks/close", "/notebooks/{session_id}/close", sessions.close, ("POST",)),
    Operation("notebooks", "/system/containers/{container_id}/notebooks", _list),
    Operation("system/properties", "/system/properties", _properties),
    *tokens.NOTEBOOK_SERVER,
    Operation("admin/info", "/info", _info, needs_token=False),
    Operation("admin", "", _root),
    Operation("admin", "/", _root),
)
