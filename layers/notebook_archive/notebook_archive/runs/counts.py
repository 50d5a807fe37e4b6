"""Count the notebooks and snapshots of a run by their state."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

from notebook_archive.backup.records import OutcomeRecord


class Counts(TypedDict):
    """Counts of notebooks or of snapshots.

    `attempted` is the sum of the others. `skipped` and `failed` contain a count for each reason.
    """

    attempted: int
    archived: int
    unchanged: int
    skipped: dict[str, int]
    failed: dict[str, int]


def count_notebooks(outcomes: Sequence[OutcomeRecord]) -> Counts:
    """Return the number of notebooks in each state."""
    states = Counter(each["state"] for each in outcomes)
    return {
        "attempted": len(outcomes),
        "archived": states["archived"],
        "unchanged": states["unchanged"],
        "skipped": _count_reasons(each["problem"]["reason"] for each in outcomes if each["state"] == "skipped"),
        "failed": _count_reasons(each["problem"]["reason"] for each in outcomes if each["state"] == "failed"),
    }


def count_snapshots(outcomes: Sequence[OutcomeRecord]) -> Counts:
    """Return the number of versions in each state. A version is a snapshot or a copy of the current content."""
    archived = sum(len(each["archived"]) for each in outcomes)
    unchanged = sum(each["unchanged"] for each in outcomes)
    skipped = _count_reasons(problem["reason"] for each in outcomes for problem in each["skipped"])
    failed = _count_reasons(problem["reason"] for each in outcomes for problem in each["failed"])
    attempted = archived + unchanged + sum(skipped.values()) + sum(failed.values())
    return {"attempted": attempted, "archived": archived, "unchanged": unchanged, "skipped": skipped, "failed": failed}


def _count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reasons).items()))
