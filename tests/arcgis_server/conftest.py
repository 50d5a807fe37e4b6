"""Fixtures: one server for all tests in this folder. Each test starts with the unchanged sample items."""

from collections.abc import Iterator
from typing import Literal

import pytest

from local.arcgis import Deployment, LocalArcGIS, Seed
from tests.arcgis_server.client import Client

type Kind = Literal["enterprise", "online", "kubernetes"]


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def arcgis(running: LocalArcGIS) -> LocalArcGIS:
    running.reset()
    return running


def _client(arcgis: LocalArcGIS, deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment, str(arcgis.ca_bundle))
    with client.session:
        yield client


@pytest.fixture
def enterprise(arcgis: LocalArcGIS) -> Iterator[Client]:
    yield from _client(arcgis, arcgis.enterprise)


@pytest.fixture
def online(arcgis: LocalArcGIS) -> Iterator[Client]:
    yield from _client(arcgis, arcgis.online)


@pytest.fixture
def kubernetes(arcgis: LocalArcGIS) -> Iterator[Client]:
    yield from _client(arcgis, arcgis.kubernetes)


@pytest.fixture(params=["enterprise", "online", "kubernetes"])
def each(arcgis: LocalArcGIS, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client for each deployment in turn, for behaviour that is the same in all of them."""
    deployments = {deployment.kind: deployment for deployment in arcgis.deployments}
    yield from _client(arcgis, deployments[request.param])
