"""Define the errors of a snapshot's body."""

from notebook_archive.errors.base import NotebookArchiveError


class SnapshotInvalid(NotebookArchiveError):
    """The body cannot be archived."""


class NotANotebook(SnapshotInvalid):
    """The body from ArcGIS is not one complete notebook. Nothing was stored.

    The body is cut short, is not JSON, or has no `nbformat` or no `cells`.
    """

    reason = "not-a-notebook"
    remedy = (
        "Open the notebook or snapshot in ArcGIS. If ArcGIS can open it, start again. Otherwise, delete the snapshot "
        "in ArcGIS, or choose another version."
    )


class SnapshotTooLarge(SnapshotInvalid):
    """The snapshot is larger than `MaxSnapshotMegabytes`, or the function's disk is full. Nothing was stored."""

    reason = "snapshot-too-large"
    remedy = "Raise MaxSnapshotMegabytes, or clear the notebook's outputs before somebody takes a snapshot."
