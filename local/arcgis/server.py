"""Run the three deployments in one uvicorn server in its own thread. It uses HTTPS and listens on 127.0.0.1 only."""

import asyncio
import contextlib
import logging
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from local.arcgis.deployment import Deployment, Kind
from local.arcgis.routes import list_operation_names, make_application
from local.arcgis.seed import Seed
from local.certificates import Certificates, make_certificates

PORT_COUNT = 5
MAX_START_SECONDS = 10.0


class ArcGISNotStarted(RuntimeError):
    """The server did not start in time."""


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection now. Otherwise TLS waits for clients that keep connections open."""
        await super().shutdown(sockets)
        # uvicorn's list of connections does not contain those in their TLS handshake. asyncio's list does.
        for server in self.servers:
            server.abort_clients()
        await asyncio.sleep(0)


class LocalArcGIS:
    """A local ArcGIS in three deployments. Use it as a context manager.

    It uses five free ports, or `port_base` and the four ports after it. Inside the block, tests may read and change the
    state.
    """

    def __init__(self, seed: Seed | None = None, *, port_base: int | None = None) -> None:
        self._seed = seed or Seed.samples()
        self._port_base = port_base
        self._running = contextlib.ExitStack()
        self.ca_bundle: Path
        self.enterprise: Deployment
        self.online: Deployment
        self.kubernetes: Deployment

    @property
    def deployments(self) -> tuple[Deployment, Deployment, Deployment]:
        """The three deployments, in the order enterprise, online, kubernetes."""
        return self.enterprise, self.online, self.kubernetes

    def reset(self, seed: Seed | None = None) -> None:
        """Reset every deployment to the given seed, or to the first seed. Delete faults, tokens and logged requests."""
        for deployment in self.deployments:
            deployment.reset((seed or self._seed).organisation(deployment.kind))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-arcgis-")))
            self._certificates = make_certificates(folder)
            self.ca_bundle = self._certificates.ca_bundle
            sockets = [stack.enter_context(_listen(port)) for port in self._wanted_ports()]
            self._ports = ports = [each.getsockname()[1] for each in sockets]
            self.enterprise = self._make_deployment("enterprise", ports[0], ports[1])
            self.online = self._make_deployment("online", ports[2], ports[3])
            self.kubernetes = self._make_deployment("kubernetes", ports[4], ports[4])
            for deployment in self.deployments:
                stack.callback(deployment.deliveries.close)
            self._listening = stack.enter_context(contextlib.ExitStack())
            self._listen_on(sockets)
            self._running = stack.pop_all()
        return self

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server for the duration of the block. Afterwards all state is as before, including the tokens."""
        self._listening.close()
        try:
            yield
        finally:
            self._listen_on([self._listening.enter_context(_listen(port)) for port in self._ports])

    def _listen_on(self, sockets: list[socket.socket]) -> None:
        self._listening.enter_context(_serve(make_application(self.deployments), self._certificates, sockets))

    def _make_deployment(self, kind: Kind, portal_port: int, notebook_port: int) -> Deployment:
        organisation = self._seed.organisation(kind)
        return Deployment(kind, organisation, portal_port, notebook_port, list_operation_names(kind))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def _wanted_ports(self) -> range | list[int]:
        return range(self._port_base, self._port_base + PORT_COUNT) if self._port_base else [0] * PORT_COUNT


@contextlib.contextmanager
def _serve(application: ASGIApp, certificates: Certificates, sockets: list[socket.socket]) -> Iterator[None]:
    """Run uvicorn in a thread for the duration of the block. It accepts requests when the block begins."""
    config = uvicorn.Config(
        application,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=0,
        ssl_certfile=certificates.chain,
        ssl_keyfile=certificates.key,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=(sockets,), name="local-arcgis", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + MAX_START_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise ArcGISNotStarted
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _listen(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only if the socket names TCP. Otherwise each response waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener
