"""Just enough of S3, Secrets Manager and EventBridge to measure a client against, as a process behind TLS.

An emulator's own time would stand in every figure, and it would keep 300 MB bodies in memory; this one answers at once,
counts, and forgets large bodies. `/_local` is its control: GET counts, DELETE empties, POST sets the latency.
"""

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import uvicorn
from starlette.types import Receive, Scope, Send

_KEPT_BYTES = 2_000_000
_PAGE = 1000
_CHECKSUM = b"x-amz-checksum-sha256"
_MODIFIED = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Sink:
    """The ASGI application. Keys are `bucket/key`; the value is the body, empty where it was too large to keep."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._secrets = secrets
        self._objects: dict[str, tuple[bytes, bytes]] = {}
        self._calls: Counter[str] = Counter()
        self._latency = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        body = await _read(receive)
        path, query = unquote(scope["path"])[1:], parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        if path == "_local":
            status, answer, extra = self._control(scope["method"], body)
        else:
            if self._latency:
                await asyncio.sleep(self._latency)
            status, answer, extra = self._answer(scope["method"], path, query, headers, body)
        length = [] if scope["method"] == "HEAD" else [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*length, *extra]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    def _control(self, method: str, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if method == "DELETE":
            self._objects.clear()
            self._calls.clear()
        elif method == "POST":
            self._latency = float(body)
        return 200, json.dumps(self._calls).encode(), []

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[bytes, bytes], body: bytes
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if target := headers.get(b"x-amz-target", b"").decode():
            self._calls[target.rpartition(".")[2]] += 1
            return self._json_service(target, body)
        self._calls[
            f"{method} list" if "list-type" in query else f"{method} {'tagging' if 'tagging' in query else 'object'}"
        ] += 1
        if "list-type" in query:
            return 200, self._listing(path.strip("/"), query), [(b"content-type", b"application/xml")]
        if method == "PUT":
            if "tagging" in query:
                return 200, b"", []
            if headers.get(b"if-none-match") == b"*" and path in self._objects:
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>", []
            if b"aws-chunked" in headers.get(b"content-encoding", b""):
                body = _unchunked(body)
            checksum = headers.get(_CHECKSUM, b"")
            self._objects[path] = (body, checksum)
            return 200, b"", [(b"etag", b'"0"'), *([(_CHECKSUM, checksum)] if checksum else [])]
        if path not in self._objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", []
        body, checksum = self._objects[path]
        return 200, body, [(_CHECKSUM, checksum)] if method == "HEAD" and checksum else []

    def _json_service(self, target: str, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        answer: dict[str, Any] = {"FailedEntryCount": 0, "Entries": [{"EventId": "0"}]}
        if target == "secretsmanager.GetSecretValue":
            name = json.loads(body)["SecretId"]
            if name not in self._secrets:
                return 400, b'{"__type": "ResourceNotFoundException"}', []
            answer = {"Name": name, "SecretString": self._secrets[name]}
        return 200, json.dumps(answer).encode(), [(b"content-type", b"application/x-amz-json-1.1")]

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        start = f"{bucket}/{query['prefix'][0]}"
        after = query.get("continuation-token", [""])[0]
        keys = sorted(key for key in self._objects if key.startswith(start) and key > after)
        page = keys[:_PAGE]
        entries = "".join(
            f"<Contents><Key>{escape(key.partition('/')[2])}</Key><LastModified>{_MODIFIED}</LastModified></Contents>"
            for key in page
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(keys) > _PAGE else ""
        truncated = str(bool(more)).lower()
        return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{entries}</ListBucketResult>".encode()


async def _read(receive: Receive) -> bytes:
    """Return the body, or what came of it until it was too large to keep; all of it is received."""
    parts: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        if length <= _KEPT_BYTES:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if length <= _KEPT_BYTES else b""


def _unchunked(body: bytes) -> bytes:
    """Return what an `aws-chunked` body carries; its trailing checksum is left out."""
    carried = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        carried, body = carried + rest[:length], rest[length + 2 :]
    return carried


def main() -> None:
    """Serve until ended: `python -m bench.sink PORT CHAIN KEY SECRETS_FILE`."""
    port, chain, key, secrets = sys.argv[1:]
    uvicorn.run(
        Sink(json.loads(Path(secrets).read_text())),
        port=int(port),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="critical",
        ssl_certfile=chain,
        ssl_keyfile=key,
        timeout_keep_alive=60,
    )


if __name__ == "__main__":
    main()
