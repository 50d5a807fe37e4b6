"""The differences of two notebooks: which cells were added, removed, changed, moved, or only run again."""

from notebook_archive.notebook.diff.changes import (
    AttachmentChange,
    CellChange,
    CellKind,
    ChangeKind,
    Counts,
    LineChange,
    MetadataChange,
    NotebookDiff,
    OutputChange,
)
from notebook_archive.notebook.diff.comparing import diff_notebooks

__all__ = [
    "AttachmentChange",
    "CellChange",
    "CellKind",
    "ChangeKind",
    "Counts",
    "LineChange",
    "MetadataChange",
    "NotebookDiff",
    "OutputChange",
    "diff_notebooks",
]
