"""Compare two notebooks."""

from notebook_archive.notebook.diff.changes import NotebookDiff


def diff_notebooks(before: bytes, after: bytes) -> NotebookDiff:
    """Return what differs between an earlier and a later body of a notebook.

    Raises NotANotebook if one of the bodies is not a notebook; the message says which one.
    """
    raise NotImplementedError
