"""Errors of runs, of requests for a backup, and of events."""

from notebook_archive.errors.base import NotebookArchiveError


class RunInputInvalid(NotebookArchiveError):
    """The input of a run is not valid; the message names the field and what is allowed."""

    reason = "run-input-invalid"
    remedy = 'Start the run again with {} for every notebook, or {"itemIds": [...]} for some, each id once.'


class RunIdTaken(NotebookArchiveError):
    """Another execution with this name and date uses the same archive, for example one of another stack."""

    reason = "run-id-taken"
    remedy = "Start the run again under another name; the objects of the other run were left as they are."


class RequestInvalid(NotebookArchiveError):
    """Says which member of the event's detail is missing or of a wrong type."""

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it; this one is kept in the failure queue."


class EventRefused(NotebookArchiveError):
    """EventBridge did not take an event; says which code it answered."""

    reason = "event-refused"
    remedy = "Check that the event bus of EventBusName exists and lets the function's role put events."
