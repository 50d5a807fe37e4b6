"""Errors of the archive, which is in S3."""

from notebook_archive.errors.base import NotebookArchiveError


class ArchiveError(NotebookArchiveError):
    """S3 did not take or give an object."""


class ArchiveConflict(ArchiveError):
    """The archive holds other bytes under this key than ArcGIS sends now. Nothing was overwritten."""

    reason = "archive-conflict"
    remedy = "Compare both: ArcGIS snapshots do not change, so one of the two was altered."


class SnapshotAltered(ArchiveConflict):
    """A snapshot changed in ArcGIS after it was archived. The archive has both bodies.

    The run that finds it is partial; later runs are not. docs/archive-format.md, 'Altered snapshots', has the keys.
    """

    reason = "snapshot-altered"
    remedy = "Find out who altered the snapshot in ArcGIS. Both bodies are archived, so nothing else needs to be done."


class ArchiveDamaged(ArchiveError):
    """What was read from the archive does not have the SHA-256 that was noted with it. It was withheld."""

    reason = "archive-damaged"
    remedy = "Read an earlier version of the object, or ask the proxy with source=arcgis; find out who altered it."


class ArchiveDenied(ArchiveError):
    """S3 or KMS refused the function's role, or there is no such bucket or key."""

    reason = "archive-denied"
    remedy = "Check the bucket's policy, the KMS key's policy and any endpoint policy against the function's role."


class ArchiveUnavailable(ArchiveError):
    """S3 did not answer well within its retries."""

    reason = "archive-unavailable"
    remedy = "The next run tries again; check the S3 endpoint and the account's quotas if it recurs."
