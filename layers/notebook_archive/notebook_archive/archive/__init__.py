"""The archive: a bucket, its keys, and writing to it so that nothing is ever overwritten.  docs/archive-format.md is
its contract."""

from notebook_archive.archive.keys import RunId
from notebook_archive.archive.shelf import ArchivedSnapshot, Shelf
from notebook_archive.archive.store import Archive, Holding, Stored

__all__ = ["Archive", "ArchivedSnapshot", "Holding", "RunId", "Shelf", "Stored"]
