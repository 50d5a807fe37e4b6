"""Test that boto3's errors become our own errors."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError, ReadTimeoutError

from notebook_archive.archive.s3_errors import is_absent, translate_s3_error
from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveError, ArchiveUnavailable


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "CANARY"}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "kind", "absent"),
    [
        (answered("AccessDenied"), ArchiveDenied, False),
        (answered("NoSuchBucket"), ArchiveDenied, False),
        (answered("SlowDown"), ArchiveUnavailable, False),
        (answered("NoSuchKey"), ArchiveUnavailable, True),
        (ReadTimeoutError(endpoint_url="https://CANARY.invalid"), ArchiveUnavailable, False),
        (FlexibleChecksumError(error_msg="CANARY"), ArchiveDamaged, False),
    ],
)
def test_an_error_of_boto3_becomes_one_of_ours(
    error: ClientError | BotoCoreError, kind: type[ArchiveError], absent: bool
) -> None:
    """A body that does not match its checksum is damaged. A retry would not help."""
    found = translate_s3_error(error, "bucket", "the/key")
    assert type(found) is kind
    assert "the/key" in str(found)
    assert "CANARY" not in str(found)
    assert is_absent(error) is absent
