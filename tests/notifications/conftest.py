"""Define a fixture with a notifier, its archive and its topics in simulated AWS."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.notifications.operators import Operators
from tests.strict_s3 import StrictS3, make_bucket, make_ledger_bucket


@pytest.fixture
def operators() -> Iterator[Operators]:
    """Yield operators who have read everything. The test fails if a call breaks a rule of S3."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        made = Operators(StrictS3())
        yield made
    assert made.s3.broken == []
