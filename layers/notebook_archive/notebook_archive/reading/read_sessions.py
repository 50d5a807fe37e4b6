"""Read open notebooks for a caller, in the documented format, whichever format the server itself uses."""

from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from notebook_archive.errors import NotebookNotFound, PermissionDenied, RequestRejected, SessionNotFound
from notebook_archive.models import ItemId, NotebookSession, SessionId
from notebook_archive.reading.authorization import Rights


class NotebookResource(TypedDict):
    """The notebook resource of the Enterprise Administrator API. Times are in epoch milliseconds."""

    itemId: str
    notebookUrl: str
    itemTitle: str
    dateLastActivity: int
    id: str
    notebookDeploymentId: str
    username: str
    revision: int


class NotebookResources(TypedDict):
    """A page of the open notebooks. `start` counts from 1. `total` is the number of all open notebooks.

    `unreadable` counts the notebooks that are left out: ArcGIS returned no usable session or no usable item.
    """

    total: int
    start: int
    num: int
    unreadable: int
    notebooks: list[NotebookResource]


def read_session(session_id: SessionId, rights: Rights) -> NotebookResource:
    """Return one open notebook. Raises SessionNotFound if it is not open or the caller may not see it."""
    server = rights.find_notebook_server()
    try:
        session = server.get_session(session_id)
    except PermissionDenied as error:
        if rights.hides_denials:
            raise SessionNotFound(str(error)) from None
        raise
    return _complete([session], rights, 1)[0]


def read_sessions(start: int, num: int, rights: Rights, threads: int) -> NotebookResources:
    """Return `num` open notebooks, beginning with number `start`."""
    page = rights.find_notebook_server().list_sessions(start, num)
    notebooks = _complete(list(page.sessions), rights, threads)
    return {
        "total": page.total,
        "start": start,
        "num": len(notebooks),
        "unreadable": page.unreadable,
        "notebooks": notebooks,
    }


def _complete(sessions: list[NotebookSession], rights: Rights, threads: int) -> list[NotebookResource]:
    """Return the sessions with all eight fields.

    Only ArcGIS Enterprise on Kubernetes sends a title and a revision. Elsewhere they are the item's title and the time
    when the item was last modified.
    """
    incomplete = {session.item_id for session in sessions if session.item_title is None or session.revision is None}

    def look_up(item_id: ItemId) -> tuple[str, int]:
        try:
            item = rights.portal.get_item(item_id)
        except (NotebookNotFound, PermissionDenied, RequestRejected, SessionNotFound):
            return "", 0  # the notebook is open, but its item is gone or hidden
        return item.title, item.modified

    with ThreadPoolExecutor(max_workers=threads) as pool:
        known = dict(zip(incomplete, pool.map(look_up, incomplete), strict=True))
    return [_make_resource(session, *known.get(session.item_id, ("", 0))) for session in sessions]


def _make_resource(session: NotebookSession, title: str, modified: int) -> NotebookResource:
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
