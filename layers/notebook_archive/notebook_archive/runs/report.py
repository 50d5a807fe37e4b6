"""Write the report of a run: what the run should archive, what it archived, and what to do next.

To add a field to the report, add it to `Report`, set its value in `_make_report`, and add it to the example in
`docs/archive-format.md`. `SCHEMA` changes only if readers must treat the report differently.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.records import UNPROTECTED, OutcomeRecord, Problem, list_stored
from notebook_archive.clock import Deadline
from notebook_archive.executions.caught_error import describe_caught_error
from notebook_archive.executions.claim import claim_run
from notebook_archive.runs.counts import Counts, count_notebooks, count_snapshots
from notebook_archive.runs.crashed import recover_outcomes
from notebook_archive.runs.notices import INCOMPLETE, PLAN_INCOMPLETE, list_outcome_notices
from notebook_archive.runs.outcomes import RunOutcomes, read_outcomes, read_planned
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.protection_figures import (
    NotProtected,
    ProtectionCounts,
    RecoveryPoint,
    count_protection,
    list_not_protected,
    measure_recovery_point,
)
from notebook_archive.runs.report_message import write_message
from notebook_archive.runs.run_input import Scope

# Version of the report's format. Version 2 added `protection`, `recoveryPoint` and `notProtected`.
SCHEMA = 2
Status = Literal["complete", "partial", "failed"]


class Report(TypedDict):
    """A run's report, `report.json`.

    `seconds` is the time that the run took, and `work` contains the time of its batches. `bytes` is the total size of
    the archived versions. `kept` is the number of archived snapshots that ArcGIS does not list any more, although it
    has the notebook. `captured` is the number of snapshots that were made in ArcGIS. `freed` lists the snapshots that
    were deleted there to free a slot. `protection` counts the notebooks by state, and `notProtected` lists all except
    the protected ones. `unprotected` lists the notebooks that no credential may read. `skipped` lists the remaining
    skipped notebooks.
    """

    schema: int
    runId: str
    scope: Scope
    status: Status
    message: str
    startedAt: str
    endedAt: str
    seconds: float
    work: dict[str, float]
    notebooks: Counts
    snapshots: Counts
    protection: ProtectionCounts
    recoveryPoint: RecoveryPoint
    notProtected: list[NotProtected]
    kept: int
    captured: int
    freed: list[dict[str, str]]
    bytes: int
    unprotected: list[dict[str, str]]
    skipped: list[dict[str, str]]
    failed: list[dict[str, str]]
    notices: list[Problem]
    error: Problem | None


def report_run(
    run: RunId,
    archive: Archive,
    started_at: str,
    plan: Plan | None,
    error: Mapping[str, Any] | None,
    threads: int,
    deadline: Deadline,
    *,
    asked: Scope = "everything",
) -> tuple[str, Report]:
    """Write the report of a run, as the last of its objects. Return the report's key and the report.

    `asked` is the requested scope, which is used if there is no plan. A planned notebook without an outcome counts as
    failed, because its batch crashed. `threads` threads look up what that batch stored, until the deadline, and the
    report writes the store record that the batch did not write. `error` is
    what Step Functions caught, if the planning or the distributed map failed. May raise RunIdTaken, ArchiveDenied or
    ArchiveUnavailable.
    """
    claim_run(keys.claim_key(run), run, started_at, archive)
    read = read_outcomes(run, archive)
    planned = read_planned(plan["planKey"], archive) if plan else ()
    missing = [each for each in planned if each["itemId"] not in read.by_item]
    crashed, crash_notices = recover_outcomes(missing, run, started_at, archive, threads, deadline)
    if crashed:
        archive.put_store_record(run, list_stored(crashed))
        archive.put_document(keys.crashed_outcomes_key(run), {"outcomes": crashed})
    outcomes = sorted([*read.by_item.values(), *crashed], key=lambda each: each["itemId"])
    scope = plan["scope"] if plan else asked
    notices = [*(plan["notices"] if plan else ()), *crash_notices]
    notices += list_outcome_notices(outcomes, is_chosen=scope == "chosen")
    if plan and len(outcomes) < plan["notebooks"]:
        notices.append(PLAN_INCOMPLETE)
    problem = describe_caught_error(error) if error else None
    report = _make_report(run, started_at, scope, outcomes, read, notices, problem)
    key = keys.report_key(run)
    archive.put_document(key, report)
    return key, report


def _make_report(
    run: RunId,
    started_at: str,
    scope: Scope,
    outcomes: Sequence[OutcomeRecord],
    read: RunOutcomes,
    notices: list[Problem],
    error: Problem | None,
) -> Report:
    notebooks, snapshots, protection = count_notebooks(outcomes), count_snapshots(outcomes), count_protection(outcomes)
    status = _decide_status(notebooks, notices, error)
    ended_at = datetime.now(UTC)
    return {
        "schema": SCHEMA,
        "runId": run,
        "scope": scope,
        "status": status,
        "message": write_message(status, protection, notebooks, snapshots, notices, error),
        "startedAt": started_at,
        "endedAt": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round((ended_at - datetime.fromisoformat(started_at)).total_seconds(), 3),
        "work": {
            "batches": len(read.durations),
            "seconds": round(sum(read.durations), 3),
            "longest": max(read.durations, default=0.0),
        },
        "notebooks": notebooks,
        "snapshots": snapshots,
        "protection": protection,
        "recoveryPoint": measure_recovery_point(outcomes),
        "notProtected": list_not_protected(outcomes),
        "kept": sum(each.get("kept", 0) for each in outcomes),
        "captured": sum("captured" in each for each in read.changes),
        "freed": [_identify(each) | {"resourceKey": each["freed"]} for each in read.changes if "freed" in each],
        "bytes": sum(version["bytes"] for each in outcomes for version in each["archived"]),
        "unprotected": [_describe(each) for each in outcomes if _is_unprotected(each)],
        "skipped": [_describe(each) for each in outcomes if each["state"] == "skipped" and not _is_unprotected(each)],
        "failed": [_describe(each) for each in outcomes if each["state"] == "failed"],
        "notices": notices,
        "error": error,
    }


def _decide_status(notebooks: Counts, notices: Sequence[Problem], error: Problem | None) -> Status:
    attempted, failed = notebooks["attempted"], sum(notebooks["failed"].values())
    if error or (failed and failed == attempted):
        return "failed"
    is_all_unprotected = attempted and notebooks["skipped"].get(UNPROTECTED) == attempted
    if failed or is_all_unprotected or INCOMPLETE & {notice["reason"] for notice in notices}:
        return "partial"
    return "complete"


def _is_unprotected(outcome: OutcomeRecord) -> bool:
    return outcome["state"] == "skipped" and outcome["problem"]["reason"] == UNPROTECTED


def _identify(outcome: OutcomeRecord) -> dict[str, str]:
    return {"itemId": outcome["itemId"], "title": outcome["title"], "owner": outcome["owner"]}


def _describe(outcome: OutcomeRecord) -> dict[str, str]:
    return _identify(outcome) | {name: str(value) for name, value in outcome["problem"].items()}
