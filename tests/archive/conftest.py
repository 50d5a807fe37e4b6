"""Provide an archive with an empty bucket and a client that enforces S3's rules."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from notebook_archive.archive import Archive
from tests.archive.seaweedfs import SeaweedFS, StrictSeaweedFS
from tests.strict_s3 import ACCOUNT, BUCKET, StrictS3, make_bucket


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture(params=["moto", pytest.param("seaweedfs", marks=pytest.mark.servers)])
def s3(request: pytest.FixtureRequest) -> Iterator[StrictS3]:
    """A client that enforces S3's rules. A test fails if it breaks one of them."""
    strict: StrictS3
    if request.param == "moto":
        with mock_aws():
            make_bucket()
            strict = StrictS3()
            yield strict
    else:
        server = request.getfixturevalue("seaweedfs")
        strict = StrictSeaweedFS(server)
        yield strict
        server.empty_buckets()
    assert strict.broken == []


@pytest.fixture
def pauses() -> list[float]:
    """The pauses in seconds that the archive's own retries asked for."""
    return []


@pytest.fixture
def archive(s3: StrictS3, pauses: list[float]) -> Archive:
    return Archive(s3.client(), BUCKET, ACCOUNT, sleep=pauses.append, jitter=lambda: 0.5)
