"""Plan a bulk restore: list the archive, and choose a version of each notebook."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched, groupby
from typing import TypedDict

from notebook_archive.archive import Archive, ArchiveReader, RunId, SecondPlace, keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.backup.records import describe_problem
from notebook_archive.bulk_restore.bulk_input import BulkRequest, Scope
from notebook_archive.bulk_restore.newest import find_newest
from notebook_archive.bulk_restore.outcome import SCHEMA, RestoreOutcome
from notebook_archive.bulk_restore.planned import Batch, PlannedRestore, read_plan
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import ArchiveDamaged, RestoreInputInvalid, SecondPlaceMissing, VersionMissing
from notebook_archive.executions.batches import cut_into_batches, write_plan
from notebook_archive.executions.claim import claim_run
from notebook_archive.models import MAX_OWNER, MAX_TITLE, ItemId, truncate
from notebook_archive.restore.request import Place

# Maximum number of notebooks in a batch. One invocation works on one batch, and a large notebook takes a minute.
BATCH_SIZE = 20


class BulkPlan(TypedDict):
    """The summary of a plan, which `plan_restores` returns to the state machine.

    `notebooks` is the number of notebooks in the batches, and `unplanned` that of notebooks without a version.
    """

    scope: Scope
    dryRun: bool
    planKey: str
    batches: int
    notebooks: int
    unplanned: int


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """The place that versions are restored from: what lists it, and what reads it."""

    listing: Archive | SecondPlace
    reader: ArchiveReader


class RestorePlanner:
    """Plans one bulk restore. The request ids begin with the run id, because a later execution may have its name."""

    def __init__(
        self,
        run: RunId,
        request: BulkRequest,
        archive: Archive,
        source: RestoreSource,
        threads: int,
        deadline: Deadline,
    ) -> None:
        self._run, self._request, self._archive, self._source = run, request, archive, source
        self._threads, self._deadline = threads, deadline
        # The number of planned notebooks, and the notebooks that have no version to restore.
        self.notebooks = 0
        self.unplanned: list[RestoreOutcome] = []

    def plan(self) -> Iterator[Batch]:
        """Yield the batches of the plan.

        Raises RestoreInputInvalid if there is nothing to restore, or not enough time to plan it.
        """
        request = self._request
        batches = _read_earlier_plan(request.resumed, self._archive) if request.resumed else self._plan_batches()
        for batch in batches:
            self.notebooks += len(batch["notebooks"])
            yield {**batch, "dryRun": request.is_dry_run}
        if not self.notebooks and not self.unplanned:
            whose = f" of owner {request.owner!r}" if request.scope == "owner" else " to restore"
            raise RestoreInputInvalid(f"The archive has no notebook{whose}.")

    def _plan_batches(self) -> Iterator[Batch]:
        for number, some in enumerate(cut_into_batches(self._plan_notebooks(), BATCH_SIZE), 1):
            batch: Batch = {"number": number, "part": 0, "dryRun": False, "notebooks": some}
            if self._request.place != "archive":
                batch["place"] = self._request.place
            yield {**batch, "to": self._request.to} if self._request.to else batch

    def _plan_notebooks(self) -> Iterator[PlannedRestore]:
        """Yield the notebooks to restore, in the order of their ids."""
        with ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="plan") as pool:
            for some in batched(self._list_notebooks(), 10 * self._threads, strict=False):
                if self._deadline.remaining() <= 0:
                    raise RestoreInputInvalid(
                        f"There was only time to plan {self.notebooks} notebooks, so none was restored. Restore fewer "
                        "at once: those of one owner, or of a list."
                    )
                for planned in pool.map(lambda each: self._plan_notebook(*each), some):
                    yield from planned

    def _list_notebooks(self) -> Iterator[tuple[ItemId, Sequence[ListedObject]]]:
        """Yield the objects of each notebook that may be restored."""
        if self._request.scope == "chosen":
            for item_id in self._request.item_ids:
                yield item_id, list(self._source.listing.list_documents(keys.notebook_prefix(item_id)))
            return
        listed = ((each, keys.parse(each.key)) for each in self._source.listing.list_documents(keys.NOTEBOOKS))
        known = ((each, parsed[0]) for each, parsed in listed if parsed)
        for item_id, group in groupby(known, key=lambda entry: entry[1]):
            yield item_id, [each for each, _ in group]

    def _plan_notebook(self, item_id: ItemId, objects: Sequence[ListedObject]) -> list[PlannedRestore]:
        """Return the plan of one notebook as a list, which is empty if it is not restored."""
        owner, title = self._read_item(item_id)
        if owner and not self._request.is_for_owner(owner):
            return []
        newest = find_newest(objects, self._request.before, self._source.reader)
        if newest and not owner:
            owner, title = self._read_metadata(newest.key)
        if not self._request.is_for_owner(owner):
            return []
        described = keys.describe_version(newest.key) if newest else None
        if newest is None or described is None:
            self._note_unplanned(item_id, owner, title)
            return []
        planned: PlannedRestore = {
            "itemId": item_id,
            "title": truncate(title, MAX_TITLE),
            "archivedOwner": owner,
            "owner": self._request.map_owner(owner),
            "resourceKey": described[1],
            "at": format_moment(newest.at),
            "requestId": f"{self._run.replace('/', '-')}-{item_id}",
        }
        return [planned]

    def _read_item(self, item_id: ItemId) -> tuple[str, str]:
        """Return the owner and the title in item.json, or empty texts if they are missing, wrong or damaged."""
        try:
            item = self._source.reader.read_properties(item_id)
        except ArchiveDamaged:
            item = {}
        owner, title = item.get("owner"), item.get("title")
        is_owner = isinstance(owner, str) and len(owner) <= MAX_OWNER
        return str(owner) if is_owner else "", title if isinstance(title, str) else ""

    def _read_metadata(self, key: str) -> tuple[str, str]:
        described = self._source.reader.describe_version(key)
        metadata = decode_metadata(described.metadata) if described else {}
        return metadata.get("owner", ""), metadata.get("title", "")

    def _note_unplanned(self, item_id: ItemId, owner: str, title: str) -> None:
        moment = format_moment(self._request.before)
        when = f" with content from {moment} or earlier" if moment else ""
        problem = describe_problem(VersionMissing(f"The archive has no version of notebook {item_id}{when}."))
        self.unplanned.append(
            {
                "itemId": item_id,
                "title": truncate(title, MAX_TITLE),
                "archivedOwner": owner,
                "owner": self._request.map_owner(owner),
                "state": "failed" if self._request.scope == "chosen" else "skipped",
                "problem": problem,
            }
        )


def plan_restores(
    run: RunId,
    started_at: str,
    request: BulkRequest,
    archive: Archive,
    sources: Mapping[Place, RestoreSource],
    threads: int,
    deadline: Deadline,
) -> BulkPlan:
    """Write the plan of a bulk restore, and return its summary. `sources` are the places that the stack has.

    Raises RunIdTaken, SecondPlaceMissing, an ArchiveError, or RestoreInputInvalid if the plan to resume does not exist,
    if there is nothing to restore, or if the deadline passes before everything is planned.
    """
    claim_run(keys.bulk_claim_key(run), run, started_at, archive)
    source = sources.get(request.place)
    if source is None:
        raise SecondPlaceMissing("The stack has no second place, because its parameter SecondBucket is empty.")
    planner = RestorePlanner(run, request, archive, source, threads, deadline)
    written = write_plan(planner.plan(), lambda number: keys.bulk_plan_key(run, number), archive)
    if planner.unplanned:
        unplanned = sorted(planner.unplanned, key=lambda outcome: outcome["itemId"])
        document = {"schema": SCHEMA, "runId": run, "seconds": 0.0, "outcomes": unplanned}
        archive.put_document_once(keys.unplanned_results_key(run), document)
    return {
        "scope": request.scope,
        "dryRun": request.is_dry_run,
        "planKey": written.key,
        "batches": written.batches,
        "notebooks": planner.notebooks,
        "unplanned": len(planner.unplanned),
    }


def _read_earlier_plan(run: RunId, archive: Archive) -> Iterator[Batch]:
    """Yield the batches of an earlier bulk restore. Raises RestoreInputInvalid or ArchiveDamaged if it has no plan."""
    plans = list(archive.list_documents(keys.bulk_plans_prefix(run)))
    if not plans:
        raise RestoreInputInvalid(f"The archive has no plan of a bulk restore {run}. Give the runId of its report.")
    last = max(plans, key=lambda listed: (listed.written, listed.key))
    for batch in read_plan(last.key, archive):
        yield {**batch, "part": 0}
