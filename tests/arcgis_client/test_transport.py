"""Test one HTTP call: its token, deadline, limits, truncated bodies, retries and connections."""

import contextlib
import email.utils
import gzip
import json
import random
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notebook_archive.arcgis.retries import MAX_ATTEMPTS, parse_retry_after
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import REFERER, FormFile, Transport
from notebook_archive.backup.staging import stage
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    NotANotebook,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SnapshotTooLarge,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.settings import ROUTES
from tests.arcgis_client.certificates import Authority
from tests.arcgis_client.client import Client, Pauses, id_of, soon, transport
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import JSON, Wire, WireRequest, answer, gzip_bomb

NOTEBOOK = json.dumps({"cells": [{"source": "x" * 2000}], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}).encode()


def fixed(*pieces: bytes) -> Callable[[WireRequest], list[bytes]]:
    """Return a script that gives the same answer to every request."""
    return lambda _: list(pieces)


def get(wire: Transport, server: Wire, seconds: float = 10, token: str = "") -> object:
    return wire.call("GET", f"{server.url}/x", "The test's call", Deadline(seconds), token=token)


def body_of(wire: Transport, server: Wire, limit: int = 1_000_000, seconds: float = 10) -> bytes:
    with closing(wire.stream("GET", f"{server.url}/x", "The test's body", Deadline(seconds), limit)) as chunks:
        return b"".join(chunks)


def staged(wire: Transport, server: Wire, limit: int = 1_000_000) -> bytes:
    """Return the body as the archive reads it, through the gate."""
    url = f"{server.url}/x"
    with stage(wire.stream("GET", url, "The test's body", soon(), limit), "The test's body").file as file:
        return file.read()


# Where the token goes.


def test_a_get_carries_the_token_in_its_header_alone(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}")))
    wire.call("GET", f"{server.url}/a", "A call", soon(), token="t0k3n", fields={"f": "json", "q": 'type:"Notebook"'})
    [request] = server.requests
    assert request.headers["x-esri-authorization"] == "Bearer t0k3n"
    assert request.query == {"f": ["json"], "q": ['type:"Notebook"']}
    assert "t0k3n" not in request.target
    assert request.body == b""


def test_a_post_carries_the_token_in_its_form_alone(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}")))
    wire.call("POST", f"{server.url}/a", "A call", soon(), token="t0k3n", fields={"f": "json"})
    [request] = server.requests
    assert request.form == {"f": ["json"], "token": ["t0k3n"]}
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.target == "/a"
    assert not [name for name, value in request.headers.items() if "t0k3n" in value]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_call_has_the_referer_and_bypasses_caches(wire: Transport, serve: Serve, method: str) -> None:
    server = serve(fixed(answer(b"{}")))
    for token in ("", "one", "two"):
        wire.call(method, f"{server.url}/a", "A call", soon(), token=token)
    assert [request.headers["referer"] for request in server.requests] == [REFERER] * 3
    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}
    assert {request.headers["cache-control"] for request in server.requests} == {"no-cache, no-store"}


def test_cookies_of_one_user_are_not_sent_for_another(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}", "Set-Cookie: AGS_ROLES=ana; Path=/; Secure", "Set-Cookie: esri_auth=ana")))
    for token in ("ana's", "ben's"):
        get(wire, server, token=token)
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


# Redirects and settings that the client ignores.


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_refused_without_another_request(
    wire: Transport, pauses: Pauses, serve: Serve, status: str, method: str
) -> None:
    elsewhere = serve(fixed(answer(b"{}")))
    server = serve(fixed(answer(b"", f"Location: {elsewhere.url}/y", status=status)))
    with pytest.raises(UnexpectedAnswer, match=f"redirect .HTTP {status[:3]}."):
        wire.call(method, f"{server.url}/x", "A call", soon(), token="t0k3n")
    assert (len(server.requests), elsewhere.connections, pauses) == (1, 0, [])


def test_a_redirect_of_the_local_arcgis_is_refused(client: Client) -> None:
    client.deployment.faults.add("portals/self", "redirect", location="https://localhost:1/elsewhere")
    with pytest.raises(UnexpectedAnswer, match="redirect"):
        client.portal().get_organization()
    assert len(client.deployment.requests) == 1


def test_environment_variables_are_ignored(
    authority: Authority, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proxy = serve(fixed(answer(b"{}")))
    other = tmp_path_factory.mktemp("other") / "ca.pem"
    other.write_text(Authority.make(other.parent).pem)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(other))
    netrc = other.parent / "netrc"
    netrc.write_text("machine localhost login ana password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(fixed(answer(b'{"right": true}')))
    assert get(transport(authority.pem), server) == {"right": True}
    assert proxy.connections == 0
    assert "authorization" not in server.requests[0].headers


# Bodies.


def test_a_body_comes_as_it_is(wire: Transport, serve: Serve) -> None:
    body = bytes(range(256)) * 5000
    assert body_of(wire, serve(fixed(answer(body))), limit=len(body)) == body


def test_a_chunked_body_comes_whole(wire: Transport, serve: Serve) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (NOTEBOOK[:7], NOTEBOOK[7:])) + b"0\r\n\r\n"
    server = serve(fixed(answer(b"", "Transfer-Encoding: chunked"), chunks))
    assert staged(wire, server) == NOTEBOOK


def test_a_compressed_body_is_unpacked_without_being_requested(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(gzip.compress(NOTEBOOK), "Content-Encoding: gzip")))
    assert staged(wire, server) == NOTEBOOK


def test_one_byte_more_than_the_limit_is_too_large(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    server = serve(fixed(answer(bytes(1000))))
    assert len(body_of(wire, server, limit=1000)) == 1000
    with pytest.raises(SnapshotTooLarge, match="999"):
        body_of(wire, server, limit=999)
    assert pauses == []


def test_an_endless_body_is_read_no_further_than_the_limit(wire: Transport, serve: Serve) -> None:
    def endless(_: WireRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield bytes(100_000)

    server = serve(endless)
    with pytest.raises(SnapshotTooLarge):
        body_of(wire, server, limit=3_000_000)


@pytest.mark.parametrize("encodings", ["gzip", "gzip, gzip"])
def test_a_compression_bomb_is_stopped_in_little_memory(wire: Transport, serve: Serve, encodings: str) -> None:
    bomb = gzip_bomb(400)
    bomb = gzip.compress(bomb) if "," in encodings else bomb
    server = serve(fixed(answer(bomb, f"Content-Encoding: {encodings}")))
    tracemalloc.start()
    try:
        with pytest.raises(SnapshotTooLarge):
            body_of(wire, server, limit=5_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000


def test_an_answer_beyond_its_cap_is_unexpected(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    server = serve(fixed(answer(gzip_bomb(40), "Content-Encoding: gzip")))
    with pytest.raises(UnexpectedAnswer, match="8000000"):
        get(wire, server)
    assert pauses == []


CUT = {
    "length too long": answer(NOTEBOOK, f"Content-Length: {len(NOTEBOOK) + 9}"),
    "nothing of the body": answer(b"", "Content-Length: 100"),
    "between chunks": answer(b"5\r\n" + NOTEBOOK[:5] + b"\r\n", "Transfer-Encoding: chunked"),
    "inside a chunk": answer(b"fff\r\n" + NOTEBOOK[:9], "Transfer-Encoding: chunked"),
    "no chunk at all": answer(b"what", "Transfer-Encoding: chunked"),
    "gzip with a wrong checksum": answer(gzip.compress(NOTEBOOK)[:-8] + bytes(8), "Content-Encoding: gzip"),
    "before the status": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
}
UNNOTICED = {
    "inside the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "length too short": answer(NOTEBOOK, f"Content-Length: {len(NOTEBOOK) - 20}"),
    "no length": b"HTTP/1.1 200 OK\r\n\r\n" + NOTEBOOK[:-1],
    "gzip without its end": answer(gzip.compress(NOTEBOOK)[:-12], "Content-Encoding: gzip"),
    "gzip without its second half": answer(gzip.compress(NOTEBOOK)[:50], "Content-Encoding: gzip"),
    "empty": answer(b""),
}


@pytest.mark.parametrize("cut", CUT.values(), ids=CUT.keys())
def test_a_cut_that_http_notices_is_unavailable(wire: Transport, serve: Serve, cut: bytes) -> None:
    with pytest.raises(ArcGISUnavailable, match="no complete response from localhost"):
        staged(wire, serve(fixed(cut, b"")))


@pytest.mark.parametrize("cut", UNNOTICED.values(), ids=UNNOTICED.keys())
def test_a_cut_that_http_does_not_notice_is_not_a_notebook(wire: Transport, serve: Serve, cut: bytes) -> None:
    server = serve(fixed(cut, b""))
    with pytest.raises(NotANotebook):
        staged(wire, server)


@pytest.mark.parametrize("kind", ["hang-up", "cut-body", "length-too-long", "length-too-short", "gzip-truncated"])
def test_a_damaged_answer_of_arcgis_is_requested_again(client: Client, kind: str) -> None:
    item = client.item()
    client.deployment.faults.add("snapshots/download", kind, times=1)
    client.deployment.faults.add("items/resource", kind, times=1)

    def read(chunks: Iterator[bytes]) -> bytes:
        with stage(chunks, "A snapshot").file as file:
            return file.read()

    for route in ROUTES[1:]:
        access = client.routes(route).choose(item.owner, soon())
        key = access.list_snapshots(id_of(item)).snapshots[0].resource_key
        assert access.read_snapshot(id_of(item), key, 1_000_000, read) == item.snapshots[0].content
    # HTTP does not notice this cut, so the answer looks like another form. The file is requested without a pause.
    assert client.pauses == ([1.0] if kind in ("length-too-short", "gzip-truncated") else [1.0, 1.0])


@pytest.mark.parametrize("kind", ["hang-up", "cut-body", "length-too-long"])
def test_a_damaged_listing_of_arcgis_is_requested_again(client: Client, kind: str) -> None:
    client.deployment.faults.add("search", kind, times=2)
    found = client.portal().list_notebooks(client.deployment.organisation.id)
    assert len(found.notebooks) == len(client.deployment.organisation.notebooks())
    assert client.pauses == [1.0, 2.0]


# Time.


def test_a_server_that_drips_its_body_is_left_at_the_deadline(wire: Transport, serve: Serve) -> None:
    server = serve(fixed())
    server.script = lambda _: server.drip(answer(NOTEBOOK), 0.02)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="localhost"):
        body_of(wire, server, seconds=0.5)
    assert 0.4 < time.monotonic() - started < 5.0


def test_a_drip_after_many_bytes_is_left_at_the_deadline(wire: Transport, serve: Serve) -> None:
    server = serve(fixed())

    def script(_: WireRequest) -> Iterator[bytes]:
        yield answer(bytes(300_000), "Content-Length: 400000")
        yield from server.drip(bytes(100_000), 0.02)

    server.script = script
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        body_of(wire, server, seconds=0.5)
    assert 0.4 < time.monotonic() - started < 5.0


@pytest.mark.parametrize("piece", [1_000, 16_384, 100_000])
def test_a_large_body_comes_whole_in_any_pieces(wire: Transport, serve: Serve, piece: int) -> None:
    body = random.Random(1).randbytes(900_001)
    sent = answer(body)
    server = serve(fixed(*(sent[start : start + piece] for start in range(0, len(sent), piece))))
    assert body_of(wire, server) == body
    assert body_of(wire, server) == body
    assert server.connections == 1


def test_a_server_that_drips_its_headers_is_left_at_the_deadline(wire: Transport, serve: Serve) -> None:
    server = serve(fixed())
    server.script = lambda _: server.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + bytes(1000), 0.02)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        get(wire, server, seconds=0.5)
    assert time.monotonic() - started < 5.0
    assert len(server.requests) == 1


def test_endless_100_continue_ends_at_the_deadline(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> Iterator[bytes]:
        while True:
            server.wait(0.01)
            yield b"HTTP/1.1 100 Continue\r\n\r\n"

    server = serve(script)
    with pytest.raises(DeadlineExceeded):
        get(wire, server, seconds=0.5)


def test_a_server_that_says_nothing_is_left_at_the_deadline(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> Iterator[bytes]:
        server.wait(30)
        yield b""

    server = serve(script)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        get(wire, server, seconds=0.4)
    assert time.monotonic() - started < 5.0


@contextlib.contextmanager
def listening(authority: Authority, serve: Callable[[ssl.SSLSocket], object]) -> Iterator[str]:
    """Yield the URL of a server that passes its only connection to a function."""

    def accept() -> None:
        connection, _ = listener.accept()
        with authority.server().wrap_socket(connection, server_side=True) as tls:
            serve(tls)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}/x"
        thread.join()


@pytest.mark.servers
def test_a_server_that_reads_slowly_is_left_at_the_deadline(wire: Transport, authority: Authority) -> None:
    done = threading.Event()

    def read_slowly(tls: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            while not done.wait(0.002) and tls.recv(65_536):
                pass

    with listening(authority, read_slowly) as url:
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            wire.call_once("POST", url, "An upload", Deadline(1.5), file=FormFile("x.ipynb", bytes(60_000_000)))
        seconds = time.monotonic() - started
        done.set()
    assert seconds < 5.0


@pytest.mark.servers
def test_upload_may_take_longer_than_connecting(authority: Authority) -> None:
    def read_late(tls: ssl.SSLSocket) -> None:
        time.sleep(1.0)
        end = b""
        while not end.endswith(b"--\r\n"):
            end = (end + tls.recv(65_536))[-4:]
        tls.sendall(answer(b"{}"))

    wire = Transport(make_tls_context(authority.pem, strict=True), connect_seconds=0.5)
    with listening(authority, read_late) as url:
        file = FormFile("x.ipynb", bytes(20_000_000))
        assert wire.call_once("POST", url, "An upload", Deadline(20), file=file) == {}


@pytest.mark.servers
def test_a_server_that_never_reads_is_left_at_the_deadline(authority: Authority) -> None:
    done = threading.Event()
    wire = Transport(make_tls_context(authority.pem, strict=True), connect_seconds=20.0)
    with listening(authority, lambda _: done.wait(20)) as url:
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            wire.call_once("POST", url, "An upload", Deadline(0.5), file=FormFile("x.ipynb", bytes(20_000_000)))
        seconds = time.monotonic() - started
        done.set()
    assert seconds < 5.0


def test_a_slow_answer_on_a_kept_connection_ends_at_the_deadline(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}")))
    get(wire, server, seconds=20)
    server.script = lambda _: server.drip(answer(NOTEBOOK), 0.02)
    with pytest.raises(DeadlineExceeded):
        get(wire, server, seconds=0.4)
    assert server.connections == 1


def test_no_call_is_made_when_the_time_is_up(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}")))
    with pytest.raises(DeadlineExceeded, match="no time left"):
        get(wire, server, seconds=0)
    assert server.connections == 0


def test_a_slow_arcgis_is_waited_for_until_the_deadline(enterprise: Client) -> None:
    enterprise.deployment.faults.add("portals/self", "trickle", seconds=0.6)
    assert enterprise.portal().get_organization().username == "gis_admin"
    with pytest.raises(DeadlineExceeded):
        enterprise.portal(seconds=0.3).get_organization()


# Trying again.


@pytest.mark.parametrize("status", ["408 T", "413 C", "429 T", "500 E", "502 B", "503 U", "504 G", "599 X"])
def test_a_transient_fault_is_retried(wire: Transport, pauses: Pauses, serve: Serve, status: str) -> None:
    def script(_: WireRequest) -> list[bytes]:
        return [answer(b"{}") if len(server.requests) == 3 else answer(b"<html>", status=status)]

    server = serve(script)
    assert get(wire, server) == {}
    assert pauses == [1.0, 2.0]


def test_a_call_fails_after_four_attempts(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    server = serve(fixed(answer(b"", status="503 U")))
    with pytest.raises(ArcGISUnavailable, match="503"):
        get(wire, server, seconds=100)
    assert len(server.requests) == MAX_ATTEMPTS == 4
    assert pauses == [1.0, 2.0, 4.0]


def test_no_pause_is_begun_that_the_deadline_would_end(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    server = serve(fixed(answer(b"", status="503 U")))
    with pytest.raises(ArcGISUnavailable):
        get(wire, server, seconds=2.0)
    assert (pauses, len(server.requests)) == ([1.0], 2)


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        ("401 U", TokenRejected, 1),
        ("403 F", PermissionDenied, 2),
        ("400 B", UnexpectedAnswer, 1),
        ("404 N", UnexpectedAnswer, 1),
        ("418 T", UnexpectedAnswer, 1),
    ],
)
def test_client_error_is_not_retried_except_403(
    wire: Transport, serve: Serve, status: str, kind: type[ArcGISError], requests: int
) -> None:
    server = serve(fixed(answer(b"<html>No</html>", "Content-Type: text/html", status=status)))
    with pytest.raises(kind):
        get(wire, server)
    assert len(server.requests) == requests


def test_a_throttle_that_looks_like_a_403_passes(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> list[bytes]:
        return [answer(b"{}") if len(server.requests) == 2 else answer(b'{"error": {"code": 403}}')]

    server = serve(script)
    assert get(wire, server) == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 400, "messageCode": "CONT_0001", "message": "Item does not exist"}}, NotebookNotFound),
        ({"error": {"code": 404, "message": "Resource does not exist."}}, NotebookNotFound),
        ({"error": {"code": 400, "message": "'q' must be specified."}}, RequestRejected),
        ({"error": {"code": 498, "message": "Invalid token."}}, TokenRejected),
        ({"status": "error", "messages": ["no"], "code": 403}, PermissionDenied),
    ],
)
def test_the_body_of_a_real_400_says_which_error_it_is(
    wire: Transport, serve: Serve, body: object, kind: type[ArcGISError]
) -> None:
    server = serve(fixed(answer(json.dumps(body).encode(), JSON, status="400 Bad Request")))
    with pytest.raises(kind):
        get(wire, server)


def test_retry_after_is_obeyed(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    def script(_: WireRequest) -> list[bytes]:
        moment = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        waits = ["Retry-After: 7", f"Retry-After: {moment}", "Retry-After: 0"]
        done = len(server.requests) > len(waits)
        return [answer(b"{}") if done else answer(b"", waits[len(server.requests) - 1], status="429 T")]

    server = serve(script)
    assert get(wire, server, seconds=100) == {}
    assert pauses == [7.0, pytest.approx(29.5, abs=1.5), 0.0]


@pytest.mark.parametrize("value", ["1000000000", "9" * 40, "Fri, 31 Dec 2199 23:59:59 GMT"])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    wire: Transport, pauses: Pauses, serve: Serve, value: str
) -> None:
    server = serve(fixed(answer(b"", f"Retry-After: {value}", status="503 U")))
    with pytest.raises(ArcGISUnavailable) as caught:
        get(wire, server)
    assert (pauses, len(server.requests)) == ([], 1)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 10**8


@pytest.mark.parametrize("value", ["-5", "soon", "", "1e3", "12.5", "\xb2", "Fri, 99 Foo 2199 23:59:59 GMT"])
def test_invalid_retry_after_header_keeps_default_backoff(
    wire: Transport, pauses: Pauses, serve: Serve, value: str
) -> None:
    header = f"Retry-After: {value}"
    server = serve(lambda _: [answer(b"", header, status="503 U").replace("\xb2".encode(), b"\xb2")])
    with pytest.raises(ArcGISUnavailable):
        get(wire, server, seconds=100)
    assert pauses == [1.0, 2.0, 4.0]


def test_a_retry_date_in_the_past_means_no_pause() -> None:
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@settings(max_examples=200)
@given(st.text("0123456789 :,+-FriOctGMT\xb2\t", max_size=40))
@example("Fri, 31 Dec 2199 23:59:59 +9999999999")
@example("Fri, 31 Dec 99999 23:59:59 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2300")
@example("Fri, 31 Dec 9999 23:59:59 -2300")
@example("1 1 1 1:1:1:1:1 1")
def test_any_retry_after_is_seconds_or_none(value: str) -> None:
    seconds = parse_retry_after(value)
    assert seconds is None or seconds >= 0


def test_retry_after_of_the_local_arcgis_is_obeyed(client: Client) -> None:
    client.deployment.faults.add("portals/self", "http-429", times=1, retry_after="3")
    client.deployment.faults.add("portals/self", "http-503", times=1)
    assert client.portal().get_organization().id
    assert client.pauses == [3.0, 2.0]


# Connections.


def test_calls_after_one_another_share_a_connection(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}")))
    for _ in range(10):
        get(wire, server)
        assert body_of(wire, server) == b"{}"
    assert (len(server.requests), server.connections) == (20, 1)


def test_downloads_keep_the_connection(wire: Transport, serve: Serve) -> None:
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (NOTEBOOK, NOTEBOOK)) + b"0\r\n\r\n"
    scripts = [answer(bytes(700_000)), answer(b"", "Transfer-Encoding: chunked") + chunked]
    server = serve(lambda _: [scripts[len(server.requests) % 2]])
    for _ in range(6):
        body_of(wire, server)
    assert server.connections == 1


def test_threads_have_a_connection_each_and_keep_it(wire: Transport, serve: Serve) -> None:
    def script(_: WireRequest) -> list[bytes]:
        server.wait(0.01)
        return [answer(b"{}")]

    server = serve(script)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: get(wire, server), range(40)))
    assert len(server.requests) == 40
    assert server.connections <= 4


def test_a_connection_that_the_server_closed_is_not_used(wire: Transport, pauses: Pauses, serve: Serve) -> None:
    server = serve(fixed(answer(b"{}"), b""))
    for _ in range(3):
        get(wire, server)
        time.sleep(0.05)
    assert (server.connections, pauses) == (3, [])


def test_an_unread_body_does_not_spoil_the_next_call(wire: Transport, serve: Serve) -> None:
    server = serve(fixed(answer(NOTEBOOK * 1000)))
    with closing(wire.stream("GET", f"{server.url}/x", "A body", soon(), 10_000_000)) as chunks:
        next(chunks)
    server.script = fixed(answer(b'{"right": true}'))
    assert get(wire, server) == {"right": True}


# Addresses.


def test_a_server_that_does_not_listen_is_unavailable(wire: Transport, serve: Serve, pauses: Pauses) -> None:
    server = serve(fixed())
    server.__exit__(None, None, None)
    with pytest.raises(ArcGISUnavailable, match="localhost"):
        get(wire, server)
    assert len(pauses) == MAX_ATTEMPTS - 1


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1/x", "ftp://localhost/x", "https://", "localhost/x", "https://localhost:99999/x", "file:///x"],
)
def test_an_address_without_https_is_refused(wire: Transport, pauses: Pauses, url: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="not a usable address"):
        wire.call("GET", url, "A call", soon(), token="t0k3n")
    assert pauses == []
