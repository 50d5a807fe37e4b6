"""Select the notebooks of a run: every notebook of the organization, or the chosen ones."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from notebook_archive.arcgis.portal import Enumeration, Organization, Portal
from notebook_archive.archive import Archive, ArchivedNotebook, RunId
from notebook_archive.backup.outcome import Verdict, record_verdict
from notebook_archive.backup.planned import plan_unknown
from notebook_archive.backup.records import OutcomeRecord, Problem, Protection, describe_problem
from notebook_archive.errors import NotAnId, NotebookArchiveError, NotebookNotFound, PermissionDenied, UnexpectedAnswer
from notebook_archive.models import ItemId, NotebookItem
from notebook_archive.runs.freshness import check_times
from notebook_archive.runs.unlisted import list_unlisted_notices, look_up, note_deletions


@dataclass(frozen=True, slots=True)
class Selection:
    """The notebooks of a run.

    `held` describes the archived content by item id. The plan removes its entries to free their memory. `refused`
    are the records of chosen ids that are not readable notebooks. `notices` are for the report.
    """

    items: list[NotebookItem]
    held: dict[ItemId, ArchivedNotebook]
    refused: list[OutcomeRecord]
    notices: list[Problem]


def select_everything(
    run: RunId, organization: Organization, administrator: Portal, archive: Archive, threads: int
) -> Selection:
    """Return every notebook that the portal's search shows, and archived ones that only the portal itself shows.

    Also writes to the archive which notebooks were deleted. May raise an ArcGISError, a ConfigurationError or an
    ArchiveError. An incomplete search is a notice, not an error, because the notebooks that it found are still
    archived.
    """
    # Listing a large archive takes memory for sixteen pages at once. It is free again before the search needs memory.
    held = {holding.item_id: holding for holding in archive.list_notebooks(administrator.client.deadline)}
    found = administrator.list_notebooks(organization.id)
    missing = [item_id for item_id, each in held.items() if item_id not in found.notebooks and not each.is_deleted]
    looked_up = look_up(missing, administrator, threads)
    if organization.can_view_items and found.notebooks:  # if the search finds nothing, it may be the wrong portal
        note_deletions(looked_up.absent, run, archive, threads)
    listed, stale_notices = check_times(list(found.notebooks.values()), held, run, administrator, threads)
    items = [*listed, *looked_up.found]
    notices = [
        *stale_notices,
        *_list_search_notices(found, organization, administrator),
        *list_unlisted_notices(looked_up, sees_everything=organization.can_view_items),
        *([] if items else [_describe_emptiness(held)]),
    ]
    return Selection(items, held, [], notices)


def select_chosen(item_ids: Iterable[object], administrator: Portal, archive: Archive) -> Selection:
    """Return the notebooks with these ids. May raise an ArcGISError, a ConfigurationError or an ArchiveError."""
    items: dict[ItemId, NotebookItem] = {}
    refused: dict[str, OutcomeRecord] = {}
    for given in item_ids:
        try:
            item = administrator.get_item(ItemId.parse(given))
        except (NotAnId, NotebookNotFound, PermissionDenied, UnexpectedAnswer) as error:
            record = _record_refusal(str(given), error)
            refused[record["itemId"]] = record
        else:
            items[item.item_id] = item
    held = {item_id: archive.list_one_notebook(item_id) for item_id in items}
    return Selection(list(items.values()), held, list(refused.values()), [])


def _record_refusal(given: str, error: NotebookArchiveError) -> OutcomeRecord:
    """Return the record of a chosen id that is not a readable notebook."""
    is_gone = isinstance(error, NotAnId | NotebookNotFound)
    if isinstance(error, NotebookNotFound):
        error = NotebookNotFound(f"The portal has no notebook {given}, or hides it from the administrator.")
    protection: Protection = {"state": "gone" if is_gone else "unprotected", "modified": 0}
    return record_verdict(plan_unknown(given[:40]), Verdict.fail(error), protection)


def _list_search_notices(found: Enumeration, organization: Organization, administrator: Portal) -> Iterator[Problem]:
    """Yield the notices about what the portal's search may have left out."""
    if found.incomplete:
        yield describe_problem(found.incomplete)
    if found.is_uncounted:
        yield {
            "reason": "total-missing",
            "message": "The portal's search gave no total, so the run cannot check that it found every notebook.",
            "remedy": "Compare the number of notebooks in the report with the number that the portal's website shows.",
        }
    if not organization.can_view_items:
        yield {
            "reason": "administrator-sees-not-all",
            "message": f"The account of secret {administrator.secret!r} does not see every member's items.",
            "remedy": "Give the account's role the privilege portal:admin:viewItems.",
        }


def _describe_emptiness(held: Collection[ItemId]) -> Problem:
    """Return the notice that the portal shows no notebook. That is suspicious if the archive contains some."""
    if held:
        return {
            "reason": "notebooks-vanished",
            "message": f"The portal's search found no notebook at all, but the archive contains {len(held)}.",
            "remedy": "Check PortalUrl and the administrator's account. Nothing was deleted from the archive.",
        }
    return {
        "reason": "no-notebooks",
        "message": "The portal's search found no notebook at all.",
        "remedy": "Check PortalUrl, if the organization should have notebooks.",
    }
