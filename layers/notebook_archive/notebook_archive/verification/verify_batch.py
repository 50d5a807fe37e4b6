"""Verify a batch: as many objects as one invocation has time for."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from notebook_archive.archive import Archive, ArchiveReader, RunId, keys
from notebook_archive.backup.work_in_time import work_in_time
from notebook_archive.clock import Deadline
from notebook_archive.executions.batches import write_under_new_key
from notebook_archive.verification.check_object import check_object
from notebook_archive.verification.checks import Batch, Check
from notebook_archive.verification.results import CheckResult, Results, make_results

# No check is started in this last share of the time, so that those already started can end.
RESERVED_SHARE = 0.25


class BatchVerifier:
    """Verifies batches of one verification. `end` is when its time is over, in epoch seconds."""

    def __init__(
        self,
        run: RunId,
        archive: Archive,
        reader: ArchiveReader,
        end: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run, self._archive, self._reader, self._end, self._clock = run, archive, reader, end, clock

    def verify(self, batch: Batch, threads: int, deadline: Deadline) -> tuple[Results, Batch | None]:
        """Verify a batch and write its results. Return them, and the rest of the batch or None.

        The rest contains the checks that could not be started in time. At least `threads` checks are started, even if
        the invocation has no time left. If the time of the whole verification is over, nothing is started, and the
        checks are left for the next one. Raises an ArchiveError if the results cannot be written.
        """
        start, started_at = time.monotonic(), datetime.fromtimestamp(self._clock(), UTC)
        reserve = deadline.remaining() * RESERVED_SHARE
        done = work_in_time(
            batch["checks"], self._check, threads, deadline, reserve_seconds=reserve, always_start=threads
        )
        results = [each for each in done if isinstance(each, CheckResult)]
        not_reached = [check for check, each in zip(batch["checks"], done, strict=True) if each == "not reached"]
        document = make_results(self._run, batch, results, not_reached, int(self._clock() * 1000))
        document["startedAt"] = started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document["seconds"] = round(time.monotonic() - start, 3)

        def write(earlier_attempts: int) -> bool:
            key = keys.batch_results_key(self._run, batch["number"], batch["part"], earlier_attempts)
            return self._archive.put_document_once(key, document)

        write_under_new_key(write, f"The results of batch {batch['number']}")
        rest = [check for check, each in zip(batch["checks"], done, strict=True) if each is None]
        left: Batch = {"number": batch["number"], "part": batch["part"] + 1, "checks": rest}
        return document, left if rest else None

    def _check(self, check: Check) -> CheckResult | Literal["not reached"]:
        if self._clock() >= self._end:
            return "not reached"
        return check_object(check, self._reader, int(self._clock() * 1000))
