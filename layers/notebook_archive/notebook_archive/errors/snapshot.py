"""Errors of a snapshot's body."""

from notebook_archive.errors.base import NotebookArchiveError


class SnapshotInvalid(NotebookArchiveError):
    """The body may not be stored."""


class NotANotebook(SnapshotInvalid):
    """The body is not one complete notebook; says what is missing, not what it holds."""

    reason = "not-a-notebook"
    remedy = "Open the snapshot in ArcGIS; if it is broken there too, delete it, else run again."


class SnapshotTooLarge(SnapshotInvalid):
    """The body is larger than the parameter allows."""

    reason = "snapshot-too-large"
    remedy = "Raise MaxSnapshotMegabytes, or clear the notebook's outputs before taking snapshots."
