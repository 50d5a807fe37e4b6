"""Check that nobody has a notebook open before its content is replaced."""

from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import ArcGISError, ConfigurationError, SessionOpen, SessionsUnknown
from notebook_archive.models import ItemId, NotebookSession
from notebook_archive.restore.target import TargetPortal


def check_sessions(target: TargetPortal, item_id: ItemId, deadline: Deadline, *, is_forced: bool) -> str:
    """Return a sentence about the open sessions of a notebook. The administrator's credential sees all of them.

    An open session has the old content, and may save it over the restored content. So if the notebook is open, raises
    SessionOpen, and if that cannot be found out, SessionsUnknown. With `is_forced`, nothing is raised.
    """
    try:
        found = target.routes.notebook_server(deadline).find_sessions(item_id)
    except (ArcGISError, ConfigurationError) as error:
        unknown = f"It is not known who has notebook {item_id} open: {error}"
        if not is_forced:
            raise SessionsUnknown(unknown) from None
        return f"{unknown} It is replaced anyway."
    if found.sessions:
        users = "; ".join(map(_describe, found.sessions))
        if not is_forced:
            raise SessionOpen(f"Notebook {item_id} is open: {users}.")
        return f"Notebook {item_id} is open, and is replaced anyway: {users}."
    if found.unreadable:
        noun = "1 open notebook" if found.unreadable == 1 else f"{found.unreadable} open notebooks"
        unknown = f"The notebook server lists {noun} without an item id, so {item_id} may be open."
        if not is_forced:
            raise SessionsUnknown(unknown)
        return f"{unknown} It is replaced anyway."
    return f"Nobody has notebook {item_id} open."


def _describe(session: NotebookSession) -> str:
    user = session.username or "an unknown user"
    moment = format_moment(session.last_activity)
    return f"{user} (last active at {moment})" if moment else user
