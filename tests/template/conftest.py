"""Fixtures: the output of `sam build`, made once for all tests of this folder, and its layers for this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import architecture, build


@pytest.fixture(scope="session")
def built() -> Iterator[Path]:
    """Yield the folder with the output of `sam build`. Nothing rebuilds it during the tests."""
    with build() as template:
        yield template.parent


@pytest.fixture(scope="session")
def layer(built: Path) -> Path:
    """Return the built layer for this machine's processor."""
    return built / {"arm64": "LayerArm64", "x86_64": "LayerX8664"}[architecture()]


@pytest.fixture(scope="session")
def pages(built: Path) -> Path:
    """Return the built layer with the libraries for pages, for this machine's processor."""
    return built / {"arm64": "LayerPagesArm64", "x86_64": "LayerPagesX8664"}[architecture()]
