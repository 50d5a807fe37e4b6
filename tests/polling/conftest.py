"""Define a scene for polls: a site whose time is simulated, and an event bus that keeps what it gets."""

from collections.abc import Iterator

import pytest

from local.arcgis import LocalArcGIS, Seed
from tests.polling.scene import MakeScene, make_scenes


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def make_scene(running: LocalArcGIS) -> Iterator[MakeScene]:
    """Make scenes from a number of notebooks. Notebook 0 was changed first, and the last one last."""
    with make_scenes(running) as make:
        yield make
