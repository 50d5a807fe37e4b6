"""Archive a batch of notebooks, as many as one invocation has time for."""

import time
from datetime import UTC, datetime
from typing import TypedDict

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.archive_each import archive_each
from notebook_archive.backup.archive_notebook import archive_notebook
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveUnavailable

# Maximum outcome objects of one batch. Step Functions makes fewer tries.
MAX_TRIES = 20
# No notebook is started in this last share of the time, so that those under way can end.
RESERVED_SHARE = 0.25


class Batch(TypedDict):
    """A line of the plan. `number` starts at 1. `part` counts how often the batch was handed back with a rest."""

    number: int
    part: int
    notebooks: list[PlannedNotebook]


def archive_batch(
    batch: Batch, run: RunId, context: ArchiveContext, threads: int, deadline: Deadline
) -> tuple[list[OutcomeRecord], Batch | None]:
    """Archive a batch, write its outcomes into the archive, and return them with the rest of the batch, if any.

    The rest is what there was no time to start with. At least `threads` notebooks are started however late it is, so a
    batch that is handed back always gets shorter. Raises any ArchiveError if the outcomes cannot be written.
    """
    started_at, start = datetime.now(UTC), time.monotonic()

    def archive(planned: PlannedNotebook) -> OutcomeRecord:
        return archive_notebook(planned, run, context, deadline)

    reserve = deadline.remaining() * RESERVED_SHARE
    notebooks = batch["notebooks"]
    records = archive_each(notebooks, archive, threads, deadline, reserve_seconds=reserve, always_start=threads)
    outcomes = [record for record in records if record]
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
    """Write the outcomes under a new key: an earlier try may have left its own, or may still do so."""
    for earlier_tries in range(MAX_TRIES):
        key = keys.batch_outcomes_key(run, batch["number"], batch["part"], earlier_tries)
        if archive.put_document_once(key, document):
            return
    raise ArchiveUnavailable(f"The outcomes of batch {batch['number']} could not be written.")
