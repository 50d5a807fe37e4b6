"""Archive several notebooks at a time, so that an error or a defect in one never stops the others."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from notebook_archive.backup.outcome import Verdict, record_verdict
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError

_log = logging.getLogger(__name__)


def archive_each(
    notebooks: Sequence[PlannedNotebook],
    archive: Callable[[PlannedNotebook], OutcomeRecord],
    threads: int,
    deadline: Deadline,
    *,
    reserve_seconds: float,
    always_start: int = 0,
) -> list[OutcomeRecord | None]:
    """Archive notebooks in threads; return a record of each, or None if no time was left to start with it.

    No notebook is started with less than `reserve_seconds` left, except for the first `always_start`.
    """

    def work(position: int, planned: PlannedNotebook) -> OutcomeRecord | None:
        if position >= always_start and deadline.remaining() < reserve_seconds:
            return None
        try:
            return archive(planned)
        except NotebookArchiveError as error:
            return record_verdict(planned, Verdict.fail(error))
        except Exception as error:  # noqa: BLE001 - whatever is in one notebook, the others are archived
            _log.exception("Notebook %s met a defect", planned["itemId"])
            return record_verdict(planned, Verdict.fail(error))

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="notebook") as pool:
        return list(pool.map(work, range(len(notebooks)), notebooks))
