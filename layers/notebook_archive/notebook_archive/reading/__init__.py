"""What callers of the proxy read: one snapshot, or the notebooks that are open."""

from notebook_archive.reading.read_sessions import read_session, read_sessions
from notebook_archive.reading.read_snapshot import SnapshotRead, SnapshotSource, Wanted, read_snapshot

__all__ = ["SnapshotRead", "SnapshotSource", "Wanted", "read_session", "read_sessions", "read_snapshot"]
