"""The use cases: plan a run, archive a batch of notebooks, report on the run; read a snapshot or open
notebooks for a caller; rotate a token."""

from notebook_archive.pipeline.archive_requests import archive_requests, told
from notebook_archive.pipeline.batch import archive_batch
from notebook_archive.pipeline.outcomes import logged, problem
from notebook_archive.pipeline.plan import plan_run, read_item_ids, scope_of
from notebook_archive.pipeline.read_sessions import read_session, read_sessions
from notebook_archive.pipeline.read_snapshot import Counter, SnapshotRead, Wanted, read_snapshot
from notebook_archive.pipeline.report import figures, report_run
from notebook_archive.pipeline.rotate_token import Mint, rotate_token

__all__ = [
    "Counter",
    "Mint",
    "SnapshotRead",
    "Wanted",
    "archive_batch",
    "archive_requests",
    "figures",
    "logged",
    "plan_run",
    "problem",
    "read_item_ids",
    "read_session",
    "read_sessions",
    "read_snapshot",
    "report_run",
    "rotate_token",
    "scope_of",
    "told",
]
