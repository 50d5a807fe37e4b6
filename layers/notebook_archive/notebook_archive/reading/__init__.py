"""Read what the proxy's callers ask for: one snapshot, or the open notebooks."""

from notebook_archive.reading.read_sessions import read_session, read_sessions
from notebook_archive.reading.read_snapshot import SnapshotRead, SnapshotRequest, SnapshotSource, read_snapshot

__all__ = ["SnapshotRead", "SnapshotRequest", "SnapshotSource", "read_session", "read_sessions", "read_snapshot"]
