"""Receive deliveries of webhooks over HTTPS on this machine, and keep them."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from local.certificates import make_certificates


@dataclass
class Listener:
    """Keeps the method, path, headers and body of each request.

    Responses have the `statuses` in turn. The last status is used for all further responses.
    """

    url: str
    ca_bundle: Path
    statuses: list[int] = field(default_factory=lambda: [202])
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def deliveries(self, count: int) -> list[Any]:
        """Wait until `count` payloads were posted, and return them. Fail after ten seconds."""
        deadline = time.monotonic() + 10
        while len(self._posted()) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        posted = self._posted()
        assert len(posted) == count
        return [json.loads(parse_qs(text)["payload"][0] if text.startswith("payload=") else text) for text in posted]

    def _posted(self) -> list[str]:
        return [body.decode() for method, _, _, body in self.requests if method == "POST" and body]


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[Listener]:
    """Listen until the `with` block ends."""
    certificates = make_certificates(folder)
    listener = Listener("", certificates.ca_bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            listener.requests.append((self.command, self.path, dict(self.headers), body))
            statuses = listener.statuses
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.chain, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        listener.url = f"https://localhost:{server.server_address[1]}/webhooks/path"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()
