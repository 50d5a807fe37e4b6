"""Find the folder of an item, and the groups that it is shared with."""

import logging
from collections.abc import Mapping
from typing import Any

from notebook_archive.backup.job import NotebookJob
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError

_log = logging.getLogger(__name__)

# Maximum time to wait for the portal's responses. Later responses are ignored.
PLACEMENT_SECONDS = 30.0


def add_placement(properties: Mapping[str, Any], job: NotebookJob) -> dict[str, Any]:
    """Return the item's properties with `folder` and `groups`, which a restore needs.

    `folder` is an object with `id` and `title`, or None for the owner's root folder. `groups` is a list of objects
    with `id` and `title`. If the portal does not return a property, only this property is left out.
    """
    placed = dict(properties)
    deadline = Deadline(min(PLACEMENT_SECONDS, job.deadline.remaining()))
    try:
        placed["folder"] = _find_folder(properties, job, deadline)
        is_shared = properties.get("access") != "private"
        placed["groups"] = job.context.routes.portal(deadline).list_groups(job.item_id) if is_shared else []
    except NotebookArchiveError as error:
        _log.warning("Folder or groups of item %s are left out of item.json: %s", job.item_id, error)
    return placed


def _find_folder(properties: Mapping[str, Any], job: NotebookJob, deadline: Deadline) -> dict[str, str] | None:
    routes = job.context.routes
    if "ownerFolder" not in properties:  # a search may leave it out
        properties = routes.portal(deadline).get_item(job.item_id).properties
    folder = properties.get("ownerFolder")
    if not isinstance(folder, str) or not folder:
        return None
    return {"id": folder, "title": routes.folders(job.planned["owner"], deadline).get(folder, "")}
