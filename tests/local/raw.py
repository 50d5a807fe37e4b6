"""HTTP requests byte by byte: what a client library would clean up on its way arrives as it was written."""

import io
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from urllib.parse import urlsplit

from local.system import LocalSystem

SECONDS = 60


@dataclass(frozen=True)
class RawAnswer:
    """One answer. `rest` is what came after it, which is nothing unless somebody smuggled a second request."""

    status: int
    headers: Message
    body: bytes
    rest: bytes


class _Received(io.BytesIO):
    """Bytes, to a reader of HTTP that wants a socket and closes it after one answer."""

    def makefile(self, _mode: str) -> io.BytesIO:
        """Return them as they are."""
        return self

    def close(self) -> None:
        """Stay open, for what comes after the answer."""


def exchange(
    system: LocalSystem, method: str, target: bytes, headers: Iterable[bytes] = (), body: bytes = b""
) -> RawAnswer:
    """Send one request to the proxy's address, `target` being what follows the base URL's path, and read until the end.

    `Host`, and `Content-Length` where the headers say nothing of a length, are added.
    """
    endpoint = urlsplit(system.aws.endpoint_url)
    base = urlsplit(system.api_base_url).path.encode()
    lines = [method.encode() + b" " + base + target + b" HTTP/1.1", *headers, b"Connection: close"]
    names = {line.partition(b":")[0].lower() for line in lines[1:]}
    if b"host" not in names:
        lines.append(b"Host: " + endpoint.netloc.encode())
    if body and not names & {b"content-length", b"transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    assert endpoint.hostname
    with socket.create_connection((endpoint.hostname, endpoint.port), timeout=SECONDS) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    source = _Received(received)
    answer = HTTPResponse(source, method=method)  # type: ignore[arg-type]
    answer.begin()
    return RawAnswer(answer.status, answer.headers, answer.read(), source.read())
