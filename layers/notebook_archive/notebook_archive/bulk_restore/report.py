"""Write the report of a bulk restore, and the list of its new items.

To add a field to the report, add it to `BulkReport`, set its value in `report_restores`, and add it to the example in
`docs/restore.md`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import msgspec

from notebook_archive.archive import Archive, RestoreId, RunId, keys
from notebook_archive.backup.records import Problem
from notebook_archive.bulk_restore.bulk_input import BulkRequest, Scope
from notebook_archive.bulk_restore.counts import RestoreCounts, count_levels, count_notebooks
from notebook_archive.bulk_restore.outcome import (
    BEST_FIRST,
    CRASHED,
    SCHEMA,
    RestoreOutcome,
    describe_lost,
    describe_planned,
    describe_record,
)
from notebook_archive.bulk_restore.plan import BulkPlan
from notebook_archive.bulk_restore.planned import PlannedRestore, read_plan
from notebook_archive.bulk_restore.report_message import write_message
from notebook_archive.errors import ArchiveDamaged, ArchiveError
from notebook_archive.executions.caught_error import describe_caught_error
from notebook_archive.executions.claim import claim_run
from notebook_archive.restore.journal import RestoreJournal

# Maximum number of failed notebooks in the report. `items.jsonl` has all notebooks.
MAX_NAMED = 100
# *complete*: no notebook failed. *partial*: one failed. *failed*: the planning or the distributed map failed, or the
# outcomes of some notebooks are lost.
Status = Literal["complete", "partial", "failed"]


class _Results(TypedDict):
    """The results of a batch, or those of the notebooks without a version."""

    seconds: float
    outcomes: list[RestoreOutcome]


class BulkReport(TypedDict):
    """The report of a bulk restore, `report.json`.

    `work` contains the number, the total and the longest time of the batches. `levels` counts the new items by level of
    proof. `bytes` were restored now, or would be. `named` lists the first MAX_NAMED notebooks that failed. The object
    `itemsKey` lists all notebooks, with the ids of their new items.
    """

    schema: int
    runId: str
    scope: Scope
    dryRun: bool
    status: Status
    message: str
    startedAt: str
    endedAt: str
    seconds: float
    work: dict[str, float]
    notebooks: RestoreCounts
    levels: dict[str, int]
    bytes: int
    named: list[RestoreOutcome]
    itemsKey: str
    error: Problem | None


def report_restores(
    run: RunId,
    started_at: str,
    request: BulkRequest,
    plan: BulkPlan | None,
    error: Mapping[str, Any] | None,
    archive: Archive,
    threads: int,
    clock: Callable[[], float] = time.time,
) -> tuple[str, BulkReport]:
    """Write the list of new items and the report of a bulk restore. Return the report's key and the report.

    `request` is what was asked for. `error` is what Step Functions caught, if the planning or the distributed map
    failed. May raise RunIdTaken, ArchiveDenied or ArchiveUnavailable.
    """
    claim_run(keys.bulk_claim_key(run), run, started_at, archive)
    ended_at = datetime.fromtimestamp(clock(), UTC)
    found, durations = _read_outcomes(run, archive)
    problem = describe_caught_error(error) if error else None
    if plan:
        found |= _find_unreported(plan, found, archive, threads)
        lost = plan["notebooks"] + plan["unplanned"] - len(found)
        problem = problem or (describe_lost(run, lost) if lost > 0 else None)
    outcomes = [found[item_id] for item_id in sorted(found)]
    failed = [each for each in outcomes if each["state"] == "failed"]
    counts, levels = count_notebooks(outcomes), count_levels(outcomes)
    status: Status = "failed" if problem else "partial" if failed else "complete"
    report: BulkReport = {
        "schema": SCHEMA,
        "runId": run,
        "scope": request.scope,
        "dryRun": request.is_dry_run,
        "status": status,
        "message": write_message(
            status,
            counts,
            levels,
            failed,
            problem,
            not_compared=sum("warnings" in each for each in outcomes),
            is_dry_run=request.is_dry_run,
        ),
        "startedAt": started_at,
        "endedAt": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round((ended_at - datetime.fromisoformat(started_at)).total_seconds(), 3),
        "work": {
            "batches": len(durations),
            "seconds": round(sum(durations), 3),
            "longest": max(durations, default=0.0),
        },
        "notebooks": counts,
        "levels": levels,
        "bytes": sum(each.get("bytes", 0) for each in outcomes if each["state"] != "already-restored"),
        "named": failed[:MAX_NAMED],
        "itemsKey": keys.bulk_items_key(run),
        "error": problem,
    }
    archive.put_lines(keys.bulk_items_key(run), outcomes)
    key = keys.bulk_report_key(run)
    archive.put_document(key, report)
    return key, report


def _read_outcomes(run: RunId, archive: Archive) -> tuple[dict[str, RestoreOutcome], list[float]]:
    """Return the outcomes by item id, and the seconds of each batch. Results that are damaged count as absent.

    If a batch was attempted twice, the best outcome of a notebook counts.
    """
    found: dict[str, RestoreOutcome] = {}
    durations: list[float] = []
    for key in archive.list_keys(keys.bulk_results_prefix(run)):
        try:
            document = msgspec.json.decode(archive.read_object(key) or b"", type=_Results)
        except (ArchiveDamaged, ValueError, RecursionError):
            continue
        if key != keys.unplanned_results_key(run):
            durations.append(document["seconds"])
        for outcome in document["outcomes"]:
            earlier = found.get(outcome["itemId"])
            if earlier is None or BEST_FIRST.index(outcome["state"]) < BEST_FIRST.index(earlier["state"]):
                found[outcome["itemId"]] = outcome
    return found, durations


def _find_unreported(
    plan: BulkPlan, found: Mapping[str, RestoreOutcome], archive: Archive, threads: int
) -> dict[str, RestoreOutcome]:
    """Return the outcomes of planned notebooks whose batch crashed. The records of the restores say what was done."""

    def look_up(planned: PlannedRestore) -> RestoreOutcome:
        restore_id = RestoreId.from_request(planned["requestId"])
        try:
            record = None if plan["dryRun"] else RestoreJournal(archive, restore_id).read_result()
        except ArchiveError:
            record = None
        if record:
            return describe_record(planned, record)
        return {**describe_planned(planned, "failed", restore_id), "problem": CRASHED}

    try:
        missing = [planned for planned in _list_planned(plan, archive) if planned["itemId"] not in found]
    except ArchiveDamaged:
        return {}  # the report says how many notebooks have no known outcome
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="look-up") as pool:
        return {outcome["itemId"]: outcome for outcome in pool.map(look_up, missing)}


def _list_planned(plan: BulkPlan, archive: Archive) -> Iterator[PlannedRestore]:
    for batch in read_plan(plan["planKey"], archive):
        yield from batch["notebooks"]
