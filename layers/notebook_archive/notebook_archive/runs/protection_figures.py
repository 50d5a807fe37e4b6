"""Compute how well a run's notebooks are protected: counts, the recovery point, and a list of those that are not."""

from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import NotRequired, TypedDict

from notebook_archive.backup.records import OutcomeRecord, Problem, Protection, ProtectionState

STATES: tuple[ProtectionState, ...] = ("protected", "stale", "unprotected", "empty", "gone")
HOUR_MS = 3_600_000
_BY_URGENCY = ("unprotected", "stale", "gone", "empty")

_UNKNOWN_AGE = "The archive has only an older version, and the age of that version is not known."
_CURRENT_REMEDY = "Set ArchiveCurrent=true to archive the current content of notebooks, or take a snapshot in ArcGIS."


# Number of notebooks in each state. The sum is the number of attempted notebooks.
type ProtectionCounts = dict[ProtectionState, int]


class NotProtected(TypedDict):
    """A notebook that is not protected, and the reason.

    `hoursBehind` is the number of hours from its newest archived version to its last change. It is present if the
    notebook is stale and both times are known.
    """

    itemId: str
    title: str
    owner: str
    state: ProtectionState
    reason: str
    message: str
    remedy: str
    secret: NotRequired[str]
    hoursBehind: NotRequired[float]


class WorstNotebook(TypedDict):
    """The notebook whose newest archived version is the furthest behind its last change."""

    itemId: str
    title: str
    owner: str


class RecoveryPoint(TypedDict):
    """Hours between a notebook's last change and its newest archived version, over the notebooks of a run.

    A protected notebook counts as 0 hours. `notebooks` is the number of notebooks that were measured. `unmeasured` is
    the number of notebooks that have no archived version, or one of unknown age. If no notebook was measured, the other
    figures are None.
    """

    notebooks: int
    unmeasured: int
    medianHours: float | None
    worstHours: float | None
    worst: WorstNotebook | None


def count_protection(outcomes: Iterable[OutcomeRecord]) -> ProtectionCounts:
    """Return the number of notebooks in each state."""
    states = Counter(each["protection"]["state"] for each in outcomes)
    return {state: states[state] for state in STATES}


def describe_protection(counts: ProtectionCounts) -> str:
    """Return the counts in words, such as `15 notebooks: 13 protected, 2 empty`."""
    attempted = sum(counts.values())
    parts = [f"{counts[state]} {state}" for state in STATES if counts[state] or state == "protected"]
    return f"{attempted} notebook{'' if attempted == 1 else 's'}: {', '.join(parts)}"


def list_not_protected(outcomes: Iterable[OutcomeRecord]) -> list[NotProtected]:
    """Return the notebooks that are not protected, each with the reason and what to do next, the most urgent first."""
    found = [_describe_not_protected(each) for each in outcomes if each["protection"]["state"] != "protected"]
    return sorted(found, key=lambda each: _BY_URGENCY.index(each["state"]))


def _describe_not_protected(outcome: OutcomeRecord) -> NotProtected:
    state, hours = outcome["protection"]["state"], measure_hours_behind(outcome["protection"])
    problem: Problem = outcome["problem"] if "problem" in outcome else _explain(state, hours)
    entry: NotProtected = {
        "itemId": outcome["itemId"],
        "title": outcome["title"],
        "owner": outcome["owner"],
        "state": state,
        "reason": problem["reason"],
        "message": problem["message"],
        "remedy": problem["remedy"],
    }
    if "secret" in problem:
        entry["secret"] = problem["secret"]
    if state == "stale" and hours is not None:
        entry["hoursBehind"] = round(hours, 1)
    return entry


def _explain(state: ProtectionState, hours: float | None) -> Problem:
    """Return why a notebook is not protected although nothing failed."""
    if state == "stale":
        message = _UNKNOWN_AGE
        if hours == 0:
            message = "The newest archived version is as new as the last change, but it may not contain that change."
        elif hours is not None:
            message = f"The newest archived version is {_format_age(hours)} older than its last change."
        return {"reason": "current-content-not-archived", "message": message, "remedy": _CURRENT_REMEDY}
    return {
        "reason": "never-archived",
        "message": "The notebook has no snapshot to archive, and its current content is not archived.",
        "remedy": _CURRENT_REMEDY,
    }


def _format_age(hours: float) -> str:
    """Return an age in minutes, hours or days, such as `36 hours`."""
    for unit, length, limit in (("minute", 1 / 60, 120), ("hour", 1, 72)):
        count = max(1, round(hours / length))
        if count < limit:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(hours / 24)} days"


def measure_hours_behind(protection: Protection) -> float | None:
    """Return the hours from the newest archived version to the last change, or None if they are not known."""
    if protection["state"] == "protected":
        return 0.0
    if protection["state"] != "stale" or not protection["modified"] or not protection.get("newest"):
        return None
    return max(0, protection["modified"] - protection["newest"]) / HOUR_MS


def measure_recovery_point(outcomes: Iterable[OutcomeRecord]) -> RecoveryPoint:
    """Return the recovery point of a run. Notebooks that are empty or gone do not count."""
    counted = [each for each in outcomes if each["protection"]["state"] not in ("empty", "gone")]
    measured = [(hours, each) for each in counted if (hours := measure_hours_behind(each["protection"])) is not None]
    if not measured:
        return {"notebooks": 0, "unmeasured": len(counted), "medianHours": None, "worstHours": None, "worst": None}
    hours, worst = max(measured, key=lambda each: each[0])
    return {
        "notebooks": len(measured),
        "unmeasured": len(counted) - len(measured),
        "medianHours": round(median(each for each, _ in measured), 1),
        "worstHours": round(hours, 1),
        "worst": {"itemId": worst["itemId"], "title": worst["title"], "owner": worst["owner"]} if hours else None,
    }
