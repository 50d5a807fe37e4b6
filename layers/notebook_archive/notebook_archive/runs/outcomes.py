"""Read what the batches of a run left in the archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord


@dataclass(frozen=True, slots=True)
class RunOutcomes:
    """The outcomes of a run.

    `by_item` has one of each notebook. `changes` are all outcomes of notebooks of which a snapshot was made or deleted
    in ArcGIS, in any try of a batch. `durations` are in seconds, one of each batch.
    """

    by_item: dict[str, OutcomeRecord]
    changes: list[OutcomeRecord]
    durations: list[float]


def read_outcomes(run: RunId, archive: Archive) -> RunOutcomes:
    """Return the outcomes of a run, without those that an earlier try of its report added."""
    by_item: dict[str, OutcomeRecord] = {}
    changes: dict[tuple[str, ...], OutcomeRecord] = {}
    durations: list[float] = []
    for key in archive.list_keys(keys.outcomes_prefix(run)):
        if key == keys.crashed_outcomes_key(run):
            continue  # the report that wrote it may have run out of time
        document = json.loads(archive.read_object(key) or b"{}")
        if "seconds" in document:
            durations.append(document["seconds"])
        for outcome in document.get("outcomes", ()):
            outcome.setdefault("protection", {"state": "unprotected", "modified": 0})  # from an older version
            if {"captured", "freed"} & outcome.keys():  # once, also if S3 has the outcomes of one try twice
                changes[outcome["itemId"], outcome.get("captured", ""), outcome.get("freed", "")] = outcome
            other = by_item.get(outcome["itemId"], outcome)
            by_item[outcome["itemId"]] = max(outcome, other, key=_rank)
    return RunOutcomes(by_item, list(changes.values()), durations)


def _rank(outcome: OutcomeRecord) -> tuple[int, int]:
    """Rank the outcomes that two tries of a batch left of a notebook; the higher one counts.

    One that ended well ranks highest, then one that archived more. One that skipped the notebook, such as for a missing
    secret, never hides the failure of one that could read it.
    """
    return {"skipped": 0, "failed": 1}.get(outcome["state"], 2), len(outcome["archived"])


def read_planned(plan_key: str, archive: Archive) -> Iterator[PlannedNotebook]:
    """Yield the notebooks of a run's plan."""
    for line in (archive.read_object(plan_key) or b"").splitlines():
        yield from json.loads(line)["notebooks"]
