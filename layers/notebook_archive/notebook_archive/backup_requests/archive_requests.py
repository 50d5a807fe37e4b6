"""Archive the notebooks that events ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from notebook_archive.archive import RunId
from notebook_archive.backup.archive_each import archive_each
from notebook_archive.backup.archive_notebook import archive_notebook
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.backup.outcome import Verdict, record_verdict
from notebook_archive.backup.planned import PlannedNotebook, plan_notebook, plan_unknown
from notebook_archive.backup.records import OutcomeRecord, list_stored
from notebook_archive.backup.storing import record_stored
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotAnId, NotebookArchiveError, NotebookNotFound, RequestInvalid
from notebook_archive.events.details import MAX_REQUEST_ITEMS
from notebook_archive.models import ItemId, ResourceKey

# No notebook is started with less time left.
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """The notebooks that one `SnapshotArchiveRequested` event asks to archive."""

    item_ids: tuple[ItemId, ...]

    @classmethod
    def of(cls, event: object) -> Self:
        """Return what an EventBridge event asks for. Raises RequestInvalid.

        Unknown fields are ignored. `resourceKey` must be valid, but it does not limit what is archived: the sender may
        not know the latest snapshot, so everything new in the notebook is archived.
        """
        detail = event.get("detail") if isinstance(event, Mapping) else None
        if not isinstance(detail, Mapping):
            raise RequestInvalid("The event's detail is missing or is not an object.")
        if "itemIds" in detail and "itemId" in detail:
            raise RequestInvalid("The detail contains both itemIds and itemId. Send only one of them.")
        ids = detail.get("itemIds", [detail["itemId"]] if "itemId" in detail else None)
        if not isinstance(ids, list) or not ids:
            raise RequestInvalid("The detail does not name an item: itemIds is missing, empty, or not a list.")
        if len(ids) > MAX_REQUEST_ITEMS:
            raise RequestInvalid(f"The detail names {len(ids)} items; the maximum is {MAX_REQUEST_ITEMS}.")
        try:
            if "resourceKey" in detail:
                ResourceKey.parse(detail["resourceKey"])
            return cls(tuple(dict.fromkeys(ItemId.parse(each) for each in ids)))
        except NotAnId as error:
            raise RequestInvalid(str(error)) from None


def archive_requests(
    requests: Sequence[BackupRequest],
    run: RunId,
    context: ArchiveContext,
    threads: int,
    deadline: Deadline,
) -> dict[ItemId, OutcomeRecord]:
    """Archive each notebook that the requests name once, and return its record. Write one store record for all.

    If no time was left to start a notebook, it is not in the result. An item that was deleted or is not a notebook is
    skipped, because a webhook also names such items. Never raises a NotebookArchiveError.
    """
    item_ids = _list_items(requests)
    if not item_ids:
        return {}
    try:
        organization = context.routes.portal(deadline).get_organization()
    except NotebookArchiveError as error:
        return fail_requests(requests, error)

    def archive(unknown: PlannedNotebook) -> OutcomeRecord:
        item_id = ItemId(unknown["itemId"])
        try:
            item = context.routes.portal(deadline).get_item(item_id)
        except NotebookNotFound as error:
            # An account that does not see everything cannot distinguish a deleted item from a hidden one.
            is_gone = organization.can_view_items
            return record_verdict(unknown, Verdict.skip(error) if is_gone else Verdict.fail(error))
        held = context.archive.list_one_notebook(item_id)
        return archive_notebook(plan_notebook(item, held, organization), run, context, deadline)

    notebooks = [plan_unknown(item_id) for item_id in item_ids]
    records = archive_each(notebooks, archive, threads, deadline, reserve_seconds=START_SECONDS)
    outcomes = {item_id: record for item_id, record in zip(item_ids, records, strict=True) if record}
    record_stored(run, list_stored(outcomes.values()), context.archive)
    return outcomes


def fail_requests(requests: Sequence[BackupRequest], error: NotebookArchiveError) -> dict[ItemId, OutcomeRecord]:
    """Return a failed record, with this error, of every notebook that the requests name."""
    return {item_id: record_verdict(plan_unknown(item_id), Verdict.fail(error)) for item_id in _list_items(requests)}


def _list_items(requests: Sequence[BackupRequest]) -> list[ItemId]:
    """Return the items that the requests name, each once."""
    return list(dict.fromkeys(item_id for request in requests for item_id in request.item_ids))
