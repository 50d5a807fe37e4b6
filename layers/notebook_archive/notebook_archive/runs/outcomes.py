"""Read the outcomes that the batches of a run wrote to the archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord


@dataclass(frozen=True, slots=True)
class RunOutcomes:
    """The outcomes of a run.

    `by_item` contains one outcome for each notebook. `changes` contains every outcome in which a snapshot was made or
    deleted in ArcGIS, from all attempts of a batch. `durations` contains the seconds that each batch took.
    """

    by_item: dict[str, OutcomeRecord]
    changes: list[OutcomeRecord]
    durations: list[float]


def read_outcomes(run: RunId, archive: Archive) -> RunOutcomes:
    """Return the outcomes of a run, without those that an earlier attempt at its report added."""
    by_item: dict[str, OutcomeRecord] = {}
    changes: dict[tuple[str, ...], OutcomeRecord] = {}
    durations: list[float] = []
    for key in archive.list_keys(keys.outcomes_prefix(run)):
        if key == keys.crashed_outcomes_key(run):
            continue  # these may be incomplete, because the report that wrote them may have run out of time
        document = json.loads(archive.read_object(key) or b"{}")
        if "seconds" in document:
            durations.append(document["seconds"])
        for outcome in document.get("outcomes", ()):
            outcome.setdefault("protection", {"state": "unprotected", "modified": 0})  # older versions did not write it
            if {"captured", "freed"} & outcome.keys():  # a dict, because S3 may have the outcomes of one attempt twice
                changes[outcome["itemId"], outcome.get("captured", ""), outcome.get("freed", "")] = outcome
            other = by_item.get(outcome["itemId"], outcome)
            by_item[outcome["itemId"]] = max(outcome, other, key=_rank)
    return RunOutcomes(by_item, list(changes.values()), durations)


def _rank(outcome: OutcomeRecord) -> tuple[int, int]:
    """Rank the outcomes that two attempts at a batch wrote for one notebook. The higher one counts.

    A successful outcome ranks highest. Among equal ones, the one that archived more ranks higher. `skipped` ranks
    below `failed`, so that an attempt that missed a secret does not hide the failure of one that could read.
    """
    return {"skipped": 0, "failed": 1}.get(outcome["state"], 2), len(outcome["archived"])


def read_planned(plan_key: str, archive: Archive) -> Iterator[PlannedNotebook]:
    """Yield the notebooks of a run's plan."""
    for line in (archive.read_object(plan_key) or b"").splitlines():
        yield from json.loads(line)["notebooks"]
