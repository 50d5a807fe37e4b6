"""Test that each parser returns a value or raises one of our errors, whatever a server sends."""

import contextlib
import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from notebook_archive.arcgis.caller_identity import CallerIdentifier, CallerToken
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.item_editor import ItemProperties
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.backup.staging import stage
from notebook_archive.errors import ArcGISUnavailable, NotebookArchiveError, SnapshotTooLarge
from notebook_archive.models import ItemId, SessionId
from tests.arcgis_client.client import editor_at, notebook_server_at, portal_at, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer

HEX = "0123456789abcdef" * 2
KEY = f"snapshot-{HEX}.json"
ITEM = {"id": HEX, "owner": "ana", "title": "Rivers", "type": "Notebook", "created": 5, "modified": 6, "size": 7}
SESSION = {
    "id": HEX, "itemId": HEX, "itemTitle": "Rivers", "dateLastActivity": 5, "notebookUrl": "/x", "username": "ana",
    "notebookDeploymentId": HEX, "revision": 5, "filename": f"{HEX}.ipynb",
}  # fmt: skip
ENTRY = {"created": "5", "size": 7, "properties": {"name": "Before"}}
SELF = {
    "id": "0a1B", "isPortal": True, "urlKey": "org", "customBaseUrl": "maps.arcgis.com",
    "user": {"username": "ana", "privileges": ["portal:admin:viewItems", "portal:admin:updateItems"]},
    "appInfo": {"privileges": []}, "portalDeploymentType": "ArcGISEnterprise",
}  # fmt: skip
GOOD: dict[str, Any] = {
    "/portals/self": SELF,
    "/portals/self/urls": {"urls": {"notebooks": {"https": ["nb.example.com"]}}},
    "/servers": {"servers": [{"serverFunction": "NotebookServer", "url": "https://nb.example.com", "adminUrl": ""}]},
    "/search": {"total": 1, "start": 1, "num": 100, "nextStart": -1, "results": [ITEM]},
    f"/items/{HEX}": ITEM,
    "/groups": {"admin": [{"id": HEX, "title": "Water"}], "member": [], "other": []},
    "/users/ana": {
        "folders": [{"id": HEX, "title": "Rivers"}],
        "total": 1,
        "start": 1,
        "num": 100,
        "nextStart": -1,
        "items": [ITEM | {"typeKeywords": ["Notebook", "mark"], "tags": ["x"], "properties": {"a": "b"}}],
    },
    f"/users/ana/{HEX}": {"total": 1, "start": 1, "num": 100, "nextStart": -1, "items": [ITEM]},
    "/addItem": {"success": True, "id": HEX, "folder": ""},
    "/createFolder": {"success": True, "folder": {"username": "ana", "id": HEX, "title": "Rivers"}},
    "/update": {"success": True, "id": HEX},
    "/addPart": {"success": True, "id": HEX},
    "/commit": {"success": True, "id": HEX},
    "/status": {"status": "completed", "statusMessage": "completed", "itemId": HEX},
    "/share": {"notSharedWith": [HEX], "itemId": HEX},
    "/resources": {"total": 1, "start": 1, "num": 1, "nextStart": -1, "resources": [ENTRY | {"resource": KEY}]},
    "/snapshots/list": {"snapshots": [ENTRY | {"resourceKey": KEY}], "total": 1, "status": "success"},
    "/snapshots/create": {"snapshotResourceKey": KEY, "status": "success"},
    "/notebooks": {"notebooks": [SESSION], "total": 1, "start": 1, "num": 10},
    f"/notebooks/{HEX}": SESSION,
    "/generateToken": {"token": "t0k3n", "expires": 2_000_000_000_000, "ssl": True},
    "/oauth2/token": {"access_token": "t0k3n", "expires_in": 7200},
}
ERRORS: list[Any] = [
    {"error": {"code": 498, "message": "x", "messageCode": "CONT_0001", "details": []}},
    {"status": "error", "messages": ["x"], "code": 499},
    {"code": 500, "message": "x", "status": "failure"},
    {"error": "invalid_grant", "error_description": "x"},
]
PIECES = [
    "null", "true", "false", "0", "-1", "5", "1e18", "1e999", "-1e999", "1e-400", "NaN", "Infinity", "-Infinity",
    "9" * 19, "9" * 400, "-" + "9" * 4299, "9" * 5000, '""', '"5"', '"-1"', '"1.5"', '"1e9"', '"\u0665"', '"NaN"',
    f'"{"9" * 5000}"', r'"\ud800"', r'"ana\udfff"', r'"\u0000"', '"success"', '"Failure"', '"pending"', '"error"',
    "[]", "{}", "[[]]", "[null]", "[{}]", "[5]", "[true]", '{"a": null}', '["a"]', '{"https": 5}', '"x"',
    "[" * 500 + "]" * 500, "[" * 3000 + "]" * 3000, "[" * 200_000,
    '{"a":' * 200_000, f'"{"x" * 100_000}"', f'"{HEX}"', f'"{KEY}"',
]  # fmt: skip
NAMES = ["error", "code", "status", "message", "messageCode", "total", "nextStart", "id", "start", "owner", "type"]


def damage(good: Any, rng: random.Random) -> bytes:
    """Return an answer as JSON with up to three members replaced, removed, doubled or added."""
    document = json.loads(json.dumps(rng.choice([good] * 9 + ERRORS)))
    pieces: list[str] = []

    def piece() -> str:
        pieces.append(rng.choice(PIECES))
        return f"@{len(pieces) - 1}@"

    for _ in range(rng.randint(1, 3)):
        document = _changed(document, rng, piece)
    text = json.dumps(document)
    for number, raw in enumerate(pieces):
        text = text.replace(f'"@{number}@"', raw)
    body = text.encode()
    if rng.random() < 0.1:
        cut = rng.randrange(len(body) + 1)
        body = rng.choice([body[:cut], body[:cut] + rng.randbytes(3) + body[cut:], b"\xef\xbb\xbf" + body, b"<" + body])
    return body


def _changed(value: Any, rng: random.Random, piece: Callable[[], str]) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.05:
        return piece()
    if isinstance(value, list):
        place = rng.randrange(len(value))
        changed = [*value, value[place]] if rng.random() < 0.3 else list(value)
        changed[place] = _changed(value[place], rng, piece)
        return changed
    name = rng.choice(list(value))
    match rng.randrange(6):
        case 0:
            return {key: inner for key, inner in value.items() if key != name}
        case 1:
            return value | {rng.choice(NAMES): piece()}
        case 2:
            return value | {name: piece()}
        case _:
            return value | {name: _changed(value[name], rng, piece)}


PASSWORD = '{"username": "ana", "password": "x"}'
APPLICATION = '{"clientId": "a", "clientSecret": "x"}'
CALLER = CallerToken("t", "")
CALLS: dict[str, Callable[[Transport, str], object]] = {
    "organisation": lambda wire, url: portal_at(wire, url).get_organization(),
    "the caller": lambda wire, url: CallerIdentifier(wire, url).identify(CALLER, soon()),
    "notebook server": lambda wire, url: Discovery("").find_notebook_server(portal_at(wire, url)),
    "search": lambda wire, url: portal_at(wire, url).list_notebooks("0a1B"),
    "item": lambda wire, url: portal_at(wire, url).get_item(ItemId(HEX)),
    "groups": lambda wire, url: portal_at(wire, url).list_groups(ItemId(HEX)),
    "folders": lambda wire, url: portal_at(wire, url).list_folders("ana"),
    "resources": lambda wire, url: portal_at(wire, url).list_snapshots(ItemId(HEX)),
    "listing": lambda wire, url: notebook_server_at(wire, url).list_snapshots(ItemId(HEX)),
    "create": lambda wire, url: notebook_server_at(wire, url).create_snapshot(ItemId(HEX), "x", ""),
    "add": lambda wire, url: editor_at(wire, url).add_item(ItemProperties("x")),
    "create folder": lambda wire, url: editor_at(wire, url).create_folder("x"),
    "find": lambda wire, url: editor_at(wire, url).find_item_by_keyword("x"),
    "items": lambda wire, url: [ItemProperties.from_item(each) for each in editor_at(wire, url).list_items()],
    "upload": lambda wire, url: editor_at(wire, url).upload(ItemId(HEX), "", io.BytesIO(), 10),
    "upload in parts": lambda wire, url: editor_at(wire, url).upload(ItemId(HEX), "", io.BytesIO(), 10_000_001),
    "share": lambda wire, url: editor_at(wire, url).share(ItemId(HEX), "", groups=(HEX,)),
    "sessions": lambda wire, url: notebook_server_at(wire, url).list_sessions(1, 10),
    "session": lambda wire, url: notebook_server_at(wire, url).get_session(SessionId(HEX)),
    "sign-in": lambda wire, url: TokenSource(wire, url, "s", lambda _: PASSWORD).call_with_token(str, soon()),
    "application": lambda wire, url: TokenSource(wire, url, "s", lambda _: APPLICATION).call_with_token(str, soon()),
}


def assert_named(call: str, seeds: range, wire: Transport, serve: Serve) -> None:
    """Check that every answer gives a value or a named error; a failure names the seed."""

    def script(request: WireRequest) -> list[bytes]:
        good: Any = next(
            (GOOD[path] for path in sorted(GOOD, key=len, reverse=True) if request.path.endswith(path)), {}
        )
        return [answer(damage(good, rng))]

    rng = random.Random()
    server = serve(script)
    for seed in seeds:
        rng.seed(f"{call} {seed}")
        try:
            value = CALLS[call](wire, server.url)
        except NotebookArchiveError as error:
            str(error).encode()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        else:
            assert_utf8(value)


def assert_utf8(value: object) -> None:
    """Check that every text of a value can be encoded."""
    assert not isinstance(value, ItemProperties) or "".join(value.to_fields().values()).encode() is not None
    for each in value if isinstance(value, list) else []:
        assert_utf8(each)
    for name in ("username", "owner", "title", "id", "host", "session_id", "notebook_url", "item_title"):
        text = getattr(value, name, "")
        assert not isinstance(text, str) or text.encode() is not None


@pytest.mark.parametrize("call", CALLS)
def test_a_damaged_answer_has_a_named_error(call: str, wire: Transport, serve: Serve) -> None:
    assert_named(call, range(120), wire, serve)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", CALLS)
def test_thousands_of_damaged_answers_have_named_errors(call: str, wire: Transport, serve: Serve) -> None:
    assert_named(call, range(120, 6000), wire, serve)


FRAMES: dict[str, tuple[bytes, *tuple[str, ...]]] = {
    "chunk of -1": (b"-1\r\n" + b"x" * 100, "Transfer-Encoding: chunked"),
    "chunk of -5": (b"-5\r\n" + b"x" * 100, "Transfer-Encoding: chunked"),
    "chunk of -0": (b"-0\r\nx\r\n", "Transfer-Encoding: chunked"),
    "chunk of 1_0": (b"1_0\r\n" + b"x" * 100, "Transfer-Encoding: chunked"),
    "huge chunk": (b"f" * 40 + b"\r\nx", "Transfer-Encoding: chunked"),
    "endless chunk size": (b"1" * 100_000, "Transfer-Encoding: chunked"),
    "huge chunk size": (b"1" * 8_000 + b"\r\nx", "Transfer-Encoding: chunked"),
    "length of -1": (b"x", "Content-Length: -1"),
    "huge length": (b"x", f"Content-Length: {'9' * 4000}"),
    "enormous length": (b"x", f"Content-Length: {'9' * 5000}"),
    "two lengths": (b"x", "Content-Length: 1, 2"),
    "length in words": (b"x", "Content-Length: one"),
    "unknown encoding": (b"x", "Content-Encoding: zstd, br, what"),
    "not gzip": (b"x" * 10, "Content-Encoding: gzip"),
    "not deflate": (b"\x00" * 10, "Content-Encoding: deflate"),
    "a hundred encodings": (b"x" * 10, f"Content-Encoding: {', '.join(['gzip'] * 100)}"),
    "a long header": (b"{}", f"X-Long: {'x' * 70_000}"),
    "many headers": (b"{}", *[f"X-{number}: x" for number in range(300)]),
    "bytes in a header": (b"{}", "Location: https://\udcff.example.com/\udc80"),
    "no name in a header": (b"{}", ": x", "x"),
}
STATUSES = ["200 OK", "302 Found", "404 N", "429 T", "503 U"]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("frame", FRAMES)
def test_invalid_http_framing_has_a_named_error(frame: str, status: str, wire: Transport, serve: Serve) -> None:
    body, *headers = FRAMES[frame]
    sent = answer(body, *headers, status=status)
    server = serve(lambda _: [sent, b""])
    for method in ("GET", "POST"):
        with contextlib.suppress(NotebookArchiveError):
            wire.call(method, f"{server.url}/x", "A call", soon())


def test_reading_stops_at_a_chunk_of_negative_size(wire: Transport, serve: Serve) -> None:
    sent = 0

    def endless(_: WireRequest) -> Any:
        nonlocal sent
        yield answer(b"-1\r\n", "Transfer-Encoding: chunked")
        while sent < 100_000_000:
            sent += 100_000
            yield bytes(100_000)

    stream = wire.stream("GET", f"{serve(endless).url}/x", "A body", soon(), 1_000_000)
    with pytest.raises((ArcGISUnavailable, SnapshotTooLarge)):
        stage(stream, "A body")
    assert sent < 20_000_000


RETRY_AFTERS = [
    "9" * 400, "9" * 5000, "Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Fri, 31 Dec 2199 23:59:59 +99999999999",
    "Fri, 31 Dec 2199 99999999999999999999:59:59 GMT", f"Fri, 31 Dec {'9' * 5000} 23:59:59 GMT", "-" * 1000, "(" * 900,
    "Fri, 99999999999999999999 Dec 2199 23:59:59 GMT", "Fri, 31 Dec 0000 23:59:59 GMT",
]  # fmt: skip


@pytest.mark.parametrize("value", RETRY_AFTERS, ids=range(len(RETRY_AFTERS)))
def test_an_oversized_retry_after_has_a_named_error(value: str, wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b"", f"Retry-After: {value}", status="503 U")])
    with pytest.raises(ArcGISUnavailable, match="503"):
        wire.call("GET", f"{server.url}/x", "A call", soon())
