"""Restore a batch of notebooks: as many as one invocation has time for."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notebook_archive.archive import RestoreId, RunId, keys
from notebook_archive.backup.work_in_time import work_in_time
from notebook_archive.bulk_restore.outcome import SCHEMA, RestoreOutcome, describe_failure, describe_record
from notebook_archive.bulk_restore.planned import Batch, PlannedRestore
from notebook_archive.clock import Deadline
from notebook_archive.errors import DeadlineExceeded, NotebookArchiveError
from notebook_archive.executions.batches import write_under_new_key
from notebook_archive.restore import RestoreContext, RestoreRequest, restore_version

_log = logging.getLogger(__name__)

# No restore is started in this last share of the time, so that those already started can end.
RESERVED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A notebook whose restore was interrupted by the end of the time. It is completed by another invocation."""

    planned: PlannedRestore


def restore_batch(
    batch: Batch, run: RunId, context: RestoreContext, threads: int, deadline: Deadline
) -> tuple[list[RestoreOutcome], Batch | None]:
    """Restore a batch and write its results. Return the outcomes, and the rest of the batch or None.

    The rest contains the notebooks that could not be started in time, and those that the end of the time interrupted
    for the first time. Their restores are completed later. At least `threads` restores are started, even if no time is
    left. Raises an ArchiveError if the results cannot be written.
    """
    started_at, start = datetime.now(UTC), time.monotonic()

    def restore(planned: PlannedRestore) -> RestoreOutcome | Interrupted:
        return _restore(planned, batch, context, deadline)

    notebooks, reserve = batch["notebooks"], deadline.remaining() * RESERVED_SHARE
    done = work_in_time(notebooks, restore, threads, deadline, reserve_seconds=reserve, always_start=threads)
    outcomes = [each for each in done if each is not None and not isinstance(each, Interrupted)]
    document = {
        "schema": SCHEMA,
        "runId": run,
        "batch": batch["number"],
        "part": batch["part"],
        "startedAt": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round(time.monotonic() - start, 3),
        "outcomes": outcomes,
    }

    def write(earlier_attempts: int) -> bool:
        key = keys.bulk_results_key(run, batch["number"], batch["part"], earlier_attempts)
        return context.archive.put_document_once(key, document)

    write_under_new_key(write, f"The results of batch {batch['number']}")
    left = [
        each.planned if isinstance(each, Interrupted) else planned
        for planned, each in zip(notebooks, done, strict=True)
        if each is None or isinstance(each, Interrupted)
    ]
    rest: Batch = {**batch, "part": batch["part"] + 1, "notebooks": left}
    return outcomes, rest if left else None


def _restore(
    planned: PlannedRestore, batch: Batch, context: RestoreContext, deadline: Deadline
) -> RestoreOutcome | Interrupted:
    """Restore one notebook and return its outcome, or Interrupted if the time ended for the first time."""
    restore_id = RestoreId.from_request(planned["requestId"])
    try:
        request = RestoreRequest.parse(make_event(planned, batch), "")
        return describe_record(planned, restore_version(request, context, deadline))
    except NotebookArchiveError as error:
        is_out_of_time = isinstance(error, DeadlineExceeded) or isinstance(error.__cause__, DeadlineExceeded)
        if is_out_of_time and not planned.get("isRepeated"):
            return Interrupted({**planned, "isRepeated": True})
        return describe_failure(planned, restore_id, error)
    except Exception as error:  # noqa: BLE001 - the other notebooks must still be restored
        _log.exception("Restoring notebook %s failed because of a defect", planned["itemId"])
        return describe_failure(planned, restore_id, error)


def make_event(planned: PlannedRestore, batch: Batch) -> dict[str, Any]:
    """Return the event of `restore_notebook` that restores this notebook."""
    event: dict[str, Any] = {
        "requestId": planned["requestId"],
        "itemId": planned["itemId"],
        "resourceKey": planned["resourceKey"],
        "as": "new",
        "dryRun": batch["dryRun"],
    }
    if planned["owner"]:
        event["owner"] = planned["owner"]
    if "place" in batch:
        event["from"] = batch["place"]
    return {**event, "to": batch["to"]} if "to" in batch else event
