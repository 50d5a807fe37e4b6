"""What S3 refuses, by name."""

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveError, ArchiveUnavailable

S3_ERRORS = (ClientError, BotoCoreError)
"""All that boto3 raises, of a call and while its body is read."""

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
"""Codes that no waiting mends."""
_ABSENT = frozenset(("404", "NoSuchKey", "NotFound"))


def is_absent(error: ClientError | BotoCoreError) -> bool:
    """Return whether S3 says that there is no such object."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _ABSENT


def translate_s3_error(error: ClientError | BotoCoreError, bucket: str, what: str) -> ArchiveError:
    """Return our error for one of boto3's, made of S3's code and the key alone."""
    if isinstance(error, FlexibleChecksumError):
        return ArchiveDamaged(f"{what} is not what S3's own checksum says.")
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    known = ArchiveDenied if code in _DENIED else ArchiveUnavailable
    return known(f"S3 answered {code or 'an error'} for {what} in bucket {bucket}.")
