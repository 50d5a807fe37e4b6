"""Runs the three deployments in one uvicorn server on a thread of its own, HTTPS on 127.0.0.1 only."""

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
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from local.arcgis.certificates import Certificates, make_certificates
from local.arcgis.control import Control
from local.arcgis.deployment import Deployment
from local.arcgis.seed import Seed

PORTS = 5
START_TIMEOUT = 10.0


class ArcGISNotStarted(RuntimeError):
    """The server did not answer in time."""


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends at once: a TLS connection would wait for a client that keeps it in a pool to say goodbye."""
        await super().shutdown(sockets)
        for server in self.servers:  # not uvicorn's own connections: those amid their handshake are not among them
            server.abort_clients()
        await asyncio.sleep(0)


class LocalArcGIS:
    """A local ArcGIS in three deployments, to be used as a context manager.

    The ports are free ones, or `port_base` and the four after it. Inside the block the state may be read and changed.
    """

    def __init__(self, seed: Seed | None = None, *, port_base: int | None = None) -> None:
        self._seed = seed or Seed.varied()
        self._port_base = port_base
        self._running = contextlib.ExitStack()
        self.ca_bundle: Path
        self.enterprise: Deployment
        self.online: Deployment
        self.kubernetes: Deployment

    @property
    def deployments(self) -> tuple[Deployment, Deployment, Deployment]:
        """The three, in the order enterprise, online, kubernetes."""
        return self.enterprise, self.online, self.kubernetes

    def reset(self, seed: Seed | None = None) -> None:
        """Puts every deployment back to the seed, or to another one: no faults, no tokens, no recorded requests."""
        for deployment in self.deployments:
            deployment.reset((seed or self._seed).organisation(deployment.kind))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-arcgis-")))
            self._certificates = make_certificates(folder)
            self.ca_bundle = self._certificates.ca_bundle
            sockets = [stack.enter_context(_listen(port)) for port in self._wanted_ports()]
            self._ports = ports = [each.getsockname()[1] for each in sockets]
            self.enterprise = Deployment("enterprise", self._seed.organisation("enterprise"), ports[0], ports[1])
            self.online = Deployment("online", self._seed.organisation("online"), ports[2], ports[3])
            self.kubernetes = Deployment("kubernetes", self._seed.organisation("kubernetes"), ports[4], ports[4])
            for deployment in self.deployments:
                stack.callback(deployment.deliveries.close)
            self._listening = stack.enter_context(contextlib.ExitStack())
            self._answer_at(sockets)
            self._running = stack.pop_all()
        return self

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing answer while the block lasts. Afterwards everything is as it was, tokens included."""
        self._listening.close()
        try:
            yield
        finally:
            self._answer_at([self._listening.enter_context(_listen(port)) for port in self._ports])

    def _answer_at(self, sockets: list[socket.socket]) -> None:
        self._listening.enter_context(_serving(_by_port(self.deployments), self._certificates, sockets))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def _wanted_ports(self) -> range | list[int]:
        return range(self._port_base, self._port_base + PORTS) if self._port_base else [0] * PORTS


@contextlib.contextmanager
def _serving(application: ASGIApp, certificates: Certificates, sockets: list[socket.socket]) -> Iterator[None]:
    """Runs uvicorn on a thread; it answers when the block begins, and is gone when the block has ended."""
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
        deadline = time.monotonic() + START_TIMEOUT
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise ArcGISNotStarted
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _by_port(deployments: tuple[Deployment, ...]) -> ASGIApp:
    """One application that hands each request to the routes of the port it came in by."""
    routers: dict[int, Router] = {}
    for deployment in deployments:
        for port, routes in deployment.routes().items():
            control: list[Route] = Control(deployment).routes() if port == deployment.portal_port else []
            routers[port] = Router([*routes, *control], redirect_slashes=False, default=deployment.nothing_here())

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await routers[scope["server"][1]](scope, receive, send)

    return application
