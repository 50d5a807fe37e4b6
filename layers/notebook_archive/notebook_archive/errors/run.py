"""Define the errors of runs, backup requests, events and notifications."""

from notebook_archive.errors.base import NotebookArchiveError


class RunInputInvalid(NotebookArchiveError):
    """The input of a run has an unknown field, or the value of `itemIds` is not valid. Nothing was planned.

    The value of `itemIds` must be a list with at least one id. Each id may occur only once.
    """

    reason = "run-input-invalid"
    remedy = (
        'Start the run again with the input {} for every notebook, or {"itemIds": [...]} for some. List each id once.'
    )


class RunIdTaken(NotebookArchiveError):
    """Another execution has the same name and date, most likely in another stack that uses the same bucket.

    Nothing was planned, and no report was written.
    """

    reason = "run-id-taken"
    remedy = "Start the run again under another name. The other run's objects were not changed."


class RequestInvalid(NotebookArchiveError):
    """An event `SnapshotArchiveRequested` does not have the documented form. The message names the wrong field.

    The event is in the failure queue, and ArcGIS was not called.
    """

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it. The failure queue keeps the wrong event."


class EventRefused(NotebookArchiveError):
    """EventBridge did not accept an event, or did not answer. The message contains the error code.

    The report is still written, and the snapshots are archived. A webhook's sender was asked to send its delivery
    again.
    """

    reason = "event-refused"
    remedy = (
        "Check that the event bus that EventBusName names exists. Check that its policy allows the function's role to "
        "put events."
    )


class NotificationRefused(NotebookArchiveError):
    """SNS did not accept a notification, or did not respond. The message names the topic and the error code.

    The event is attempted again, and then put into the notifier's dead-letter queue.
    """

    reason = "notification-refused"
    remedy = (
        "Check that the topic exists. Check that its policy and its KMS key allow the role of notify_operators to "
        "publish: docs/notifications.md, An encrypted topic."
    )
