"""A batch of notebooks, a few at a time, for as long as the invocation lasts."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from notebook_archive.archive import RunId
from notebook_archive.backup.archive_notebook import archive_notebook
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.backup.outcome import Batch, Outcome, outcome, outcomes_key, problem
from notebook_archive.backup.planned import Planned
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveUnavailable, NotebookArchiveError

_log = logging.getLogger(__name__)

MAX_TRIES = 20
"""Outcome objects of one batch; Step Functions tries less often."""
START_SHARE = 0.25
"""No notebook is started in the last quarter of the time, so that those under way can end."""


def archive_batch(
    batch: Batch, run: RunId, context: ArchiveContext, threads: int, deadline: Deadline
) -> tuple[list[Outcome], Batch | None]:
    """Archive a batch; write its outcomes into the archive and return them, with the rest that there was no time to
    start.

    At least ``threads`` notebooks are started however late it is, so a batch that is handed back always gets shorter.
    """
    started_at, clock = datetime.now(UTC), time.monotonic()
    last_start = deadline.remaining() * START_SHARE
    notebooks = batch["notebooks"]

    def work(place: int, planned: Planned) -> Outcome | None:
        if place >= threads and deadline.remaining() < last_start:
            return None
        try:
            return archive_notebook(planned, run, context, deadline)
        except Exception as error:  # noqa: BLE001 - one notebook, whatever is in it, never stops the others
            _log.exception("Notebook %s met a defect", planned["itemId"])
            return outcome(planned, "failed", problem(NotebookArchiveError(f"A defect: {type(error).__name__}.")))

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="notebook") as pool:
        results = list(pool.map(work, range(len(notebooks)), notebooks))
    outcomes = [result for result in results if result is not None]
    rest = [planned for planned, result in zip(notebooks, results, strict=True) if result is None]
    document = {
        "batch": batch["number"],
        "part": batch["part"],
        "startedAt": started_at.isoformat().replace("+00:00", "Z"),
        "seconds": round(time.monotonic() - clock, 3),
        "outcomes": outcomes,
    }
    # An earlier try of this batch may have left its outcomes, or may yet: neither is written over the other.
    if not any(
        context.archive.put_document_once(run.key(outcomes_key(batch, tries)), document) for tries in range(MAX_TRIES)
    ):
        raise ArchiveUnavailable(f"The outcomes of batch {batch['number']} could not be written.")
    if not rest:
        return outcomes, None
    return outcomes, {"number": batch["number"], "part": batch["part"] + 1, "notebooks": rest}
