"""Archive a batch of notebooks: as many as one invocation has time for."""

import time
from datetime import UTC, datetime
from typing import TypedDict

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.archive_each import archive_each
from notebook_archive.backup.archive_notebook import archive_notebook
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord, list_stored
from notebook_archive.clock import Deadline
from notebook_archive.executions.batches import write_under_new_key

# No notebook is started in this last share of the time, so that those already started can end.
RESERVED_SHARE = 0.25


class Batch(TypedDict):
    """A line of the plan. `number` starts at 1. `part` counts how often the batch was returned unfinished."""

    number: int
    part: int
    notebooks: list[PlannedNotebook]


def archive_batch(
    batch: Batch, run: RunId, context: ArchiveContext, threads: int, deadline: Deadline
) -> tuple[list[OutcomeRecord], Batch | None]:
    """Archive a batch. Write its store record and its outcomes. Return the outcomes, and the rest of the batch or None.

    The rest contains the notebooks that could not be started in time. At least `threads` notebooks are started, even if
    no time is left. So a batch that is returned unfinished is always shorter than before. Raises a subclass of
    ArchiveError if the store record or the outcomes cannot be written.
    """
    started_at, start = datetime.now(UTC), time.monotonic()

    def archive(planned: PlannedNotebook) -> OutcomeRecord:
        return archive_notebook(planned, run, context, deadline)

    reserve = deadline.remaining() * RESERVED_SHARE
    notebooks = batch["notebooks"]
    records = archive_each(notebooks, archive, threads, deadline, reserve_seconds=reserve, always_start=threads)
    outcomes = [record for record in records if record]
    # The record comes first. If the function ends here, the report records the versions again, which does no harm.
    context.archive.put_store_record(run, list_stored(outcomes))
    document = {
        "batch": batch["number"],
        "part": batch["part"],
        "startedAt": started_at.isoformat().replace("+00:00", "Z"),
        "seconds": round(time.monotonic() - start, 3),
        "outcomes": outcomes,
    }
    _write_outcomes(batch, document, run, context.archive)
    rest = [planned for planned, record in zip(notebooks, records, strict=True) if record is None]
    if not rest:
        return outcomes, None
    return outcomes, {"number": batch["number"], "part": batch["part"] + 1, "notebooks": rest}


def _write_outcomes(batch: Batch, document: dict[str, object], run: RunId, archive: Archive) -> None:
    """Write the outcomes under a new key, because an earlier attempt may have written outcomes or still write some."""

    def write(earlier_attempts: int) -> bool:
        key = keys.batch_outcomes_key(run, batch["number"], batch["part"], earlier_attempts)
        return archive.put_document_once(key, document)

    write_under_new_key(write, f"The outcomes of batch {batch['number']}")
