"""A worker that is killed leaves none or one complete object, and the next run brings the archive to the same state."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.arcgis import Item, LocalArcGIS, Seed, Snapshot
from tests.pipeline.archiver import archive
from tests.pipeline.conftest import SMALL
from tests.strict_s3 import BUCKET

ROOT = Path(__file__).parents[2]
BODY = b'{"cells":["' + b"x" * 12_000_000 + b'"],"nbformat":4}'
"""Far more than socket buffers hold, so that a worker that is killed has not sent it all; and it waits on disk."""


@dataclass
class Bucket:
    """A bucket that takes what arrives whole and kills the worker where it is told to.

    ``kill`` is the kind of object and the bytes of its body after which the worker dies; -1 is after it was stored.
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

    def do_HEAD(self) -> None:
        body, headers = self.bucket.objects[self.path]
        kept = {name: value for name, value in headers.items() if name.lower().startswith("x-amz-")}
        self._answer(200, {**kept, "Content-Length": str(len(body))})

    def do_PUT(self) -> None:
        length, killed = int(self.headers["Content-Length"]), False
        first = max(self.bucket.kill[1], 0) if self.bucket.kill and self.bucket.kill[0] in self.path else 0
        body = self.rfile.read(min(first, length))
        killed = self.bucket.kills(self.path, len(body))
        with suppress(ConnectionError):  # so may the connection of a killed process end
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
            self._answer(200)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"bucket": made}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kill", "stored"),
    [
        (("snapshots", 0), 0),
        (("snapshots", 65_536), 0),
        (("snapshots", 6_000_000), 0),
        (("snapshots", -1), 1),
        (("item.json", 0), 1),
        (("outcomes", -1), 1),
    ],
)
def test_a_killed_worker_leaves_none_or_one_complete_object(
    running: LocalArcGIS, bucket: Bucket, kill: tuple[str, int], stored: int
) -> None:
    running.reset(Seed(SMALL, lambda: [Item("ana", "Large", snapshots=[Snapshot("One", BODY)])]))
    (item,) = running.enterprise.organisation.notebooks()
    admin = running.enterprise.admin
    properties = {"id": item.id, "title": item.title}
    planned = {"itemId": item.id, "title": "Large", "owner": "ana", "archived": "", "item": properties}
    told = {
        "ca": running.ca_bundle.read_text(),
        "portal": running.enterprise.portal_url,
        "secret": json.dumps({"username": admin.username, "password": admin.password}),
        "s3": bucket.address,
        "run": "killed",
        "batch": json.dumps({"number": 1, "part": 0, "notebooks": [planned]}),
    }
    bucket.kill = kill
    path = f"{ROOT}/layers/notebook_archive:{ROOT}"
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.archiver"],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
    )
    bucket.worker = worker.pid
    worker.communicate(json.dumps(told).encode(), timeout=60)
    assert worker.returncode == -signal.SIGKILL
    assert bucket.settled.wait(10)

    key = f"/{BUCKET}/notebooks/{item.id}/snapshots/{item.snapshots[0].resource_key}"
    snapshots = [name for name in bucket.objects if "/snapshots/" in name]
    assert snapshots == [key] * stored
    bucket.kill = None
    archive({**told, "run": "again"})
    assert bucket.objects[key][0] == BODY
    assert sorted(name.rsplit("/", 1)[1] for name in bucket.objects if "again" in name) == ["000001.json"]
    outcome = json.loads(next(body for name, (body, _) in bucket.objects.items() if "again" in name))["outcomes"][0]
    assert (outcome["state"], outcome["unchanged"]) == (("unchanged", 1) if stored else ("archived", 0))
    assert f"/{BUCKET}/notebooks/{item.id}/item.json" in bucket.objects
