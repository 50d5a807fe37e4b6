"""Define the errors of the archive."""

from notebook_archive.errors.base import NotebookArchiveError


class ArchiveError(NotebookArchiveError):
    """S3 did not store or return an object."""


class ArchiveConflict(ArchiveError):
    """The archived bytes under this key differ from those that ArcGIS sends now. Nothing was overwritten."""

    reason = "archive-conflict"
    remedy = "Compare both bodies. Snapshots do not change in ArcGIS, so somebody altered one of the two."


class SnapshotAltered(ArchiveConflict):
    """A snapshot changed in ArcGIS after it was archived. The archive has both bodies.

    The run that finds the change is partial, but later runs are not. 'Altered snapshots' in docs/archive-format.md
    describes the keys.
    """

    reason = "snapshot-altered"
    remedy = "Find out who altered the snapshot in ArcGIS. Both bodies are archived, so there is nothing else to do."


class ArchiveDamaged(ArchiveError):
    """An archived object does not have the SHA-256 that was recorded with it. Its content was not returned."""

    reason = "archive-damaged"
    remedy = (
        "Restore an earlier version of the object (docs/restore.md), or request the snapshot from the proxy with "
        "source=arcgis. Find out who altered the object."
    )


class ArchiveDenied(ArchiveError):
    """S3 or KMS denied the function's role, or the bucket or the KMS key does not exist."""

    reason = "archive-denied"
    remedy = "Check that the policies of the bucket, the KMS key and any VPC endpoint allow the function's role."


class ArchiveUnavailable(ArchiveError):
    """S3 did not respond as expected, and retries did not help."""

    reason = "archive-unavailable"
    remedy = "The next run repeats the backup. If the error returns, check the S3 endpoint and the account's quotas."
