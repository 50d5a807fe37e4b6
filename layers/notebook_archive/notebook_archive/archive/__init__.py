"""Read and write the archive: a bucket with defined keys, in which no snapshot is ever overwritten.

`docs/archive-format.md` is the contract for people and programs that restore from the archive.
"""

from notebook_archive.archive.bucket import ListedKey, ListedVersion
from notebook_archive.archive.erasures import Erasures, read_erasures
from notebook_archive.archive.keys import CapturedNote, CopyId, RestoreId, RunId, SeenNote
from notebook_archive.archive.ledger import FoldResult, Ledger, LedgerEntry, Shard, fold
from notebook_archive.archive.listing import ArchivedNotebook, ContentNotes
from notebook_archive.archive.polls import LastPoll, Polls
from notebook_archive.archive.reader import ArchivedSnapshot, ArchiveReader, OpenedSnapshot
from notebook_archive.archive.records import DamagedEvidence, StoredByRun, StoreRecord
from notebook_archive.archive.second_place import SecondPlace
from notebook_archive.archive.store import Archive, CaptureRecord, SpooledLines, StoreResult, spool_lines

__all__ = [
    "Archive",
    "ArchiveReader",
    "ArchivedNotebook",
    "ArchivedSnapshot",
    "CaptureRecord",
    "CapturedNote",
    "ContentNotes",
    "CopyId",
    "DamagedEvidence",
    "Erasures",
    "FoldResult",
    "LastPoll",
    "Ledger",
    "LedgerEntry",
    "ListedKey",
    "ListedVersion",
    "OpenedSnapshot",
    "Polls",
    "RestoreId",
    "RunId",
    "SecondPlace",
    "SeenNote",
    "Shard",
    "SpooledLines",
    "StoreRecord",
    "StoreResult",
    "StoredByRun",
    "fold",
    "read_erasures",
    "spool_lines",
]
