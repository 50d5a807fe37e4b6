"""Find out what a batch had stored before it crashed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from notebook_archive.archive import Archive, CopyId, RunId
from notebook_archive.backup.outcome import NotebookOutcome, Verdict
from notebook_archive.backup.planned import PlannedNotebook, is_planned_as_archived
from notebook_archive.backup.protection import assess_protection
from notebook_archive.backup.records import OutcomeRecord, Problem, StoredVersion
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveError, NotAnId
from notebook_archive.models import ItemId

# Maximum seconds by which the clocks of S3 and Step Functions may differ. A wide margin does no harm, because the run
# id in each object's metadata decides.
_CLOCK_SECONDS = 60
CRASHED: Problem = {
    "reason": "batch-crashed",
    "message": "The function ended before it wrote the outcome of this notebook.",
    "remedy": "Read the log of archive_notebooks for this run, then start the run again. Nothing is archived twice.",
}


def recover_outcomes(
    planned: Sequence[PlannedNotebook], run: RunId, started_at: str, archive: Archive, threads: int, deadline: Deadline
) -> tuple[list[OutcomeRecord], list[Problem]]:
    """Return a failed outcome for each of these notebooks, which lists what this run stored according to the archive.

    `planned` are the notebooks that have no outcome. The second value contains a notice if some could not be looked
    up, because no time was left or S3 returned an error. Never raises a NotebookArchiveError.
    """
    since = datetime.fromisoformat(started_at) - timedelta(seconds=_CLOCK_SECONDS)

    def look_up(each: PlannedNotebook) -> list[StoredVersion] | None:
        if deadline.remaining() <= 0:
            return None
        try:
            objects = list(archive.list_stored_by(run, ItemId.parse(each["itemId"]), since))
        except ArchiveError:
            return None
        except NotAnId:
            return []  # nothing can be archived under an invalid id
        return [
            {
                "resourceKey": stored.resource_key,
                "key": stored.key,
                "bytes": stored.size,
                "sha256": stored.sha256,
            }
            for stored in objects
        ]

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="crashed") as pool:
        found = list(pool.map(look_up, planned))
    outcomes = [_make_record(each, stored or []) for each, stored in zip(planned, found, strict=True)]
    not_looked_up = found.count(None)
    if not not_looked_up:
        return outcomes, []
    notice: Problem = {
        "reason": "crashed-not-looked-up",
        "message": f"Batches crashed, and the run could not look up which snapshots they had stored for "
        f"{not_looked_up} of their {len(planned)} notebooks. So the report may count too few snapshots.",
        "remedy": "Read the log of archive_notebooks for the cause. Nothing is lost: a later run finds what is stored.",
    }
    return outcomes, [notice]


def _make_record(planned: PlannedNotebook, stored: list[StoredVersion]) -> OutcomeRecord:
    """Return the record of a notebook whose batch crashed after it had stored these versions."""
    outcome = NotebookOutcome(planned)
    for version in stored:
        outcome.add_stored(version)
    outcome.end(Verdict("failed", CRASHED))
    content = planned.get("content")
    has_current = is_planned_as_archived(content)
    if content and content["modified"]:
        copies = filter(None, (CopyId.from_resource_key(version["resourceKey"]) for version in stored))
        has_current |= any(copy.modified == content["modified"] for copy in copies)
    return outcome.record(assess_protection(outcome, has_current=has_current))
