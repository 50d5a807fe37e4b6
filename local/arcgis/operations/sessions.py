"""`/admin/notebooks`: the notebooks that are open in a container now. Both dialects stand on these functions."""

from typing import Any

from local.arcgis.operations.call import Call
from local.arcgis.organisation import Session
from local.arcgis.responses import OperationError, Payload, Response, render


def open_sessions(call: Call) -> list[Session]:
    """The open sessions that the caller may see: an administrator all, others their own."""
    sessions = list(call.organisation.sessions)
    if call.has_privilege("portal:admin:viewItems"):
        return sessions
    return [session for session in sessions if session.username == call.username]


def describe(session: Session) -> dict[str, Any]:
    """The fields that both dialects give."""
    return {
        "itemId": session.item_id,
        "notebookUrl": f"/notebooks/{session.container_id}/notebooks/{session.item_id}.ipynb",
        "id": session.id,
        "username": session.username,
    }


def find(call: Call) -> Session | None:
    """The open session that the path names, or None."""
    session_id = call.request.path_params["session_id"]
    return next((session for session in open_sessions(call) if session.id == session_id), None)


def not_open(call: Call) -> Response:
    """The answer for a session that is not open; its body is a switch."""
    return render(call.switches.closed_session_body, call.format, call.switches, title="notebooks/session")


def close(call: Call) -> Payload | Response:
    """Closes the session that the path names."""
    session = find(call)
    if session is None:
        return not_open(call)
    if session.username != call.username and not call.has_privilege("portal:admin:updateItems"):
        raise OperationError(403, "Access denied.")
    call.organisation.sessions.remove(session)
    return {"status": "success"}
