"""The archive: a bucket, its keys, and writes that never overwrite a snapshot.

`docs/archive-format.md` is the contract that a restorer relies on.
"""

from notebook_archive.archive.keys import CapturedNote, CopyId, RunId, SeenNote
from notebook_archive.archive.listing import ArchivedNotebook, ContentNotes
from notebook_archive.archive.reader import ArchivedSnapshot, ArchiveReader, OpenedSnapshot
from notebook_archive.archive.store import Archive, CaptureRecord, StoreResult

__all__ = [
    "Archive",
    "ArchiveReader",
    "ArchivedNotebook",
    "ArchivedSnapshot",
    "CaptureRecord",
    "CapturedNote",
    "ContentNotes",
    "CopyId",
    "OpenedSnapshot",
    "RunId",
    "SeenNote",
    "StoreResult",
]
