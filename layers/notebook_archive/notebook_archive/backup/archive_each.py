"""Archive several notebooks at a time. An error or a defect in one does not stop the others."""

import logging
from collections.abc import Callable, Sequence

from notebook_archive.backup.outcome import Verdict, record_verdict
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import OutcomeRecord
from notebook_archive.backup.work_in_time import work_in_time
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
    """Archive notebooks in threads. Return a record of each notebook, or None if it was not started in time.

    A notebook is not started if less than `reserve_seconds` are left. The first `always_start` notebooks are always
    started.
    """

    def work(planned: PlannedNotebook) -> OutcomeRecord:
        try:
            return archive(planned)
        except NotebookArchiveError as error:
            return record_verdict(planned, Verdict.fail(error))
        except Exception as error:  # noqa: BLE001 - the other notebooks must still be archived
            _log.exception("Archiving notebook %s failed because of a defect", planned["itemId"])
            return record_verdict(planned, Verdict.fail(error))

    return work_in_time(notebooks, work, threads, deadline, reserve_seconds=reserve_seconds, always_start=always_start)
