"""Translate errors of S3 into our own."""

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveError, ArchiveUnavailable

# Everything that boto3 raises, during a call and while its body is read.
S3_ERRORS = (ClientError, BotoCoreError)

# Codes that stay until somebody changes a permission or a setting. A retry does not help.
_DENIED = frozenset(
    (
        "403",
        "AccessDenied",
        "AllAccessDisabled",
        "InvalidObjectState",
        "KMS.AccessDeniedException",
        "KMS.DisabledException",
        "KMS.KMSInvalidStateException",
        "KMS.NotFoundException",
        "NoSuchBucket",
    )
)
_ABSENT = frozenset(("404", "NoSuchKey", "NotFound"))


def is_absent(error: ClientError | BotoCoreError) -> bool:
    """Return whether S3 says that the object does not exist."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _ABSENT


def translate_s3_error(error: ClientError | BotoCoreError, bucket: str, subject: str) -> ArchiveError:
    """Return our error for one of boto3's. Its message holds S3's code, the key and the bucket, and nothing else."""
    if isinstance(error, FlexibleChecksumError):
        return ArchiveDamaged(f"{subject} does not match the checksum that S3 keeps of it.")
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    error_class = ArchiveDenied if code in _DENIED else ArchiveUnavailable
    return error_class(f"S3 answered {code or 'an error'} for {subject} in bucket {bucket}.")
