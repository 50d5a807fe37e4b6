"""Open notebooks for a caller, in the words of the documented notebook resource whatever the server's dialect."""

from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from notebook_archive.clock import Deadline
from notebook_archive.errors import ArcGISError, NotebookNotFound, PermissionDenied, RequestRejected, SessionNotFound
from notebook_archive.models import ItemId, NotebookSession, SessionId
from notebook_archive.reading.readers import Reader


class NotebookResource(TypedDict):
    """The notebook resource of the Enterprise Administrator API.  Times are in epoch milliseconds."""

    itemId: str
    notebookUrl: str
    itemTitle: str
    dateLastActivity: int
    id: str
    notebookDeploymentId: str
    username: str
    revision: int


class NotebookResources(TypedDict):
    """Some of the open notebooks.  ``start`` counts from 1, ``total`` is how many there are in all.

    ``unreadable`` counts those left out because ArcGIS gave no usable session or item.
    """

    total: int
    start: int
    num: int
    unreadable: int
    notebooks: list[NotebookResource]


def read_session(session_id: SessionId, reader: Reader, deadline: Deadline) -> NotebookResource:
    """Return one open notebook; raise NotebookNotFound where it is not open, or not for the reader to see."""
    server = reader.sessions(deadline)
    try:
        session = server.get_session(session_id)
    except ArcGISError as error:
        if reader.hides(error):
            raise SessionNotFound(str(error)) from None
        raise
    return _completed([session], reader, 1, deadline)[0]


def read_sessions(start: int, num: int, reader: Reader, threads: int, deadline: Deadline) -> NotebookResources:
    """Return ``num`` open notebooks from the ``start``-th on."""
    page = reader.sessions(deadline).list_sessions(start, num)
    notebooks = _completed(list(page.sessions), reader, threads, deadline)
    return {
        "total": page.total,
        "start": start,
        "num": len(notebooks),
        "unreadable": page.unreadable,
        "notebooks": notebooks,
    }


def _completed(
    sessions: list[NotebookSession], reader: Reader, threads: int, deadline: Deadline
) -> list[NotebookResource]:
    """Return the sessions with all eight fields.  Only Kubernetes tells title and revision; elsewhere they are the
    item's title and the time at which it was last modified."""
    lacking = {session.item_id for session in sessions if session.item_title is None or session.revision is None}

    def look(item_id: ItemId) -> tuple[str, int]:
        try:
            item = reader.item(item_id, deadline)
        except (NotebookNotFound, PermissionDenied, RequestRejected, SessionNotFound):
            return "", 0  # open, and its item is gone or hidden
        return item.title, item.modified

    with ThreadPoolExecutor(max_workers=threads) as pool:
        known = dict(zip(lacking, pool.map(look, lacking), strict=True))
    return [_resource(session, *known.get(session.item_id, ("", 0))) for session in sessions]


def _resource(session: NotebookSession, title: str, modified: int) -> NotebookResource:
    return {
        "itemId": session.item_id,
        "notebookUrl": session.notebook_url,
        "itemTitle": title if session.item_title is None else session.item_title,
        "dateLastActivity": session.last_activity,
        "id": session.session_id,
        "notebookDeploymentId": session.deployment_id,
        "username": session.username,
        "revision": modified if session.revision is None else session.revision,
    }
