"""Errors of the archive."""

from notebook_archive.errors.base import NotebookArchiveError


class ArchiveError(NotebookArchiveError):
    """S3 did not store or return an object."""


class ArchiveConflict(ArchiveError):
    """The archive has other bytes under this key than ArcGIS sends now. Nothing was overwritten."""

    reason = "archive-conflict"
    remedy = "Compare both bodies: snapshots do not change in ArcGIS, so somebody altered one of the two."


class SnapshotAltered(ArchiveConflict):
    """A snapshot changed in ArcGIS after it was archived. The archive has both bodies.

    The run that finds this is partial; later runs are not. docs/archive-format.md, 'Altered snapshots', has the keys.
    """

    reason = "snapshot-altered"
    remedy = "Find out who altered the snapshot in ArcGIS. Both bodies are archived, so there is nothing else to do."


class ArchiveDamaged(ArchiveError):
    """An archived object does not have the SHA-256 that was noted with it. It was withheld."""

    reason = "archive-damaged"
    remedy = (
        "Restore an earlier version of the object (docs/restore.md), or ask the proxy with source=arcgis. Find out "
        "who altered it."
    )


class ArchiveDenied(ArchiveError):
    """S3 or KMS denied the function's role, or the bucket or the KMS key does not exist."""

    reason = "archive-denied"
    remedy = "Check that the policies of the bucket, of the KMS key and of any VPC endpoint allow the function's role."


class ArchiveUnavailable(ArchiveError):
    """S3 did not answer as it should, and retries did not help."""

    reason = "archive-unavailable"
    remedy = "The next run tries again. If it happens again, check the S3 endpoint and the account's quotas."
