"""Count the notebooks of a bulk restore by what became of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

from notebook_archive.bulk_restore.outcome import RestoreOutcome


class RestoreCounts(TypedDict):
    """Counts of notebooks. `attempted` is the sum of the others. Two of them count by reason."""

    attempted: int
    restored: int
    alreadyRestored: int
    planned: int
    skipped: dict[str, int]
    failed: dict[str, int]


def count_notebooks(outcomes: Sequence[RestoreOutcome]) -> RestoreCounts:
    """Return the number of notebooks in each state."""
    states = Counter(each["state"] for each in outcomes)
    return {
        "attempted": len(outcomes),
        "restored": states["restored"],
        "alreadyRestored": states["already-restored"],
        "planned": states["planned"],
        "skipped": _count_reasons(each for each in outcomes if each["state"] == "skipped"),
        "failed": _count_reasons(each for each in outcomes if each["state"] == "failed"),
    }


def count_levels(outcomes: Iterable[RestoreOutcome]) -> dict[str, int]:
    """Return the number of new items by the level of proof that reading them back reached."""
    levels = Counter(each["level"] for each in outcomes if "level" in each)
    return {str(level): levels[level] for level in (3, 4, 5)}


def _count_reasons(outcomes: Iterable[RestoreOutcome]) -> dict[str, int]:
    return dict(sorted(Counter(each["problem"]["reason"] for each in outcomes).items()))
