"""Errors of a snapshot's body."""

from notebook_archive.errors.base import NotebookArchiveError


class SnapshotInvalid(NotebookArchiveError):
    """The body may not be archived."""


class NotANotebook(SnapshotInvalid):
    """The body is not one complete notebook."""

    reason = "not-a-notebook"
    remedy = "Open the snapshot in ArcGIS. If it is broken there too, delete it; otherwise run again."


class SnapshotTooLarge(SnapshotInvalid):
    """The body is larger than MaxSnapshotMegabytes."""

    reason = "snapshot-too-large"
    remedy = "Raise MaxSnapshotMegabytes, or clear the notebook's outputs before somebody takes a snapshot."
