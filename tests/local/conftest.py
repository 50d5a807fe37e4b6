"""One system for the whole session: 200 notebooks, the stack deployed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.arcgis import Seed
from local.system import LocalSystem

NOTEBOOKS = 200
BATCH = 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs MiniStack and a built template."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("local")


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """The system, running. What a test changes in it, the test changes back."""
    with LocalSystem(Seed.many(NOTEBOOKS), {"BatchSize": str(BATCH), "LogLevel": "DEBUG"}) as system:
        yield system
