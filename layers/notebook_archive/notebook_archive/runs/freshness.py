"""Check whether the portal's search shows the same `modified` times as the items themselves."""

import hashlib
import heapq
import time
from collections.abc import Mapping, Sequence

from notebook_archive.arcgis.portal import Portal
from notebook_archive.archive import ArchivedNotebook, RunId
from notebook_archive.backup.planned import is_planned_as_archived, plan_content
from notebook_archive.backup.records import Problem
from notebook_archive.models import ItemId, NotebookItem, truncate
from notebook_archive.runs.unlisted import INDEXING_MS, look_up

# Maximum number of items that one run checks. Each run checks different ones.
MAX_CHECKS = 20
_TITLE_LENGTH = 60


def check_times(
    items: Sequence[NotebookItem],
    held: Mapping[ItemId, ArchivedNotebook],
    run: RunId,
    administrator: Portal,
    threads: int,
) -> tuple[list[NotebookItem], list[Problem]]:
    """Look up a few items, and return all items and a notice if the search is out of date.

    A run fetches the content of a notebook only if the search says that the notebook has changed. If the search index
    misses a save, the content would never be archived. So this looks up some of the items whose content would not be
    fetched. An item that has changed replaces the one from the search. Never raises a NotebookArchiveError.
    """
    trusted = (item for item in items if is_planned_as_archived(plan_content(item, held.get(item.item_id))))
    chosen = heapq.nsmallest(
        MAX_CHECKS, trusted, key=lambda item: hashlib.sha256(f"{run} {item.item_id}".encode()).digest()
    )
    searched = {item.item_id: item.modified for item in chosen}
    found = look_up(list(searched), administrator, threads).found
    newer = {item.item_id: item for item in found if item.modified > searched[item.item_id]}
    latest = time.time() * 1000 - INDEXING_MS
    stale = [item for item in newer.values() if item.modified < latest]
    return [newer.get(item.item_id, item) for item in items], _list_notices(stale, len(chosen))


def _list_notices(stale: Sequence[NotebookItem], checked: int) -> list[Problem]:
    if not stale:
        return []
    example = f"'{truncate(stale[0].title, _TITLE_LENGTH)}' ({stale[0].item_id})"
    return [
        {
            "reason": "search-stale",
            "message": f"The portal's search shows an old time of the last change for {len(stale)} of the {checked} "
            f"notebooks that the run checked, such as {example}. The run archives these, but may miss changes of "
            "others.",
            "remedy": "Rebuild the portal's search index, then start the run again.",
        }
    ]
