"""Test that the functions' S3 client parses the times of listings and of headers."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from notebook_archive import aws
from notebook_archive.models import ItemId
from notebook_archive.settings import ArchiveSettings
from tests.strict_s3 import ACCOUNT, BUCKET

ITEM = ItemId("a" * 32)


@pytest.mark.usefixtures("functions")
def test_times_in_listings_and_in_headers_are_parsed() -> None:
    """A listing has ISO times, and a header has the date of an email."""
    archive = aws.archive(ArchiveSettings(BUCKET, ACCOUNT))
    archive.put_item_properties(ITEM, {})
    listed = archive.list_one_notebook(ITEM).item_written
    assert listed is not None
    assert timedelta(0) <= datetime.now(UTC) - listed < timedelta(minutes=1)
    header = boto3.client("s3").head_object(
        Bucket=BUCKET, Key=f"notebooks/{ITEM}/item.json", ExpectedBucketOwner=ACCOUNT
    )
    assert header["LastModified"] == listed
