"""Errors of runs, of requests for a backup, and of events."""

from notebook_archive.errors.base import NotebookArchiveError


class RunInputInvalid(NotebookArchiveError):
    """The input of a run has an unknown field, or `itemIds` cannot be used. Nothing was planned.

    The value of `itemIds` must be a list that is not empty, and no id may occur twice.
    """

    reason = "run-input-invalid"
    remedy = 'Start the run again with {} for every notebook, or {"itemIds": [...]} for some, each id once.'


class RunIdTaken(NotebookArchiveError):
    """Another execution has the same name and date, most likely in another stack with the same bucket.

    Nothing was planned, and no report was written.
    """

    reason = "run-id-taken"
    remedy = "Start the run again under another name. The objects of the other run were not changed."


class RequestInvalid(NotebookArchiveError):
    """An event `SnapshotArchiveRequested` is not of the documented form. The message names the member.

    The event is in the failure queue, and ArcGIS was not called.
    """

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it. The failure queue keeps this event."


class EventRefused(NotebookArchiveError):
    """EventBridge did not accept an event, also when it was sent again. The message has its code.

    The report is still written and the snapshots are archived. The sender of a webhook was asked to send again.
    """

    reason = "event-refused"
    remedy = "Check that the event bus of EventBusName exists, and that it lets the function's role put events."
