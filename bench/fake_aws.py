"""A fake AWS for measurements. It supports the archive's calls to S3, Secrets Manager and EventBridge, over TLS.

An emulator would add its own time to every figure, and it would keep bodies of 300 MB in memory. This server responds
at once, counts the calls, and does not store large bodies. `/_local` is its control API: GET returns the counts, DELETE
deletes objects and counts, POST sets the latency, PUT adds empty objects with the given keys, one in each line.
"""

import asyncio
import json
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

import uvicorn
from starlette.types import Receive, Scope, Send

_MAX_STORED_BYTES = 2_000_000
_KEYS_PER_PAGE = 1000
_CHECKSUM = b"x-amz-checksum-sha256"
# Without an ETag, the archive would treat a response as a proxy's page.
_ETAG = (b"etag", b'"0"')
_MODIFIED = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
# What S3 sends for each object in a listing besides its key, time and size. The archive does not use it.
_ENTRY = (
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><StorageClass>STANDARD</StorageClass>"
)


class FakeAws:
    """The ASGI application."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._secrets = secrets
        # Maps `bucket/key` to body and checksum. If a body is too large, an empty one is stored instead.
        self._objects: dict[str, tuple[bytes, bytes]] = {}
        # The keys of `_objects` in order. A listing completes them.
        self._paths: list[str] = []
        self._calls: Counter[str] = Counter()
        self._latency = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        body = await _receive_body(receive)
        path, query = unquote(scope["path"])[1:], parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        if path == "_local":
            status, answer, extra = self._control(scope["method"], body)
        else:
            if self._latency:
                await asyncio.sleep(self._latency)
            status, answer, extra = self._respond(scope["method"], path, query, headers, body)
        length = [] if scope["method"] == "HEAD" else [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*length, *extra]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    def _control(self, method: str, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if method == "DELETE":
            self._objects.clear()
            self._paths.clear()
            self._calls.clear()
        elif method == "POST":
            self._latency = float(body)
        elif method == "PUT":
            self._objects |= dict.fromkeys(body.decode().splitlines(), (b"", b""))
        return 200, json.dumps(self._calls).encode(), []

    def _respond(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[bytes, bytes], body: bytes
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if target := headers.get(b"x-amz-target", b"").decode():
            self._calls[target.rpartition(".")[2]] += 1
            return self._respond_json(target, body)
        self._calls[
            f"{method} list" if "list-type" in query else f"{method} {'tagging' if 'tagging' in query else 'object'}"
        ] += 1
        if "list-type" in query:
            return 200, self._list_objects(path.strip("/"), query), [(b"content-type", b"application/xml")]
        if method == "PUT":
            if "tagging" in query:
                return 200, b"", []
            if headers.get(b"if-none-match") == b"*" and path in self._objects:
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>", []
            if b"aws-chunked" in headers.get(b"content-encoding", b""):
                body = _decode_chunks(body)
            checksum = headers.get(_CHECKSUM, b"")
            self._objects[path] = (body, checksum)
            return 200, b"", [_ETAG, *([(_CHECKSUM, checksum)] if checksum else [])]
        if path not in self._objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", []
        body, checksum = self._objects[path]
        return 200, body, [_ETAG, *([(_CHECKSUM, checksum)] if method == "HEAD" and checksum else [])]

    def _respond_json(self, target: str, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        answer: dict[str, Any] = {"FailedEntryCount": 0, "Entries": [{"EventId": "0"}]}
        if target == "secretsmanager.GetSecretValue":
            name = json.loads(body)["SecretId"]
            if name not in self._secrets:
                return 400, b'{"__type": "ResourceNotFoundException"}', []
            answer = {"Name": name, "SecretString": self._secrets[name]}
        return 200, json.dumps(answer).encode(), [(b"content-type", b"application/x-amz-json-1.1")]

    def _list_objects(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        if len(self._paths) != len(self._objects):
            self._paths = sorted(self._objects)
        prefix = f"{bucket}/{query['prefix'][0]}"
        after = query.get("continuation-token", [""])[0]
        start = bisect_right(self._paths, after) if after else bisect_left(self._paths, prefix)
        page = [path for path in self._paths[start : start + _KEYS_PER_PAGE + 1] if path.startswith(prefix)]
        more = (
            f"<NextContinuationToken>{escape(page[-2])}</NextContinuationToken>" if len(page) > _KEYS_PER_PAGE else ""
        )
        entries = "".join(
            f"<Contents><Key>{quote(path.partition('/')[2])}</Key><LastModified>{_MODIFIED}</LastModified>{_ENTRY}"
            f"<Size>{len(self._objects[path][0])}</Size></Contents>"
            for path in page[:_KEYS_PER_PAGE]
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult {_NAMESPACE}><EncodingType>url</EncodingType>'
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
        ).encode()


async def _receive_body(receive: Receive) -> bytes:
    """Receive the whole body. Return it, or return an empty body if it is too large to store."""
    parts: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        if length <= _MAX_STORED_BYTES:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if length <= _MAX_STORED_BYTES else b""


def _decode_chunks(body: bytes) -> bytes:
    """Return the content of an `aws-chunked` body, without its trailing checksum."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        content, body = content + rest[:length], rest[length + 2 :]
    return content


def main() -> None:
    """Run the server until a signal arrives: `python -m bench.fake_aws PORT CHAIN KEY SECRETS_FILE`."""
    port, chain, key, secrets = sys.argv[1:]
    uvicorn.run(
        FakeAws(json.loads(Path(secrets).read_text())),
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
