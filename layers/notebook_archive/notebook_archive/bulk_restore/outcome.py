"""Describe what became of each notebook of a bulk restore."""

from collections.abc import Iterable
from typing import Any, Literal, NotRequired, TypedDict

from notebook_archive.archive import RunId
from notebook_archive.backup.records import Problem, describe_problem
from notebook_archive.bulk_restore.planned import PlannedRestore
from notebook_archive.restore import RestoreRecord
from notebook_archive.restore.read_back import SAME_CELLS
from notebook_archive.restore.recorded_bytes import NOT_COMPARED

SCHEMA = 1
# *restored*: a new item was made. *already-restored*: an earlier attempt or execution had made it. *planned*: a dry run
# found nothing that prevents the restore. *skipped*: the archive has no version to restore.
State = Literal["restored", "already-restored", "planned", "skipped", "failed"]
BEST_FIRST: tuple[State, ...] = ("restored", "already-restored", "planned", "failed", "skipped")
CRASHED: Problem = {
    "reason": "batch-crashed",
    "message": "The function ended before it wrote what became of this notebook.",
    "remedy": (
        "Read the log of restore_notebooks for this execution. Then start another with the input "
        '{"resume": "RUN ID"}, which restores nothing twice.'
    ),
}
DIFFERENT: Problem = {
    "reason": "restored-differently",
    "message": "The new item does not have the archived cells.",
    "remedy": "Compare the new item with the archived version. Undo the restore if the item is not wanted.",
}


def describe_lost(run: RunId, count: int) -> Problem:
    """Return the problem that the outcomes of some notebooks are not known."""
    return {
        "reason": "outcomes-lost",
        "message": f"The outcomes of {count} notebook{'' if count == 1 else 's'} are not known, because an object "
        f"below bulk-restores/{run}/ is missing or damaged.",
        "remedy": (
            "Put back the earlier S3 version of the object, and find out who altered it. Then start another execution "
            'with the input {"resume": "RUN ID"}, which restores nothing twice.'
        ),
    }


class RestoreOutcome(TypedDict):
    """What became of one notebook.

    `level` and `differences` say how the new item compares with the archive. `plan` is what a dry run would do.
    `warnings` says that the bytes were not compared with the ledger, and why. `key` is the S3 key of the version.
    `seconds` and `bytes` are those of this restore. `problem` says why a notebook was not restored.
    """

    itemId: str
    title: str
    archivedOwner: str
    owner: str
    state: State
    resourceKey: NotRequired[str]
    at: NotRequired[str]
    restoreId: NotRequired[str]
    key: NotRequired[str]
    portalUrl: NotRequired[str]
    newItemId: NotRequired[str]
    level: NotRequired[int]
    differences: NotRequired[list[str]]
    plan: NotRequired[list[str]]
    warnings: NotRequired[list[str]]
    bytes: NotRequired[int]
    seconds: NotRequired[float]
    problem: NotRequired[Problem]


def describe_planned(planned: PlannedRestore, state: State, restore_id: str) -> RestoreOutcome:
    """Return the outcome of a planned notebook, without details."""
    return {
        "itemId": planned["itemId"],
        "title": planned["title"],
        "archivedOwner": planned["archivedOwner"],
        "owner": planned["owner"],
        "state": state,
        "resourceKey": planned["resourceKey"],
        "at": planned["at"],
        "restoreId": restore_id,
    }


def describe_record(planned: PlannedRestore, record: RestoreRecord) -> RestoreOutcome:
    """Return the outcome of a restore that ended. A new item with other cells than archived counts as failed."""
    outcome = describe_planned(planned, record["status"], record["restoreId"])
    if warnings := [step for step in record["plan"] if step.startswith(NOT_COMPARED)]:
        outcome["warnings"] = warnings
    if record["status"] == "planned":
        return {**outcome, "plan": record["plan"], "bytes": record["bytes"], "seconds": record["seconds"]}
    outcome |= {
        "key": record["key"],
        "portalUrl": record["portalUrl"],
        "newItemId": record["newItemId"],
        "level": record["level"],
        "differences": record["differences"],
        "bytes": record["bytes"],
        "seconds": record["seconds"],
    }
    if record["level"] < SAME_CELLS:
        outcome["state"], outcome["problem"] = "failed", DIFFERENT
    return outcome


def describe_failure(planned: PlannedRestore, restore_id: str, error: Exception) -> RestoreOutcome:
    """Return the outcome of a restore that failed."""
    return {**describe_planned(planned, "failed", restore_id), "problem": describe_problem(error)}


def list_made(outcomes: Iterable[RestoreOutcome]) -> list[dict[str, Any]]:
    """Return the records of the new items that were made now, for events."""
    return [
        {**outcome, "status": "restored", "as": "new"}
        for outcome in outcomes
        if outcome["state"] == "restored" or (outcome["state"] == "failed" and "newItemId" in outcome)
    ]
