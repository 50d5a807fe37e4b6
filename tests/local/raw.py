"""Send HTTP requests byte by byte. A client library would correct or refuse some of them."""

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
    """One response. `rest` contains the bytes after it. It is empty unless a second request was smuggled in."""

    status: int
    headers: Message
    body: bytes
    rest: bytes


class _Received(io.BytesIO):
    """Bytes with the methods of a socket, for an HTTP reader that closes its socket after one response."""

    def makefile(self, _mode: str) -> io.BytesIO:
        """Return this object."""
        return self

    def close(self) -> None:
        """Do nothing, so that the bytes after the response can still be read."""


def exchange(
    system: LocalSystem, method: str, target: bytes, headers: Iterable[bytes] = (), body: bytes = b""
) -> RawAnswer:
    """Send one request to the proxy and read everything that it sends.

    `target` follows the path of the base URL. `Host` is added if the headers do not contain it. So is `Content-Length`
    if there is a body and the headers contain neither a length nor a transfer encoding.
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
