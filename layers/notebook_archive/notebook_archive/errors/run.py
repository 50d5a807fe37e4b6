"""Errors of runs, of requests for a backup, and of events."""

from notebook_archive.errors.base import NotebookArchiveError


class RunInputInvalid(NotebookArchiveError):
    """The input of a run has an unknown field, or item ids that cannot be used."""

    reason = "run-input-invalid"
    remedy = 'Start the run again with {} for every notebook, or {"itemIds": [...]} for some, each id once.'


class RunIdTaken(NotebookArchiveError):
    """Another execution with the same name and date uses this archive, for example one of another stack."""

    reason = "run-id-taken"
    remedy = "Start the run again under another name. The objects of the other run were not changed."


class RequestInvalid(NotebookArchiveError):
    """The detail of an event that asks for a backup has a missing or wrong member."""

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it. The failure queue keeps this event."


class EventRefused(NotebookArchiveError):
    """EventBridge did not accept an event."""

    reason = "event-refused"
    remedy = "Check that the event bus of EventBusName exists, and that it lets the function's role put events."
