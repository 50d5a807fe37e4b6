"""The archive: a bucket, its keys, and writing to it so that nothing is ever overwritten.  docs/archive-format.md is
its contract."""

from notebook_archive.archive.keys import CaptureMark, CopyId, RunId, Sighting
from notebook_archive.archive.listing import Holding, Present
from notebook_archive.archive.reader import ArchivedSnapshot, ArchiveReader, OpenedSnapshot
from notebook_archive.archive.store import Archive, CaptureRecord, Stored

__all__ = [
    "Archive",
    "ArchiveReader",
    "ArchivedSnapshot",
    "CaptureMark",
    "CaptureRecord",
    "CopyId",
    "Holding",
    "OpenedSnapshot",
    "Present",
    "RunId",
    "Sighting",
    "Stored",
]
