"""Define the names of the metrics that the functions send to CloudWatch, in the namespace `NotebookArchive`.

To add a metric, add its name here and send it with `metrics.add_metric` in the function, or calculate it in
`runs/run_metrics.py` or `verification/verification_metrics.py`. To add an alarm, add a resource to the alarms of
template.yaml whose `MetricName` is the name. Tests check that docs/operations.md describes each metric and alarm, and
that docs/costs.md has the number of metrics of a run and of a verification.
"""

from enum import StrEnum


class Metric(StrEnum):
    """Every metric, grouped by the function that sends it."""

    # report_run sends these once for each run. One of the first three is 1. All three are 0 for a run over chosen
    # notebooks, and the recovery point is left out.
    RUN_COMPLETE = "RunComplete"
    RUN_PARTIAL = "RunPartial"
    RUN_FAILED = "RunFailed"
    RUN_DURATION = "RunDuration"
    NOTEBOOKS_ATTEMPTED = "NotebooksAttempted"
    NOTEBOOKS_ARCHIVED = "NotebooksArchived"
    NOTEBOOKS_UNCHANGED = "NotebooksUnchanged"
    NOTEBOOKS_SKIPPED = "NotebooksSkipped"
    NOTEBOOKS_FAILED = "NotebooksFailed"
    NOTEBOOKS_PROTECTED = "NotebooksProtected"
    NOTEBOOKS_STALE = "NotebooksStale"
    NOTEBOOKS_UNPROTECTED = "NotebooksUnprotected"
    NOTEBOOKS_EMPTY = "NotebooksEmpty"
    NOTEBOOKS_GONE = "NotebooksGone"
    RECOVERY_POINT_MEDIAN_HOURS = "RecoveryPointMedianHours"
    RECOVERY_POINT_WORST_HOURS = "RecoveryPointWorstHours"
    SNAPSHOTS_ATTEMPTED = "SnapshotsAttempted"
    SNAPSHOTS_ARCHIVED = "SnapshotsArchived"
    SNAPSHOTS_UNCHANGED = "SnapshotsUnchanged"
    SNAPSHOTS_SKIPPED = "SnapshotsSkipped"
    SNAPSHOTS_FAILED = "SnapshotsFailed"
    SNAPSHOTS_CAPTURED = "SnapshotsCaptured"
    SLOTS_FREED = "SlotsFreed"
    CAPTURES_WITHOUT_SLOT = "CapturesWithoutSlot"
    BYTES_ARCHIVED = "BytesArchived"

    # archive_requests sends these once for each invocation.
    SNAPSHOTS_ARCHIVED_BY_EVENT = "SnapshotsArchivedByEvent"
    REQUESTS_POSTPONED = "RequestsPostponed"
    REQUESTS_SKIPPED = "RequestsSkipped"

    # receive_webhook sends these once for each request. At most one of them is 1.
    WEBHOOK_ACCEPTED = "WebhookAccepted"
    WEBHOOK_REFUSED = "WebhookRefused"
    WEBHOOK_UNKNOWN = "WebhookUnknown"

    # poll_changes sends these once for each poll. CHANGE_POLL_AGE_SECONDS is left out for the first poll.
    CHANGES_FOUND = "ChangesFound"
    CHANGES_REQUESTED = "ChangesRequested"
    CHANGES_POSTPONED = "ChangesPostponed"
    CHANGE_POLL_AGE_SECONDS = "ChangePollAgeSeconds"

    # rotate_token sends these once for each step of a rotation.
    TOKENS_ROTATED = "TokensRotated"
    TOKENS_EXPIRING_BEFORE_ROTATION = "TokensExpiringBeforeRotation"

    # report_verification sends these once for each verification. OLDEST_UNPROVED_DAYS is left out for chosen items, and
    # OBJECTS_NOT_REPLICATED if the stack has no second place, or if it could not be listed.
    VERIFICATION_COMPLETE = "VerificationComplete"
    VERIFICATION_DURATION = "VerificationDuration"
    VERSIONS_READ = "VersionsRead"
    VERSIONS_COMPARED = "VersionsCompared"
    VERSIONS_UNRECORDED = "VersionsUnrecorded"
    VERSIONS_NOT_REACHED = "VersionsNotReached"
    BYTES_VERIFIED = "BytesVerified"
    VERIFICATION_REQUESTS = "VerificationRequests"
    OLDEST_UNPROVED_DAYS = "OldestUnprovedDays"
    VERSIONS_MISSING = "VersionsMissing"
    OBJECTS_DAMAGED = "ObjectsDamaged"
    VERSIONS_REPLACED = "VersionsReplaced"
    RECORDS_DAMAGED = "RecordsDamaged"
    OBJECTS_UNREADABLE = "ObjectsUnreadable"
    OBJECTS_FOREIGN = "ObjectsForeign"
    VERSIONS_NOT_NOTEBOOKS = "VersionsNotNotebooks"
    OBJECTS_NOT_REPLICATED = "ObjectsNotReplicated"
    FINDINGS_ACKNOWLEDGED = "FindingsAcknowledged"
    VERSIONS_MISSED = "VersionsMissed"
    VERSIONS_KEPT = "VersionsKept"

    # restore_notebook and undo_restore send these once for each invocation. At most one of the first three is 1.
    NOTEBOOKS_RESTORED = "NotebooksRestored"
    RESTORES_UNDONE = "RestoresUndone"
    RESTORES_FAILED = "RestoresFailed"
    BYTES_RESTORED = "BytesRestored"
    RESTORE_DURATION = "RestoreDuration"

    # report_restores sends these once for each bulk restore.
    BULK_RESTORE_COMPLETE = "BulkRestoreComplete"
    BULK_RESTORE_DURATION = "BulkRestoreDuration"
    BULK_NOTEBOOKS_RESTORED = "BulkNotebooksRestored"
    BULK_NOTEBOOKS_ALREADY_RESTORED = "BulkNotebooksAlreadyRestored"
    BULK_NOTEBOOKS_SKIPPED = "BulkNotebooksSkipped"
    BULK_NOTEBOOKS_FAILED = "BulkNotebooksFailed"
    BULK_BYTES_RESTORED = "BulkBytesRestored"

    # notify_operators sends these once for each invocation.
    NOTIFICATIONS_SENT = "NotificationsSent"
    NOTIFICATIONS_FOLDED = "NotificationsFolded"
    NOTIFICATIONS_FAILED = "NotificationsFailed"

    # test_restores sends these once for each restore test.
    RESTORE_TESTS_PASSED = "RestoreTestsPassed"
    RESTORE_TESTS_FAILED = "RestoreTestsFailed"
    RESTORE_TESTS_NOT_REACHED = "RestoreTestsNotReached"
    RESTORE_TEST_LONGEST = "RestoreTestLongest"
    RESTORE_TEST_OWNERS_OVERDUE = "RestoreTestOwnersOverdue"
    RESTORE_TEST_LEFTOVERS = "RestoreTestLeftovers"
