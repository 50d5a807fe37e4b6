"""One local ArcGIS for all these tests, put back to its seed before each; and servers made of bare bytes."""

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
    """The client of each deployment in turn."""
    deployments = {deployment.kind: deployment for deployment in arcgis.deployments}
    return Client(deployments[request.param], arcgis.ca_bundle)


@pytest.fixture
def enterprise(arcgis: LocalArcGIS) -> Client:
    """The client of one deployment, for what does not depend on which."""
    return Client(arcgis.enterprise, arcgis.ca_bundle)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def serve(authority: Authority) -> Iterator[Serve]:
    """Starts servers that answer by a script."""
    with contextlib.ExitStack() as stack:
        context = authority.server()
        yield lambda script: stack.enter_context(Wire(context, script))


@pytest.fixture
def pauses() -> Pauses:
    """The pauses that ``wire`` would have made."""
    return Pauses()


@pytest.fixture
def wire(authority: Authority, pauses: Pauses) -> Transport:
    """A transport for the servers of ``serve``."""
    return transport(authority.pem, pauses)
