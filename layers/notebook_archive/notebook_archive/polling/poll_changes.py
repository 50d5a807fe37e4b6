"""Search for notebooks that changed since the last poll, and request a backup of those that are not archived."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from notebook_archive.arcgis.portal import RANGE_TOLERANCE_MS, Portal
from notebook_archive.archive import Archive, LastPoll, Polls
from notebook_archive.backup.planned import is_planned_as_archived, plan_content
from notebook_archive.errors import ChangeSearchUnsupported, ListingIncomplete
from notebook_archive.events import DetailType, EventBus, describe_requests
from notebook_archive.events.details import REQUEST_SOURCE
from notebook_archive.executions.earlier_runs import read_full_runs
from notebook_archive.models import ItemId, NotebookItem

# Maximum time in which the portal's search shows a change. A change that it shows later is left to the next run.
MARGIN_MS = 3_600_000
# Maximum number of changes that one poll handles. The next poll handles the others. The queue of backup requests
# archives this number in ten minutes, if a notebook takes five seconds.
MAX_CHANGES = 2000


@dataclass(frozen=True, slots=True)
class Poll:
    """The result of a poll.

    `found` is the number of changes that no earlier poll had handled. `requested` are the items whose backup was
    requested; the other ones were archived already. `postponed` is the number of changes that are left to the next
    poll. `seconds_since_last` is None for the first poll. `incomplete` is an error if the search returned fewer items
    than its total. If so, the next poll searches the same range again.
    """

    found: int
    requested: Sequence[ItemId]
    postponed: int
    seconds_since_last: float | None
    incomplete: ListingIncomplete | None


def poll_changes(
    portal: Portal,
    archive: Archive,
    polls: Polls,
    bus: EventBus,
    threads: int,
    now: int,
    *,
    max_changes: int = MAX_CHANGES,
) -> Poll:
    """Request a backup of each notebook that changed and is not archived. `now` is in epoch milliseconds.

    The requests are sent before the poll is written. So if anything fails in between, the next poll finds the same
    changes again. If nothing changed, this makes one call to ArcGIS, besides the one for a token.

    May raise an ArcGISError, a ConfigurationError, an ArchiveError or EventRefused.
    """
    last, must_find = polls.read_last(), False
    if last is None or last.portal_url != portal.url:
        last, must_find = _begin(portal, archive, now)
    found = portal.list_changed_notebooks(last.organization_id, last.since)
    if must_find and not found.notebooks:
        raise ChangeSearchUnsupported("The portal's search by the time of the last change does not find that change.")
    changed = [item for item in found.notebooks.values() if item.modified != last.handled.get(item.item_id)]
    changed.sort(key=lambda item: (item.modified, item.item_id))
    ready, postponed = changed[:max_changes], changed[max_changes:]
    requested = _select_unarchived(ready, archive, threads)
    if requested:
        bus.publish(DetailType.SNAPSHOT_ARCHIVE_REQUESTED, *describe_requests(requested), source=REQUEST_SOURCE)
    since = last.since if found.incomplete else _find_next_start(last.since, list(found.notebooks.values()), now)
    if postponed:
        since = min(since, postponed[0].modified)
    handled = {**last.handled, **{item.item_id: item.modified for item in ready}}
    polls.write_last(
        LastPoll(
            last.portal_url,
            last.organization_id,
            since,
            last.polled_at if found.incomplete else now,
            {each: modified for each, modified in handled.items() if modified >= since - RANGE_TOLERANCE_MS},
        )
    )
    seconds = max(0, now - last.polled_at) / 1000 if last.polled_at else None
    return Poll(len(changed), requested, len(postponed), seconds, found.incomplete)


def _begin(portal: Portal, archive: Archive, now: int) -> tuple[LastPoll, bool]:
    """Return where the first poll begins, and whether it must find a change.

    It begins at the start of the last run over everything that archived something, or at the last change if that is
    earlier. So it proves that the portal's search finds changes by their times.
    """
    organization = portal.get_organization()
    changed = portal.find_last_change(organization.id)
    since = min(_find_last_start(archive, now), changed or now) - MARGIN_MS
    return LastPoll(portal.url, organization.id, max(0, since), 0, {}), bool(changed)


def _find_last_start(archive: Archive, now: int) -> int:
    """Return when the last run over everything started that did not fail, or `now` if there was none."""
    for report in read_full_runs(archive, datetime.fromtimestamp(now / 1000, UTC).date()):
        try:
            if report["status"] != "failed":
                return int(datetime.fromisoformat(report["startedAt"]).timestamp() * 1000)
        except (KeyError, TypeError, ValueError):  # not as documented
            continue
    return now


def _find_next_start(since: int, found: Sequence[NotebookItem], now: int) -> int:
    """Return the start of the next poll's range, after a poll that handled everything that the search shows.

    A change that the search did not show yet is later than the portal's present time less MARGIN_MS. The newest change
    that it shows is not later than that time, so this compares only times of the portal's own clock. `now` limits them
    in case that clock was ahead for a while.
    """
    newest = max((item.modified for item in found), default=0)
    return max(since, min(newest, now) - MARGIN_MS)


def _select_unarchived(items: Sequence[NotebookItem], archive: Archive, threads: int) -> list[ItemId]:
    """Return the items whose content, as of their `modified`, is not in the archive."""

    def is_archived(item: NotebookItem) -> bool:
        return is_planned_as_archived(plan_content(item, archive.list_one_notebook(item.item_id)))

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="poll") as pool:
        archived = list(pool.map(is_archived, items))
    return [item.item_id for item, is_known in zip(items, archived, strict=True) if not is_known]
