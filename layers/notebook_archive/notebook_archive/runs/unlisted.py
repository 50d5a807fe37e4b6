"""Look up archived notebooks that the portal's search does not show. They were deleted, or the search missed them."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from notebook_archive.arcgis.portal import Portal
from notebook_archive.archive import Archive, RunId
from notebook_archive.backup.records import Problem
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveError, NotebookArchiveError, NotebookNotFound
from notebook_archive.models import ItemId, NotebookItem, truncate

_log = logging.getLogger(__name__)

# Maximum number of items that one run looks up, and the share of its time that this may take.
MAX_LOOK_UPS = 5000
TIME_SHARE = 0.25
# A search index may show a new item some minutes late, so a notebook younger than this does not count as missed.
INDEXING_MS = 3_600_000
_MAX_NAMED = 3
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class LookUpResult:
    """The result of looking items up in the portal.

    `found` are the items that exist. `absent` do not exist, or are hidden from the administrator. `unknown` counts, by
    reason, the items for which this could not be found out.
    """

    found: list[NotebookItem]
    absent: list[ItemId]
    unknown: Counter[str]


def look_up(item_ids: Sequence[ItemId], administrator: Portal, threads: int) -> LookUpResult:
    """Look up each item in the portal, within a share of the administrator's time.

    Never raises a NotebookArchiveError.
    """
    limited = administrator.within(TIME_SHARE)

    def ask(item_id: ItemId) -> NotebookItem | str | None:
        """Return the item, or None if it does not exist, or the reason why that is not known."""
        if limited.client.deadline.remaining() <= 0:
            return "no time left"
        try:
            return limited.get_item(item_id)
        except NotebookNotFound:
            return None
        except NotebookArchiveError as error:
            return error.reason

    asked = item_ids[:MAX_LOOK_UPS]
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="look-up") as pool:
        answers = list(pool.map(ask, asked))
    unknown = Counter(answer for answer in answers if isinstance(answer, str))
    if len(item_ids) > len(asked):
        unknown[f"over {MAX_LOOK_UPS} at once"] = len(item_ids) - len(asked)
    found = [answer for answer in answers if isinstance(answer, NotebookItem)]
    return LookUpResult(found, [each for each, answer in zip(asked, answers, strict=True) if answer is None], unknown)


def note_deletions(item_ids: Sequence[ItemId], run: RunId, archive: Archive, threads: int) -> None:
    """Write to the archive that items were deleted, so that later runs need not look them up.

    If S3 does not store such a note, this is logged, and the next run looks the item up again.
    """

    def note(item_id: ItemId) -> None:
        try:
            archive.put_deletion_note(item_id, {"runId": run, "at": format_moment(int(time.time() * 1000))})
        except ArchiveError:
            _log.exception("The note that item %s was deleted could not be stored", item_id)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="note") as pool:
        list(pool.map(note, item_ids))


def list_unlisted_notices(looked_up: LookUpResult, *, sees_everything: bool) -> Iterator[Problem]:
    """Yield the report's notices about items that were looked up.

    An administrator who does not see everything cannot distinguish a deleted item from a hidden one.
    """
    latest = time.time() * 1000 - INDEXING_MS
    missed = [item for item in looked_up.found if item.created < latest]
    if missed:
        named = ", ".join(f"'{truncate(item.title, _TITLE_LENGTH)}' ({item.item_id})" for item in missed[:_MAX_NAMED])
        more = f" and {len(missed) - _MAX_NAMED} more" if len(missed) > _MAX_NAMED else ""
        yield {
            "reason": "search-missed",
            "message": f"The portal's search does not show {_format_count(len(missed))} that the portal has: {named}"
            f"{more}. The run includes them, because the archive knows them. But the search may miss other notebooks.",
            "remedy": "Rebuild the portal's search index, then start the run again.",
        }
    unknown = looked_up.unknown.copy()
    if looked_up.absent and not sees_everything:
        unknown[NotebookNotFound.reason] += len(looked_up.absent)
    if unknown:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(unknown.items()))
        yield {
            "reason": "notebooks-not-looked-up",
            "message": f"The portal's search does not show {_format_count(unknown.total())} that the archive contains. "
            f"The run could not find out whether they were deleted ({reasons}).",
            "remedy": "Give the administrator's role the privilege portal:admin:viewItems. Start the run again when "
            "the portal responds.",
        }


def _format_count(number: int) -> str:
    return f"{number} notebook" if number == 1 else f"{number} notebooks"
