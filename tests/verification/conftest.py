"""Define fixtures with an archive in a simulated S3."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.strict_s3 import StrictS3, make_bucket, make_ledger_bucket
from tests.verification.scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Yield an archive with nothing in it. The test fails if a call breaks a rule of S3."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        made = Scene(StrictS3())
        yield made
    assert made.s3.broken == []
