"""Errors of runs, of requests for a backup, and of events."""

from notebook_archive.errors.base import NotebookArchiveError


class RunInputInvalid(NotebookArchiveError):
    """The input of a run has an unknown field, or `itemIds` is not a list, is empty, or contains an id twice.

    Nothing was planned.
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

    It is in the failure queue, and nothing was asked of ArcGIS.
    """

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it. The failure queue keeps this event."


class EventRefused(NotebookArchiveError):
    """EventBridge did not accept an event, even when it was sent again. The message has its code.

    The report is still written and the snapshots are archived. A webhook's sender was asked to send again.
    """

    reason = "event-refused"
    remedy = "Check that the event bus of EventBusName exists, and that it lets the function's role put events."
