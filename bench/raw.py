"""A raw copy for comparison: receive a body over TLS, hash it, and send it over TLS.

It uses plain sockets, keeps nothing, checks nothing and repeats nothing. No archive with a checksum can do less.
"""

import os
import socket
import ssl
from hashlib import sha256
from urllib.parse import SplitResult, urlencode, urlsplit

from bench.naive import REFERER, Naive

_BUFFER_BYTES = 262_144
_HEAD_END = b"\r\n\r\n"


class RawCopy:
    """Copies snapshots of a deployment into the bucket. It connects to each of the two servers once.

    `peer` describes the deployment. The endpoint and the CA of AWS come from the environment.
    """

    def __init__(self, peer: Naive) -> None:
        self._bucket = peer.bucket
        self._arcgis, self._aws = urlsplit(peer.notebook_admin_url), urlsplit(os.environ["AWS_ENDPOINT_URL"])
        self._source = _connect(self._arcgis, peer.ca)
        self._target = _connect(self._aws, os.environ["AWS_CA_BUNDLE"])
        self._buffer = bytearray(_BUFFER_BYTES)

    def copy_snapshot(self, item_id: str, key: str, token: str) -> None:
        """Copy a snapshot, and hash it on the way."""
        form = urlencode({"itemId": item_id, "resourceKey": key, "token": token, "f": "json"}).encode()
        self._source.sendall(
            f"POST {self._arcgis.path}/notebooks/snapshots/download HTTP/1.1\r\nHost: {self._arcgis.netloc}\r\n"
            f"Referer: {REFERER}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n".encode()
            + form
        )
        head, start = self._receive_head(self._source)
        (length,) = (int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        self._target.sendall(
            f"PUT /{self._bucket}/{item_id}/{key} HTTP/1.1\r\nHost: {self._aws.netloc}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
            + start
        )
        digest, left, view = sha256(start), length - len(start), memoryview(self._buffer)
        while left:
            received = self._source.recv_into(view)
            digest.update(view[:received])
            self._target.sendall(view[:received])
            left -= received
        self._receive_head(self._target)

    def _receive_head(self, server: ssl.SSLSocket) -> tuple[bytes, bytes]:
        """Return the head of a response, and the bytes of the body that came with it."""
        received = b""
        while _HEAD_END not in received:
            received += server.recv(_BUFFER_BYTES)
        head, _, body = received.partition(_HEAD_END)
        if head.split(maxsplit=2)[1] != b"200":
            raise RuntimeError(f"The raw copy failed: {head.decode('latin-1')}")
        return head, body


def _connect(server: SplitResult, ca: str) -> ssl.SSLSocket:
    assert server.hostname is not None
    context = ssl.create_default_context(cafile=ca)
    return context.wrap_socket(
        socket.create_connection((server.hostname, server.port)), server_hostname=server.hostname
    )
