"""Define fixtures for restores: an archived site, and another portal to restore to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from local.arcgis import Item, LocalArcGIS, Seed, User
from local.arcgis.deployment import Kind
from local.arcgis.seed import SAMPLE_OWNERS
from tests.restore.scene import RestoreScene
from tests.site import Site
from tests.strict_s3 import StrictS3, make_bucket, make_ledger_bucket

type MakeScene = Callable[..., RestoreScene]
OTHERS: dict[Kind, Kind] = {"enterprise": "online", "online": "kubernetes", "kubernetes": "enterprise"}
OWNERS = (
    User("ana", "ana-password"),
    User("ben", "ben-password", has_secret=False),
    User("tester", "tester-password", has_secret=False),
)


def body(number: int, cells: str = "") -> bytes:
    """Return a small notebook, which is different for each number."""
    return b'{"cells":[%s],"metadata":{"number":%d},"nbformat":4,"nbformat_minor":2}' % (cells.encode(), number)


def make_items() -> list[Item]:
    """Return a notebook of ana with two snapshots, and one of ben, who has no secret."""
    first = Item(
        "ana",
        "Flood model",
        body(1),
        folder="Models",
        access="org",
        tags=["hydro", "2026"],
        description="Levels, \N{LATIN SMALL LETTER E WITH ACUTE}",
        groups=("Rivers",),
        type_keywords=["Notebook", "Python", "Flood"],
    )
    first.add_snapshot(body(2))
    first.add_snapshot(body(3, '{"cell_type":"markdown","metadata":{},"source":"# Rivers"}'))
    second = Item("ben", "Second", body(4))
    second.add_snapshot(body(5))
    return [first, second]


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def make_scene(running: LocalArcGIS) -> Iterator[MakeScene]:
    """Make scenes: the notebooks are archived, and the request logs are empty. Nobody has a notebook open."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        strict = StrictS3()

        def make(
            kind: Kind = "enterprise", items: Callable[[], list[Item]] = make_items, **options: Any
        ) -> RestoreScene:
            running.reset(Seed((*OWNERS, *SAMPLE_OWNERS[2:]), items))
            deployment = getattr(running, kind)
            site = Site(deployment, running.ca_bundle, strict, archive_current=True, max_snapshot_bytes=100_000_000)
            assert not site.run()["failed"]
            scene = RestoreScene(site, getattr(running, OTHERS[kind]), **options)
            for each in (deployment, scene.other):
                each.organisation.sessions.clear()
                each.requests.clear()
            return scene

        yield make
    assert strict.broken == []


@pytest.fixture
def scene(make_scene: MakeScene) -> RestoreScene:
    return make_scene()
