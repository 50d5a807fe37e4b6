"""The details of the events: their types and their fields. docs/events.md describes them to those who subscribe."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any


class DetailType(StrEnum):
    """The types of events, as EventBridge rules match them."""

    # Asks for a backup of notebooks: see `describe_requests`. Anybody who may use the bus can send it too.
    SNAPSHOT_ARCHIVE_REQUESTED = "SnapshotArchiveRequested"
    # Says what was stored of one notebook: see `describe_stored`.
    SNAPSHOT_ARCHIVED = "SnapshotArchived"
    # Says how a run ended: see `describe_run`.
    ARCHIVE_RUN_COMPLETED = "ArchiveRunCompleted"


# The source of events that the stack itself sends, and of requests for backups.
SOURCE = "notebook-archive"
REQUEST_SOURCE = "arcgis.notebooks"

# Maximum items of one event `SnapshotArchiveRequested`. To archive more at once, start a run over chosen notebooks.
MAX_REQUEST_ITEMS = 100
# Maximum snapshots of one event `SnapshotArchived`, to stay far below the 256 KB that some targets accept.
MAX_EVENT_SNAPSHOTS = 100

# Fields of a run's report that its event repeats.
REPORT_FIELDS = (
    "runId",
    "scope",
    "status",
    "message",
    "notebooks",
    "protection",
    "recoveryPoint",
    "snapshots",
    "bytes",
    "seconds",
)


def describe_requests(item_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the details of the events `SnapshotArchiveRequested` that ask for a backup of these items."""
    for start in range(0, len(item_ids), MAX_REQUEST_ITEMS):
        yield {"itemIds": item_ids[start : start + MAX_REQUEST_ITEMS]}


def describe_stored(outcome: Mapping[str, Any], run: str, bucket: str) -> Iterator[dict[str, Any]]:
    """Yield the details of the events `SnapshotArchived` for the outcome of one notebook.

    Yields nothing if nothing was stored, and several details if more was stored than one event may name.
    """
    stored = outcome["archived"]
    for start in range(0, len(stored), MAX_EVENT_SNAPSHOTS):
        yield {
            "itemId": outcome["itemId"],
            "title": outcome["title"],
            "owner": outcome["owner"],
            "runId": run,
            "bucket": bucket,
            "snapshots": stored[start : start + MAX_EVENT_SNAPSHOTS],
        }


def describe_run(report: Mapping[str, Any], report_key: str, bucket: str) -> dict[str, Any]:
    """Return the detail of the event `ArchiveRunCompleted` for a run's report. `unprotected` is a number there."""
    described = {name: report[name] for name in report if name in REPORT_FIELDS}
    return described | {"reportKey": report_key, "unprotected": len(report["unprotected"]), "bucket": bucket}
