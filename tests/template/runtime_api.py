"""Run a function with AWS's runtime client against a local server for Lambda's Runtime API."""

import contextlib
import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.aws import ROOT
from local.stopping import end_group

PYTHON = ROOT / ".venvs/runtime/bin/python"
SECONDS = 30
_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Posted:
    """What the runtime client posted.

    `kind` is `response`, `error` or `init/error`. `log` contains the log lines since the last post.
    """

    kind: str
    headers: Mapping[str, str]
    body: Any
    log: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines, and check that each one is a JSON object."""
        lines = [json.loads(line) for line in self.log.split("\n") if line]
        assert all(isinstance(line, dict) for line in lines)
        return lines


class RunningFunction:
    """A process of the runtime client that handles one event after another."""

    def __init__(self, arn: str, seconds: int, log: Path) -> None:
        self._arn, self._seconds, self._log, self._read = arn, seconds, log, 0
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._posted: queue.Queue[tuple[str, Mapping[str, str], Any]] = queue.Queue()

    def invoke(self, event: Any, request_id: str = "") -> Posted:
        """Send the event to the function, and return what the runtime client posts for it."""
        self._events.put((request_id or str(uuid.uuid4()), json.dumps(event).encode()))
        return self.wait()

    def wait(self) -> Posted:
        """Wait for the next post of the runtime client, and return it. An `init/error` comes without an event."""
        try:
            kind, headers, body = self._posted.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"The function posted nothing.\n{self._log.read_text()}") from None
        log = self._log.read_text(encoding="utf-8")
        text, self._read = log[self._read :], len(log)
        return Posted(kind, headers, body, text)

    def next_event(self) -> tuple[str, bytes, dict[str, str]]:
        """Wait for the next event, and return its id, body and headers."""
        request_id, body = self._events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5f84c7a1-4d6b1c2e3f4a5b6c7d8e9f00;Sampled=0",
            "Content-Type": "application/json",
        }
        return request_id, body, headers

    def post(self, kind: str, headers: Mapping[str, str], body: bytes) -> None:
        """Store what the runtime client posted."""
        self._posted.put((kind, headers, json.loads(body)))

    def stop(self) -> None:
        """End the request that waits for the next event."""
        self._events.put(("", b""))


@contextlib.contextmanager
def running(
    folder: Path, paths: list[Path], environment: Mapping[str, str], seconds: int, log: Path
) -> Iterator[RunningFunction]:
    """Run the function in a folder while the block runs, with `seconds` as the time limit of each event.

    The function imports only from its folder, from `paths` and from the packages of AWS's runtime client. It gets only
    the given variables and a few that Lambda itself sets.
    """
    name = environment["AWS_LAMBDA_FUNCTION_NAME"]
    function = RunningFunction(f"arn:aws:lambda:us-east-1:000000000000:function:{name}", seconds, log)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client is killed at the end of a test, while it waits
                super().handle()

        def do_GET(self) -> None:
            assert self.path == f"{_PREFIX}invocation/next"
            request_id, body, headers = function.next_event()
            if request_id:
                self._answer(200, body, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.path.removeprefix(_PREFIX)
            kind = kind if kind.startswith("init") else kind.rpartition("/")[2]
            self._answer(202, b'{"status": "OK"}', {"Content-Type": "application/json"})
            function.post(kind, {name.lower(): value for name, value in self.headers.items()}, body)

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for header, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, log.open("wb") as output:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        process = subprocess.Popen(
            [PYTHON, "-m", "awslambdaric", "app.handler"],
            cwd=folder,
            env={
                "PATH": "/usr/bin:/bin",
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
                "PYTHONPATH": ":".join(map(str, (folder, *paths))),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_address[1]}",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield function
        finally:
            end_group(process)
            function.stop()
            server.shutdown()
