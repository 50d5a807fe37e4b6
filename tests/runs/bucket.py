"""Serve a bucket for processes that are killed. It has only the part of S3's HTTP interface that a run needs."""

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Bucket:
    """A bucket that stores only complete objects, and can kill the worker process.

    `kill` contains a kind of object, and the number of bytes of its body after which the worker is killed. The number
    -1 kills the worker after the object was stored.
    """

    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    kill: tuple[str, int] | None = None
    worker: int = 0
    address: str = ""
    settled: threading.Event = field(default_factory=threading.Event)

    def kills(self, key: str, received: int) -> bool:
        if not self.kill or self.kill[0] not in key or self.kill[1] != received:
            return False
        os.kill(self.worker, signal.SIGKILL)
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_HEAD(self) -> bytes:
        if self.path not in self.bucket.objects:
            self._answer(404)
            return b""
        body, headers = self.bucket.objects[self.path]
        kept = {name: value for name, value in headers.items() if name.lower().startswith("x-amz-")}
        self._answer(200, {**kept, "Content-Length": str(len(body)), "ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        return body

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if "list-type=2" in address.query:
            body = self._listing(f"{address.path}/", parse_qs(address.query).get("prefix", [""])[0])
            self._answer(200, {"Content-Length": str(len(body)), "Content-Type": "application/xml"})
            self.wfile.write(body)
        else:
            self.wfile.write(self.do_HEAD())

    def _listing(self, bucket: str, prefix: str) -> bytes:
        """Return one page with all keys that begin with the prefix, each written just now."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        entries = "".join(
            f"<Contents><Key>{escape(path.removeprefix(bucket))}</Key><LastModified>{now}</LastModified>"
            f"<Size>{len(body)}</Size></Contents>"
            for path, (body, _) in sorted(dict(self.bucket.objects).items())
            if path.startswith(bucket + prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def do_PUT(self) -> None:
        length, killed = int(self.headers["Content-Length"]), False
        first = max(self.bucket.kill[1], 0) if self.bucket.kill and self.bucket.kill[0] in self.path else 0
        body = self.rfile.read(min(first, length))
        killed = self.bucket.kills(self.path, len(body))
        with suppress(ConnectionError):  # a killed process may end its connection like this
            body += self.rfile.read(length - len(body))
        if len(body) == length and self.headers.get("If-None-Match") == "*" and self.path in self.bucket.objects:
            self._answer(412)
            return
        if len(body) == length:
            self.bucket.objects[self.path] = (body, dict(self.headers.items()))
        killed = killed or self.bucket.kills(self.path, -1)
        self.bucket.settled.set()
        self.close_connection = killed
        if not killed:
            checksum = self.headers.get("x-amz-checksum-sha256")
            self._answer(200, {"x-amz-checksum-sha256": checksum} if checksum else None)


@contextmanager
def serving() -> Iterator[Bucket]:
    """Serve a new bucket on 127.0.0.1."""
    made = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"bucket": made}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
