"""Provide one local ArcGIS, which is reset before each test, and servers that send any bytes."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.arcgis import LocalArcGIS, Seed
from notebook_archive.arcgis.transport import Transport
from tests.arcgis_client.certificates import Authority
from tests.arcgis_client.client import Client, Pauses, transport
from tests.arcgis_client.wire import Script, Wire

type Serve = Callable[[Script], Wire]


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def arcgis(running: LocalArcGIS) -> LocalArcGIS:
    running.reset()
    return running


@pytest.fixture(params=["enterprise", "online", "kubernetes"])
def client(arcgis: LocalArcGIS, request: pytest.FixtureRequest) -> Client:
    """Return the client of each deployment in turn."""
    deployments = {deployment.kind: deployment for deployment in arcgis.deployments}
    return Client(deployments[request.param], arcgis.ca_bundle)


@pytest.fixture
def enterprise(arcgis: LocalArcGIS) -> Client:
    """Return the client of one deployment, for tests that need only one."""
    return Client(arcgis.enterprise, arcgis.ca_bundle)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def serve(authority: Authority) -> Iterator[Serve]:
    """Yield a function that starts servers with a script."""
    with contextlib.ExitStack() as stack:
        context = authority.server()
        yield lambda script: stack.enter_context(Wire(context, script))


@pytest.fixture
def pauses() -> Pauses:
    """Return the pauses that `wire` would have made."""
    return Pauses()


@pytest.fixture
def wire(authority: Authority, pauses: Pauses) -> Transport:
    """Return a transport for the servers of `serve`."""
    return transport(authority.pem, pauses)
