"""Systems for the whole session, each deployed once, if a test asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.arcgis import Seed
from local.system import WEBHOOK_SECRET, LocalSystem

NOTEBOOKS = 200
BATCH = 20
ASKED_NOTEBOOKS = 20
SNAPSHOTS_ALONE = {"ArchiveCurrent": "false"}
"""For tests of the ways that snapshots take; test_current.py has the default, and so has the demonstration."""
UNTHROTTLED = {"ApiRateLimit": "10000", "ApiBurstLimit": "5000"}
"""MiniStack throttles as API Gateway does, and thousands of requests are sent here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs MiniStack and a built template."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("local")


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """The system, running. What a test changes in it, the test changes back."""
    parameters = {"BatchSize": str(BATCH), "LogLevel": "DEBUG", **SNAPSHOTS_ALONE, **UNTHROTTLED}
    with LocalSystem(Seed.many(NOTEBOOKS), parameters) as system:
        yield system


@pytest.fixture(scope="session")
def open_system() -> Iterator[LocalSystem]:
    """A system whose HTTP proxy asks callers for ArcGIS tokens, with the sample notebooks."""
    with LocalSystem(Seed.samples(), {"ApiAuth": "ArcGIS", "LogLevel": "DEBUG", **UNTHROTTLED}) as system:
        yield system


@pytest.fixture(scope="session")
def asked() -> Iterator[LocalSystem]:
    """A system without runs. Events ask for backups; webhooks do too, after one is registered."""
    parameters = {"WebhookSecret": WEBHOOK_SECRET, "LogLevel": "DEBUG"}
    with LocalSystem(Seed.many(ASKED_NOTEBOOKS), parameters) as system:
        yield system
