"""Test that the deployed HTTP proxy refuses hostile requests without a call to ArcGIS and without a long quotation."""

import gzip
import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from local.arcgis import Deployment
from local.aws import REGION
from local.system import LocalSystem
from tests.local.proxy import DOWNLOAD, ROOT, bytes_of
from tests.local.raw import RawAnswer, exchange

FORM = b"Content-Type: application/x-www-form-urlencoded"
ANY, BROWSER = b"Accept: */*", b"Accept: text/html"
ID, KEY = b"0" * 32, b"snapshot-" + b"0" * 32 + b".json"
COPY = b"0" * 13 + b"-" + b"0" * 12 + b".ipynb"
FIELDS = b"itemId=" + ID + b"&resourceKey=" + KEY
ROOT_PATH, LIST, DOWN = b"/", b"/admin/notebooks", DOWNLOAD.encode()
ONE, SINGULAR = LIST + b"/" + ID, b"/admin/notebook/" + ID
ROUTES = (LIST, ONE, SINGULAR, DOWN)
# A response may quote at most 60 bytes of the request. A valid key is hardly longer.
TOO_LONG_AN_ECHO = 61


class Hostile(NamedTuple):
    """One request, and the statuses with which the proxy may refuse it."""

    name: str
    statuses: Sequence[int]
    target: bytes
    method: str = "GET"
    body: bytes = b""
    headers: Sequence[bytes] = (ANY,)
    token: bool = True

    def __str__(self) -> str:
        return self.name


def below(name: str, piece: bytes, *statuses: int) -> list[Hostile]:
    """Return requests with a hostile id in each route that contains an id, and after the route for downloads."""
    spellings = (LIST, b"/admin/notebook", LIST + b"/snapshots/download")
    return [Hostile(f"{name} below {path.decode()}", statuses, path + b"/" + piece) for path in spellings]


PATHS = [
    *below("two dots up", b"../../evil", 403),
    *below("encoded dots", b"%2e%2e%2f%2e%2e%2fevil", 400, 403),
    *below("dots encoded twice", b"%252e%252e%252fevil", 400, 403),
    *below("backslashes", b"..\\..\\evil", 400, 403),
    *below("encoded backslashes", b"..%5c..%5cevil", 400, 403),
    *below("path parameters", ID + b";evil=1", 400, 403),
    *below("null byte", ID + b"%00", 400, 403),
    *below("null byte and more", ID + b"%00evil", 400, 403),
    *below("line end", ID + b"%0a", 400, 403),
    *below("header in the path", ID + b"%0d%0aX-Evil:%201", 400, 403),
    *below("header, raw", ID + b"\rX-Evil: 1", 400),
    *below("user and host", b"gis@evil.example", 400, 403),
    *below("address", b"https://gis.example.com@evil.example/", 403),
    *below("encoded address", b"https:%2f%2fevil.example", 400, 403),
    *below("10 kB", b"evil" * 2_500, 400, 403),
    *below("Arabic digits", "٣".encode() * 32, 400),
    *below("Arabic digits, encoded", b"%D9%A3" * 32, 400, 403),
    *below("full-width digits", b"%EF%BC%90" * 32, 400, 403),
    *below("upper case", b"A" * 32, 400, 403),
    *below("31 digits", b"0" * 31, 400, 403),
    *below("33 digits", b"0" * 33, 400, 403),
    *below("a space first", b"%20" + ID, 400, 403),
    *below("no hexadecimal escape", b"%zz", 400, 403),
    *below("half an escape", b"%", 400, 403),
    *below("no UTF-8", b"%ff%fe", 400, 403),
    *below("overlong slash", b"%c0%af%c0%af", 400, 403),
    *below("fragment", ID + b"#evil", 400, 403),
    *below("lookup", b"$%7Bjndi:ldap://evil.example%7D", 400, 403),
    *below("template", b"{notebookId}", 400, 403),
    *below("script", b"%3Cscript%3Eevil()%3C%2fscript%3E", 400, 403),
    Hostile("other case", (403,), b"/admin/notebooks/SNAPSHOTS/download"),
    Hostile("half the way", (403,), b"/admin/notebooks/snapshots"),
    Hostile("elsewhere", (403,), b"/admin"),
]
METHODS = [
    Hostile("POST to the root", (403,), ROOT_PATH, "POST"),
    *(
        Hostile(f"{method} {route.decode()}", (403,), route, method)
        for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "EVIL")
        for route in (*ROUTES, ROOT_PATH)
    ),
]
_QUERIES = {
    "token": b"token=evil",
    "token in other letters": b"ToKeN=evil",
    "token, encoded": b"%74oken=evil",
    "unknown format": b"f=evil",
    "two formats": b"f=json&f=html",
    "null byte": b"f=html%00",
    "header": b"f=json%0d%0aX-Evil:%201",
    "10 kB": b"f=" + b"evil" * 2_500,
    "no hexadecimal escape": b"f=%zz",
    "no UTF-8": b"f=%ff",
    "look-alikes": b"f=%EF%BD%8Ason",
}
_PAGING = (
    *(b"start=0", b"start=1e3", b"start=0x1", b"start=1_0", b"start=%D9%A3", b"start=%EF%BC%91", b"start=%201"),
    *(b"num=-1", b"num=%2b1", b"num=101", b"num=1;start=1", b"start=1&start=2", b"num=" + b"9" * 10_000),
)
QUERIES = [
    *(
        Hostile(f"{name} {route.decode()}", (400,), route + b"?" + query)
        for name, query in _QUERIES.items()
        for route in (*ROUTES, ROOT_PATH)
    ),
    *(Hostile(f"paging {query[:20].decode()}", (400,), LIST + b"?" + query) for query in _PAGING),
    Hostile("download by a program's GET", (405,), DOWN + b"?" + FIELDS),
    Hostile("form with 10 kB in it", (400,), DOWN + b"?f=html&itemId=" + b"evil" * 2_500, headers=(BROWSER,)),
]


def posted(name: str, status: int, body: bytes, *headers: bytes, routes: Sequence[bytes] = ROUTES) -> list[Hostile]:
    """Return requests with a hostile body, or with hostile headers, for each route."""
    given = headers or (FORM,)
    return [Hostile(f"{name} {route.decode()}", (status,), route, "POST", body, (ANY, *given)) for route in routes]


_MULTIPART = b"--x\r\nContent-Disposition: form-data; name=f\r\n\r\nevil\r\n--x--\r\n"
_XML = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
_IDS = (
    *(b"", b"..", b"../../evil", b"%2e%2e", b"evil@evil.example", b"https://evil.example/", b"*", b"evil" * 2_500),
    *(b"%EF%BC%90" * 32, b"A" * 32, ID + b"%0a", ID + b"%0d%0aX-Evil:+1", ID + b"%00", ID + b"+", b"%27+OR+1%3D1"),
)
BODIES = [
    *posted("JSON", 415, b'{"itemId": "evil"}', b"Content-Type: application/json"),
    *posted("multipart", 415, _MULTIPART, b"Content-Type: multipart/form-data; boundary=x"),
    *posted("XML", 415, _XML, b"Content-Type: text/xml"),
    *posted("no type", 415, FIELDS, b"X-Nothing: 1"),
    *posted("nonsense type", 415, FIELDS, b"Content-Type: evil"),
    *posted("two types", 415, FIELDS, FORM, b"Content-Type: application/json"),
    *posted("two types in one", 415, FIELDS, FORM + b", application/json"),
    *posted("gzip", 400, gzip.compress(FIELDS), FORM, b"Content-Encoding: gzip"),
    *posted("UTF-16", 400, FIELDS.decode().encode("utf-16"), FORM + b"; charset=utf-16"),
    *posted("Latin-1", 400, b"f=\xe4\xf6"),
    *posted("Latin-1, encoded", 400, b"f=%e4%f6"),
    *posted("60 fields", 400, b"&".join([b"a=evil"] * 60)),
    *posted("60 separators", 400, b"&" * 60),
    *posted("70 kB", 400, b"a=" + b"evil" * 17_500),
    *posted("6 MB", 400, b"a=" + b"evil" * 1_500_000, routes=[DOWN]),
    *posted("unknown format", 400, b"f=evil"),
    *posted("two formats", 400, b"f=json&f=html"),
    *posted("null byte", 400, b"f=json%00"),
    *posted("doubled id", 400, FIELDS + b"&itemId=" + b"1" * 32, routes=[DOWN]),
    *posted("two spellings of a key", 400, FIELDS + b"&resourceKeys=snapshot-" + b"1" * 32 + b".json", routes=[DOWN]),
    *posted("query against body", 400, FIELDS, routes=[DOWN + b"?itemId=" + b"1" * 32]),
    *posted("source", 400, FIELDS + b"&source=https://evil.example", routes=[DOWN]),
    *posted("nothing", 400, b"", routes=[DOWN]),
    *(
        row
        for piece in _IDS
        for row in (
            *posted(f"id {piece[:24].decode()}", 400, b"resourceKey=" + KEY + b"&itemId=" + piece, routes=[DOWN]),
            *posted(f"key {piece[:24].decode()}", 400, b"itemId=" + ID + b"&resourceKey=" + piece, routes=[DOWN]),
        )
    ),
    *(
        posted(f"copy {piece[:24].decode()}", 400, b"itemId=" + ID + b"&resourceKey=current/" + piece, routes=[DOWN])[0]
        for piece in (b"", b"..", b"../../evil", COPY[:-6] + b".seen", COPY + b"%00", COPY + b"%0a", COPY + b"/../evil")
    ),
    *posted("copy from ArcGIS", 400, b"source=arcgis&itemId=" + ID + b"&resourceKey=current/" + COPY, routes=[DOWN]),
    *posted("key in another folder", 400, b"itemId=" + ID + b"&resourceKey=../" + KEY, routes=[DOWN]),
]
HEADERS = [
    *posted("bad chunk", 400, b"evil\r\nabc\r\n0\r\n\r\n", FORM, b"Transfer-Encoding: chunked"),
    *posted("two lengths", 400, FIELDS, FORM, b"Content-Length: 5", b"Content-Length: 80"),
    *posted("negative length", 400, FIELDS, FORM, b"Content-Length: -1"),
    *posted("null byte in a header", 400, FIELDS, FORM, b"X-A: \x00"),
    *posted("header without a name", 400, FIELDS, FORM, b": evil"),
    *posted("space before the colon", 400, FIELDS, FORM, b"X-Evil : 1"),
    *posted("80 kB in a header", 431, FIELDS, FORM, b"X-A: " + b"evil" * 20_000),
]
TOKENS = [
    *posted("referer of 10 kB", 400, FIELDS, FORM, b"Referer: https://" + b"evil" * 2_500),
    *posted("referer in Latin-1", 400, FIELDS, FORM, b"Referer: https://gis.example.com/\xff"),
    *posted("header and form", 400, FIELDS + b"&token=evil"),
    *posted("two headers", 400, FIELDS, FORM, b"Authorization: Bearer evil"),
    *posted("one header, twice", 400, FIELDS, FORM, b"X-Esri-Authorization: Bearer evil"),
]
NOBODY = [
    row._replace(token=False)
    for row in (
        *posted("two in the form", 400, FIELDS + b"&token=evil&token=evil2"),
        *posted("header in the token", 400, FIELDS + b"&token=evil%0d%0aX-Evil:+1"),
        *posted("more in the token", 400, FIELDS + b"&token=evil%26f%3Djson+x"),
        *posted("token in Greek", 400, FIELDS + b"&token=%CE%B5%CF%85%CE%B9%CE%BB"),
        *posted("token of 10 kB", 400, FIELDS + b"&token=" + b"evil" * 2_500),
        *posted("words for a token", 400, FIELDS, FORM, b"Authorization: Bearer evil evil"),
        *posted("a name and a password", 401, FIELDS, FORM, b"Authorization: Basic ZXZpbDpldmls"),
        *posted("an empty token", 401, FIELDS + b"&token=", FORM, b"Authorization: Bearer "),
        *posted("a cookie", 401, FIELDS, FORM, b"Cookie: agstoken=evil; token=evil"),
    )
]


@pytest.fixture(scope="module")
def token(open_system: LocalSystem) -> bytes:
    return open_system.arcgis.enterprise.token("ana").encode()


def is_gateways(answer: RawAnswer) -> bool:
    """Return whether the local API Gateway, or its HTTP server, sent the response, and not a function."""
    return answer.body == b"" or answer.body.startswith(b'{"message":')


def is_refused(answer: RawAnswer, row: Hostile, arcgis: Deployment) -> None:
    """Check what must be true for every refusal."""
    assert answer.status in row.statuses
    assert answer.rest == b""
    assert arcgis.requests.counts() == {}
    named = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).lower()
    assert "evil" not in named
    sent = row.target + b"\n" + row.body
    windows = {
        answer.body[start : start + TOO_LONG_AN_ECHO] for start in range(len(answer.body) - TOO_LONG_AN_ECHO + 1)
    }
    assert not any(window in sent for window in windows)
    if is_gateways(answer):
        return
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    if answer.headers["Content-Type"].startswith("text/html"):
        assert b"<script" not in answer.body.lower()
    else:
        error = json.loads(answer.body)["error"]
        assert error["details"] == [f"Correlation id {answer.headers['X-Correlation-Id']}"]


@pytest.mark.parametrize("row", [*PATHS, *METHODS, *QUERIES, *BODIES, *HEADERS, *TOKENS, *NOBODY], ids=str)
def test_hostile_requests_with_tokens_are_refused(open_system: LocalSystem, token: bytes, row: Hostile) -> None:
    arcgis = open_system.arcgis.enterprise
    arcgis.requests.clear()
    own = [b"X-Esri-Authorization: Bearer " + token] if row.token else []
    is_refused(exchange(open_system, row.method, row.target, [*own, *row.headers], row.body), row, arcgis)


# API Gateway refuses all of them in the same way before it calls a function. So the test sends only every third one,
# which covers each route.
UNSIGNED = [*PATHS, *METHODS, *QUERIES, *BODIES, *HEADERS, *TOKENS][::3]


@pytest.mark.parametrize("row", UNSIGNED, ids=str)
def test_unsigned_hostile_requests_are_refused(system: LocalSystem, row: Hostile) -> None:
    arcgis = system.arcgis.enterprise
    arcgis.requests.clear()
    answer = exchange(system, row.method, row.target, row.headers, row.body)
    is_refused(answer, row._replace(statuses=(400, 403, 431)), arcgis)
    assert is_gateways(answer)


# botocore cannot sign a header that occurs twice.
SIGNABLE = [row for row in BODIES if len({line.partition(b":")[0] for line in row.headers}) == len(row.headers)]


@pytest.mark.parametrize("row", SIGNABLE, ids=str)
def test_signed_hostile_requests_are_refused(system: LocalSystem, row: Hostile) -> None:
    arcgis = system.arcgis.enterprise
    arcgis.requests.clear()
    headers = dict(line.decode().split(": ", 1) for line in row.headers)
    url = system.api_base_url.replace(system.aws.api_url, system.aws.endpoint_url) + row.target.decode()
    request = AWSRequest(row.method, url, headers=headers, data=row.body)
    SigV4Auth(ROOT, "execute-api", REGION).add_auth(request)
    lines = [f"{name}: {value}".encode() for name, value in request.headers.items()]
    is_refused(exchange(system, row.method, row.target, lines, row.body), row, arcgis)


LIES = (
    (b"Host: evil.example",),
    (b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: http", b"X-Forwarded-For: 127.0.0.1"),
    (b"Forwarded: host=evil.example;proto=http",),
    (b"X-Original-URL: /evil", b"X-Rewrite-URL: /evil", b"X-HTTP-Method-Override: DELETE"),
    (b"Accept: " + b"evil/*;q=0.1, " * 600,),
    (b"Range: bytes=0-1",),
    (b"If-None-Match: *",),
    (b"X-Amzn-Trace-Id: evil", b"X-Correlation-Id: evil", b"X-Amzn-RequestId: evil"),
    (b"X-A: " + b"evil" * 2_000,),
    (b"Expect: 100-continue",),
)


@pytest.mark.parametrize("lies", LIES, ids=lambda lies: lies[0][:30].decode())
def test_misleading_headers_do_not_change_a_download(
    open_system: LocalSystem, token: bytes, lies: Sequence[bytes]
) -> None:
    """The request is a valid download, so the proxy gets the whole snapshot from ArcGIS."""
    arcgis = open_system.arcgis.enterprise
    item = next(each for each in arcgis.organisation.notebooks() if each.owner == "ana" and each.snapshots)
    body = f"itemId={item.id}&resourceKey={item.snapshots[0].resource_key}&f=json".encode()
    accept = [] if lies[0].startswith(b"Accept") else [ANY]
    headers = [FORM, b"X-Esri-Authorization: Bearer " + token, *accept, *lies]
    answer = exchange(open_system, "POST", DOWN, headers, body)
    assert (answer.status, answer.body, answer.rest) == (200, bytes_of(item.snapshots[0]), b"")
    assert "evil" not in str(answer.headers).lower()
