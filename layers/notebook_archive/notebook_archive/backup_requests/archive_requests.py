"""Backups that somebody asked for: a few notebooks, now."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.archive import RunId
from notebook_archive.backup.archive_notebook import archive_notebook
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.backup.outcome import Outcome, State, outcome, problem
from notebook_archive.backup.planned import Planned, plan_notebook
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    NotAnId,
    NotebookArchiveError,
    NotebookNotFound,
    RequestInvalid,
)
from notebook_archive.models import ItemId, ResourceKey

_log = logging.getLogger(__name__)

MAX_ITEMS = 100
"""Item ids of one request.  More of them are a run over chosen notebooks."""
MAX_EVENT_SNAPSHOTS = 100
"""Snapshots of one event ``SnapshotArchived``, to stay far below the 256 KB that some of its targets take."""
START_SECONDS = 30.0
"""No notebook is started with less time left."""


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """One event ``SnapshotArchiveRequested``: whose notebooks to back up."""

    item_ids: tuple[ItemId, ...]

    @classmethod
    def of(cls, event: object) -> Self:
        """Return what an EventBridge event asks for.

        Unknown members are passed over.  ``resourceKey`` is checked and no more: whatever the archive lacks of the
        notebook is archived, for the key came from elsewhere and may not be the latest.  Raises RequestInvalid.
        """
        detail = event.get("detail") if isinstance(event, Mapping) else None
        if not isinstance(detail, Mapping):
            raise RequestInvalid("The event has no detail that is an object.")
        if "itemIds" in detail and "itemId" in detail:
            raise RequestInvalid("The detail has both itemIds and itemId: it names its items by one of the two.")
        ids = detail.get("itemIds", [detail["itemId"]] if "itemId" in detail else None)
        if not isinstance(ids, list) or not ids:
            raise RequestInvalid("The detail names no items: itemIds is missing, empty, or no list.")
        if len(ids) > MAX_ITEMS:
            raise RequestInvalid(f"The detail names {len(ids)} items; {MAX_ITEMS} are the most.")
        try:
            if "resourceKey" in detail:
                ResourceKey.parse(detail["resourceKey"])
            return cls(tuple(dict.fromkeys(ItemId.parse(each) for each in ids)))
        except NotAnId as error:
            raise RequestInvalid(str(error)) from None


def archive_requests(
    requests: Iterable[BackupRequest],
    run: RunId,
    open_context: Callable[[], ArchiveContext],
    threads: int,
    deadline: Deadline,
) -> dict[ItemId, Outcome]:
    """Back up every notebook that the requests name, each once, and return what became of it.

    One that no time was left to start with is not in the result, for nothing is known of it.
    An item that is gone, or no notebook, is skipped: those who ask may know no better, as webhooks do not.  Raises
    nothing that is a NotebookArchiveError: what keeps all from being done fails each, also where the workshop cannot
    be opened.
    """
    wanted = list(dict.fromkeys(item_id for request in requests for item_id in request.item_ids))
    if not wanted:
        return {}
    try:
        context = open_context()
        organisation = context.routes.portal(deadline).get_organization()
    except NotebookArchiveError as error:
        return {item_id: outcome(_nameless(item_id), "failed", problem(error)) for item_id in wanted}

    def work(item_id: ItemId) -> Outcome | None:
        if deadline.remaining() < START_SECONDS:
            return None
        try:
            item = context.routes.portal(deadline).get_item(item_id)
            held = context.archive.list_one_notebook(item_id)
            return archive_notebook(plan_notebook(item, held, organisation), run, context, deadline)
        except NotebookNotFound as error:
            # Who does not see everything cannot tell what is gone from what is hidden.
            state: State = "skipped" if organisation.can_view_items else "failed"
            return outcome(_nameless(item_id), state, problem(error))
        except NotebookArchiveError as error:
            return outcome(_nameless(item_id), "failed", problem(error))
        except Exception as error:  # noqa: BLE001 - one notebook, whatever is in it, never stops the others
            _log.exception("Notebook %s met a defect", item_id)
            return outcome(
                _nameless(item_id), "failed", problem(NotebookArchiveError(f"A defect: {type(error).__name__}."))
            )

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="notebook") as pool:
        made = zip(wanted, pool.map(work, wanted), strict=True)
        return {item_id: each for item_id, each in made if each}


def _nameless(item_id: ItemId) -> Planned:
    return {"itemId": item_id, "title": "", "owner": "", "archived": ""}


def describe_stored(outcomes: Iterable[Outcome], run: RunId, bucket: str) -> list[dict[str, Any]]:
    """Return the details of the events ``SnapshotArchived``: one for each notebook of which something was stored."""
    return [
        {
            "itemId": each["itemId"],
            "title": each["title"],
            "owner": each["owner"],
            "runId": run,
            "bucket": bucket,
            "snapshots": each["archived"][start : start + MAX_EVENT_SNAPSHOTS],
        }
        for each in outcomes
        for start in range(0, len(each["archived"]), MAX_EVENT_SNAPSHOTS)
    ]
