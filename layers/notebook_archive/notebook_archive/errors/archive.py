"""Errors of the archive."""

from notebook_archive.errors.base import NotebookArchiveError


class ArchiveError(NotebookArchiveError):
    """S3 did not store or return an object."""


class ArchiveConflict(ArchiveError):
    """The key already holds other bytes. They were kept."""

    reason = "archive-conflict"
    remedy = "Compare both bodies: snapshots do not change in ArcGIS, so somebody altered one of the two."


class SnapshotAltered(ArchiveConflict):
    """ArcGIS serves another body under the key of an archived snapshot. The archive has both."""

    reason = "snapshot-altered"
    remedy = "Find out who altered the snapshot in ArcGIS. Both bodies are archived, so there is nothing else to do."


class ArchiveDamaged(ArchiveError):
    """An archived object does not have the SHA-256 that was noted when it was archived."""

    reason = "archive-damaged"
    remedy = (
        "Restore an earlier version of the object (docs/restore.md), or ask the proxy with source=arcgis. Find out "
        "who altered it."
    )


class ArchiveDenied(ArchiveError):
    """S3 or KMS denied the function's role."""

    reason = "archive-denied"
    remedy = "Check that the policies of the bucket, of the KMS key and of any VPC endpoint allow the function's role."


class ArchiveUnavailable(ArchiveError):
    """S3 did not answer as it should, and retries did not help."""

    reason = "archive-unavailable"
    remedy = "The next run tries again. If it happens again, check the S3 endpoint and the account's quotas."
