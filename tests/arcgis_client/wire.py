"""A server that sends any bytes, for answers that a proper HTTP server would never send."""

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class WireRequest:
    """One request as it was received. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the parameters in the URL."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        """Return the parameters in the body."""
        return parse_qs(self.body.decode(), keep_blank_values=True)


# Returns the pieces of the answer to a request. An empty piece closes the connection.
type Script = Callable[[WireRequest], Iterable[bytes]]


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer with its right length, unless the headers give another."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(header.lower().startswith(("content-length:", "transfer-encoding:")) for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + body


def gzip_bomb(megabytes: int) -> bytes:
    """Return a compressed body that becomes that many megabytes of zeros."""
    return gzip.compress(bytes(1_000_000), compresslevel=9) * megabytes


class Wire:
    """An HTTPS server on 127.0.0.1 that answers with a script. Use it as a context manager.

    `requests` are those that it received, and `connections` the number that it accepted.
    """

    def __init__(self, context: ssl.SSLContext, script: Script) -> None:
        self._context = context
        self.script = script
        self.requests: list[WireRequest] = []
        self.connections = 0
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        for connection in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        self._listener.close()

    def wait(self, seconds: float) -> None:
        """Wait these seconds, or until the server ends."""
        self._closing.wait(seconds)

    def drip(self, data: bytes, seconds: float = 0.05) -> Iterator[bytes]:
        """Yield the data byte by byte, until the server ends."""
        for byte in data:
            if self._closing.is_set():
                return
            self.wait(seconds)
            yield bytes([byte])

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="wire", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Otherwise an answer waits 40 ms until the client acknowledges the handshake.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.add(connection)
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, self._context.wrap_socket(connection, server_side=True) as tls:
            self._open.discard(connection)
            self._open.add(tls)
            try:
                with tls.makefile("rb") as stream:
                    while request := _read(stream):
                        self.requests.append(request)
                        for piece in self.script(request):
                            if not piece:
                                return
                            tls.sendall(piece)
            finally:
                self._open.discard(tls)
        self._open.discard(connection)


def _read(stream: Iterable[bytes]) -> WireRequest | None:
    lines = iter(stream)
    first = next(lines, b"").decode()
    if not first:
        return None
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        if line == b"\r\n":
            break
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    return WireRequest(method, target, headers, stream.read(length) if length else b"")  # type: ignore[attr-defined]
