"""Translate boto3's errors for S3 calls into the errors of this package."""

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveError, ArchiveUnavailable

# The base classes of all errors that boto3 raises, during a call and while a body is read.
S3_ERRORS = (ClientError, BotoCoreError)

# Error codes that no retry cures. Somebody must change a permission or a setting first.
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
# Codes for a version id that S3 does not have, that has another form, or that is the id of a delete marker.
_NO_VERSION = frozenset(("405", "InvalidArgument", "MethodNotAllowed", "NoSuchVersion"))


def is_absent(error: ClientError | BotoCoreError) -> bool:
    """Return whether the error means that the object does not exist."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _ABSENT


def is_no_version(error: ClientError | BotoCoreError) -> bool:
    """Return whether the error means that the object has no S3 version with the requested id."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _NO_VERSION


def translate_s3_error(error: ClientError | BotoCoreError, bucket: str, subject: str) -> ArchiveError:
    """Return our error for a boto3 error. Its message contains only S3's error code, the key and the bucket."""
    if isinstance(error, FlexibleChecksumError):
        return ArchiveDamaged(f"{subject} does not match the checksum that S3 stores with it.")
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    error_class = ArchiveDenied if code in _DENIED else ArchiveUnavailable
    return error_class(f"S3 returned {code or 'an error without a code'} for {subject} in bucket {bucket}.")
