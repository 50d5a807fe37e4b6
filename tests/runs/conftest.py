"""Define fixtures that make a site for each test. All sites use one local ArcGIS server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from local.arcgis import Item, LocalArcGIS, Seed, User
from local.arcgis.deployment import Kind
from tests.runs.bucket import Bucket, serving
from tests.site import Site
from tests.strict_s3 import StrictS3, make_bucket

type MakeSite = Callable[..., Site]
type Record = Callable[[str, object], None]
SMALL = (User("ana", "ana-password"), User("ben", "ben-password", has_secret=False))


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def make_site(running: LocalArcGIS) -> Iterator[MakeSite]:
    """Make sites from a seed. The bucket is empty at first, and the test fails if it breaks a rule of S3."""
    with mock_aws():
        make_bucket()
        strict = StrictS3()

        def make(seed: Seed | None = None, kind: Kind = "enterprise", **options: Any) -> Site:
            running.reset(seed or Seed.samples())
            return Site(getattr(running, kind), running.ca_bundle, strict, **options)

        yield make
    assert strict.broken == []


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture
def small(make_site: MakeSite) -> Site:
    """Return a site with two notebooks and three snapshots."""
    return make_site(small_seed())


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Yield a bucket that other processes can reach."""
    with serving() as made:
        yield made


def small_seed() -> Seed:
    """Return two notebooks, one for each route. The first has two snapshots, the second has one."""

    def items() -> list[Item]:
        body = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":%d}'
        first, second = Item("ana", "First"), Item("ben", "Second")
        for number, item in enumerate((first, first, second)):
            item.add_snapshot(body % number)
        return [first, second]

    return Seed(SMALL, items)
