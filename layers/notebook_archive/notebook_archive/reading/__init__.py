"""What the proxy reads for its callers: one snapshot, or the notebooks that are open."""

from notebook_archive.reading.read_sessions import read_session, read_sessions
from notebook_archive.reading.read_snapshot import SnapshotRead, SnapshotRequest, SnapshotSource, read_snapshot

__all__ = ["SnapshotRead", "SnapshotRequest", "SnapshotSource", "read_session", "read_sessions", "read_snapshot"]
