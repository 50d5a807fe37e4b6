"""The archive: a bucket, its keys, and writing to it so that nothing is ever overwritten.  docs/archive-format.md is
its contract."""

from notebook_archive.archive.holdings import Holding, Present
from notebook_archive.archive.keys import CaptureMark, CopyId, RunId, Sighting
from notebook_archive.archive.shelf import ArchivedSnapshot, Shelf
from notebook_archive.archive.store import Archive, Made, Stored

__all__ = [
    "Archive",
    "ArchivedSnapshot",
    "CaptureMark",
    "CopyId",
    "Holding",
    "Made",
    "Present",
    "RunId",
    "Shelf",
    "Sighting",
    "Stored",
]
