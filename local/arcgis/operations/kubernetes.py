"""The notebook part of the Enterprise Administrator API on Kubernetes: deployments instead of containers, no paging."""

from typing import Any

from local.arcgis.operations import sessions, snapshots
from local.arcgis.operations.call import Call, Operation
from local.arcgis.organisation import Session
from local.arcgis.responses import Payload, Response


def _describe(call: Call, session: Session) -> dict[str, Any]:
    item = call.organisation.items.get(session.item_id)
    return {
        **sessions.describe(session),
        "itemTitle": item.title if item else None,
        "dateLastActivity": session.last_activity,
        "notebookDeploymentId": session.container_id,
        "revision": session.revision,
    }


def _list(call: Call) -> Payload:
    return {
        "operations": ["openNotebook", "executeNotebook", "updateDefaultTemplate", "restoreDefaultTemplate"],
        "notebooks": [_describe(call, session) for session in sessions.open_sessions(call)],
        "resources": ["deployments", "jobs", "runtimes", "snapshots", "configuration", "snippets", "workspaces"],
    }


def _one(call: Call) -> Payload | Response:
    session = sessions.find(call)
    deployment = call.request.path_params.get("deployment_id")
    if session is None or deployment not in {None, session.container_id}:
        return sessions.not_open(call)
    return _describe(call, session)


def _configuration(call: Call) -> Payload:
    return {"maxSnapshotsPerNotebookItem": call.switches.max_snapshots, "idleNotebookThreshold": 1440}


def _root(call: Call) -> Payload:
    return {"currentVersion": call.deployment.version, "resources": ["notebooks", "system", "security"]}


OPERATIONS = (
    *snapshots.OPERATIONS,
    Operation("notebooks", "/notebooks", _list),
    Operation("notebooks/configuration", "/notebooks/configuration", _configuration),
    Operation("notebooks/session", "/notebooks/{session_id}", _one),
    # A page of the documentation prints the path in the singular.
    Operation("notebooks/session", "/notebook/{session_id}", _one),
    Operation("notebooks/session", "/notebooks/deployments/{deployment_id}/notebooks/{session_id}", _one),
    Operation("notebooks/close", "/notebooks/{session_id}/closeNotebook", sessions.close, ("POST",)),
    Operation("admin", "", _root),
    Operation("admin", "/", _root),
)
