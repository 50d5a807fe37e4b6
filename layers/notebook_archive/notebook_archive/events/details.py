"""Build the details of events. docs/events.md describes the types and their fields for subscribers."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any


class DetailType(StrEnum):
    """The types of events, as EventBridge rules match them."""

    # Requests a backup of notebooks: see `describe_requests`. Everybody who may use the bus can send this event.
    SNAPSHOT_ARCHIVE_REQUESTED = "SnapshotArchiveRequested"
    # Names the snapshots and copies that were stored for one notebook: see `describe_stored`.
    SNAPSHOT_ARCHIVED = "SnapshotArchived"
    # Contains the result of a run: see `describe_run`.
    ARCHIVE_RUN_COMPLETED = "ArchiveRunCompleted"
    # Contains the result of a verification: see `describe_verification`.
    ARCHIVE_VERIFICATION_COMPLETED = "ArchiveVerificationCompleted"
    # Contains the result of a bulk restore: see `describe_bulk_restore`.
    ARCHIVE_RESTORE_COMPLETED = "ArchiveRestoreCompleted"
    # Contains the result of a restore test: see `describe_restore_test`.
    RESTORE_TEST_COMPLETED = "RestoreTestCompleted"
    # Contains the result of a restore or of its undo: see `describe_restore`.
    NOTEBOOK_RESTORED = "NotebookRestored"


# The sources of the events: SOURCE for events that the stack itself sends, and REQUEST_SOURCE for backup requests.
SOURCE = "notebook-archive"
REQUEST_SOURCE = "arcgis.notebooks"

# Maximum number of items in one event `SnapshotArchiveRequested`. To archive more items at once, start a run over
# chosen notebooks.
MAX_REQUEST_ITEMS = 100
# Maximum number of snapshots in one event `SnapshotArchived`. It keeps events far below the 256 KB that some targets
# accept.
MAX_EVENT_SNAPSHOTS = 100

# Fields of a run's report that the event `ArchiveRunCompleted` repeats.
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

# Fields of a verification's report that the event `ArchiveVerificationCompleted` repeats.
VERIFICATION_FIELDS = (
    "runId",
    "scope",
    "status",
    "message",
    "versions",
    "bytes",
    "requests",
    "oldestUnprovedDays",
    "findings",
    "arcgis",
    "secondPlace",
    "seconds",
)

# Fields of the record of a restore, or of its undo, that the event `NotebookRestored` repeats.
RESTORE_FIELDS = (
    "restoreId",
    "status",
    "as",
    "itemId",
    "resourceKey",
    "key",
    "versionId",
    "portalUrl",
    "owner",
    "newItemId",
    "snapshot",
    "archived",
    "bytes",
    "level",
    "differences",
    "seconds",
)
# Maximum number of differences in one event `NotebookRestored`.
MAX_EVENT_DIFFERENCES = 20
# Fields of a bulk restore's report that the event `ArchiveRestoreCompleted` repeats.
BULK_RESTORE_FIELDS = (
    "runId",
    "scope",
    "dryRun",
    "status",
    "message",
    "notebooks",
    "levels",
    "bytes",
    "seconds",
    "itemsKey",
)
# Fields of a failed restore that an event repeats.
FAILED_RESTORE_FIELDS = ("itemId", "archivedOwner", "owner", "resourceKey", "restoreId", "newItemId")
# Fields of the results of a restore test that the event `RestoreTestCompleted` repeats.
RESTORE_TEST_FIELDS = (
    "runId",
    "status",
    "message",
    "account",
    "passed",
    "failed",
    "notReached",
    "leftovers",
    "ownersOverdue",
    "longestSeconds",
    "seconds",
)


def describe_requests(item_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the details of the events `SnapshotArchiveRequested` that request a backup of these items."""
    for start in range(0, len(item_ids), MAX_REQUEST_ITEMS):
        yield {"itemIds": item_ids[start : start + MAX_REQUEST_ITEMS]}


def describe_stored(outcome: Mapping[str, Any], run: str, bucket: str) -> Iterator[dict[str, Any]]:
    """Yield the details of the events `SnapshotArchived` for the outcome of one notebook.

    Yield nothing if nothing was stored. Yield several details if one event would contain more than MAX_EVENT_SNAPSHOTS.
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
    """Return the detail of the event `ArchiveRunCompleted` for a run's report.

    In the report, `unprotected` is a list. In the event, it is the length of that list.
    """
    described = {name: report[name] for name in report if name in REPORT_FIELDS}
    return described | {"reportKey": report_key, "unprotected": len(report["unprotected"]), "bucket": bucket}


def describe_verification(report: Mapping[str, Any], report_key: str, bucket: str) -> dict[str, Any]:
    """Return the detail of the event `ArchiveVerificationCompleted` for a verification's report.

    `unsettled` names the first findings that no operator acknowledged: at most MAX_EVENT_SNAPSHOTS.
    """
    described = {name: report[name] for name in report if name in VERIFICATION_FIELDS}
    unsettled = [each for each in report["named"] if each["state"] != "acknowledged"][:MAX_EVENT_SNAPSHOTS]
    named = [{name: each[name] for name in ("findingId", "kind", "key", "itemId", "resourceKey")} for each in unsettled]
    return described | {"reportKey": report_key, "unsettled": named, "bucket": bucket}


def describe_restore(record: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    """Return the detail of the event `NotebookRestored` for the record of a restore or of its undo."""
    described = {name: record[name] for name in record if name in RESTORE_FIELDS}
    if "differences" in described:
        described["differences"] = described["differences"][:MAX_EVENT_DIFFERENCES]
    return described | {"bucket": bucket}


def describe_bulk_restore(report: Mapping[str, Any], report_key: str, bucket: str) -> dict[str, Any]:
    """Return the detail of the event `ArchiveRestoreCompleted` for a bulk restore's report.

    `failed` names the first notebooks that were not restored: at most MAX_EVENT_SNAPSHOTS.
    """
    described = {name: report[name] for name in report if name in BULK_RESTORE_FIELDS}
    failed = [
        {**{name: each[name] for name in FAILED_RESTORE_FIELDS if name in each}, "reason": each["problem"]["reason"]}
        for each in report["named"][:MAX_EVENT_SNAPSHOTS]
    ]
    return described | {"reportKey": report_key, "failed": failed, "bucket": bucket}


def describe_restore_test(results: Mapping[str, Any], results_key: str, bucket: str) -> dict[str, Any]:
    """Return the detail of the event `RestoreTestCompleted` for the results of a restore test.

    In the results, `leftovers` is a list. In the event, it is the length of that list.
    """
    described = {name: results[name] for name in results if name in RESTORE_TEST_FIELDS}
    return described | {"leftovers": len(results["leftovers"]), "resultsKey": results_key, "bucket": bucket}
