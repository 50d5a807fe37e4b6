"""Send HTTP requests to ArcGIS. Each has a token, a deadline, a limit in bytes, and verified TLS.

Only admin calls follow a redirect. They follow one redirect within the same host.
"""

import copy
import http.client
import random
import re
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from notebook_archive.arcgis.envelopes import build_error, find_error_in_body, parse_answer
from notebook_archive.arcgis.retries import Retries, parse_retry_after
from notebook_archive.arcgis.tls import READ_SECONDS, TLSAdapter, limit_receives
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    AnswerTooLarge,
    ArcGISError,
    ArcGISUnavailable,
    CertificateUntrusted,
    DeadlineExceeded,
    NoContent,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SnapshotTooLarge,
    UnexpectedAnswer,
)

# The path of the portal's sharing API below the portal's URL.
SHARING_API = "/sharing/rest"
# This referer is sent with every call. Tokens are bound to it, because a Lambda function has no fixed IP address to
# which a token could be bound.
REFERER = "https://notebook-archive.invalid/"

CONNECT_SECONDS = 10.0
# Maximum number of bytes in a listing or a description. A page of 100 items has some hundred kilobytes.
ANSWER_BYTES = 8_000_000
CHUNK_BYTES = 262_144
# Maximum number of bytes read from an HTTP error's body.
ERROR_BYTES = 65_536
# If a connection breaks less than this time before the deadline, the error is DeadlineExceeded.
DEADLINE_MARGIN_SECONDS = 0.05
# Maximum number of an exception's causes that are searched for an untrusted certificate.
MAX_CAUSES = 10

# HTTP statuses after which a retry may help. 413 is included because gateways under load send it, and because Esri's
# own session retries it.
_TRY_LATER = frozenset((408, 413, 429))
# HTTP statuses of redirects that are followed with the same method. 303 is not included, because it requires GET.
_REDIRECTS = frozenset((301, 302, 307, 308))
# The target of a redirect. It is an HTTPS address without a user name, and without a character that two parsers could
# read differently.
_ADDRESS = re.compile(
    r"https://[A-Za-z0-9._\-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~!$&'()*+,;=:@%/\-]*(?:\?[!$-;=?-Z_a-z~]*)?"
)
# Exceptions that requests, urllib3 and the standard library raise while they read a response.
_CONNECTION_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # the libraries could not parse a number or a header
    ArithmeticError,
)


@dataclass(frozen=True, slots=True, repr=False)
class FormFile:
    """A file that is sent in a multipart form, in the field `file`. It is in memory, so keep it to some megabytes."""

    name: str
    content: bytes


class _Session(requests.Session):
    """A session that ignores redirects. `requests.Session` would read the whole body of a redirect, of any size."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that no response counts as a redirect."""


class Transport:
    """Sends every request to ArcGIS. Threads may share it.

    A POST request contains the token in its form body, as Enterprise on Kubernetes requires. A GET request contains it
    in the header `X-Esri-Authorization`. A URL never contains a token, because access logs contain URLs.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        connections: int = 16,
        connect_seconds: float = CONNECT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._session = _Session()
        self._session.trust_env = False  # ignore proxies, .netrc and CA bundles from the environment
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "notebook-archive"})
        # A shared cache may store responses to requests without `Authorization` (RFC 9111 section 3.5), and ArcGIS's
        # token header has another name. Old content from a cache would be archived as the content after a save.
        self._session.headers["Cache-Control"] = "no-cache, no-store"
        self._referer = REFERER
        # All owners share this session. A cookie that a server sets for one owner must not be sent for another.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.adapters.clear()  # accept only HTTPS addresses
        self._session.mount("https://", TLSAdapter(context, connections))
        self.retries = Retries(sleep, jitter)
        self._connect_seconds = connect_seconds
        self._follows_redirects = False

    def with_referer(self, referer: str) -> "Transport":
        """Return a transport for tokens that are bound to another referer. If `referer` is empty, no referer is sent.

        Both transports share their connections.
        """
        other = copy.copy(self)
        other._referer = referer  # noqa: SLF001 - an object of the same class
        return other

    def with_redirects(self) -> "Transport":
        """Return a transport for admin calls. It follows one redirect within the same host.

        Both transports share their connections.
        """
        other = copy.copy(self)
        other._follows_redirects = True  # noqa: SLF001 - an object of the same class
        return other

    def call(
        self,
        method: str,
        url: str,
        what: str,
        deadline: Deadline,
        *,
        token: str = "",
        fields: Mapping[str, str] | None = None,
        file: FormFile | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that ArcGIS sends. Transient faults are retried; see `Retries.run`.

        See `call_once` for the arguments and the errors.
        """
        return self.retries.run(
            lambda: self.call_once(method, url, what, deadline, token=token, fields=fields, file=file), deadline
        )

    def call_once(
        self,
        method: str,
        url: str,
        what: str,
        deadline: Deadline,
        *,
        token: str = "",
        fields: Mapping[str, str] | None = None,
        file: FormFile | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that ArcGIS sends to one request. Nothing is retried.

        `what` names the call in messages. `fields` are the query of a GET request or the form of a POST request. With a
        `file`, the form of a POST request is a multipart form. Raises AnswerTooLarge if the body has more than
        ANSWER_BYTES, or another ArcGISError.
        """
        stream = self.stream(method, url, what, deadline, ANSWER_BYTES, token=token, fields=fields, file=file)
        try:
            with closing(stream) as chunks:
                return parse_answer(b"".join(chunks), what)
        except SnapshotTooLarge as error:
            raise AnswerTooLarge(str(error)) from None

    def stream(
        self,
        method: str,
        url: str,
        what: str,
        deadline: Deadline,
        limit: int,
        *,
        token: str = "",
        fields: Mapping[str, str] | None = None,
        file: FormFile | None = None,
        refuse_empty: bool = False,
    ) -> Generator[bytes]:
        """Yield the body in chunks of up to CHUNK_BYTES. Close the iterator if you do not read it to its end.

        Nothing is retried. Raises SnapshotTooLarge if the body has more than `limit` bytes. Raises an ArcGISError for
        an HTTP error status and for a broken connection. Even without an error, the body may be incomplete, because
        HTTP does not detect every truncated body. With `refuse_empty`, NoContent is raised if the headers prove that
        the body is empty.
        """
        if deadline.remaining() <= 0:
            raise DeadlineExceeded(f"{what}: there was no time left to call the server.")
        form = dict(fields or {})
        headers = {"Referer": self._referer} if self._referer else {}
        if token and method == "POST":
            form["token"] = token
        elif token:
            headers["X-Esri-Authorization"] = f"Bearer {token}"
        limit_receives(deadline, limit)
        response = None
        try:
            response = self._request(method, url, form, file, headers, deadline)
            if self._follows_redirects and (target := _find_redirect_target(response, url)):
                response.close()
                form = {} if method == "GET" and urlsplit(target).query else form
                response = self._request(method, target, form, file, headers, deadline)
            _check_status(response, what)
            received = 0
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
                received += len(chunk)
                if received > limit:
                    raise SnapshotTooLarge(f"{what}: the body is larger than {limit} bytes.")
                yield chunk
            if refuse_empty and not received and _is_proven_empty(response):
                raise NoContent(f"{what}: the server sent an empty file.")
        except _CONNECTION_ERRORS as error:
            raise _translate_error(error, what, urlsplit(url).netloc, deadline) from None
        finally:
            if response is not None:
                response.close()

    def _request(
        self,
        method: str,
        url: str,
        form: Mapping[str, str],
        file: FormFile | None,
        headers: Mapping[str, str],
        deadline: Deadline,
    ) -> requests.Response:
        return self._session.request(
            method,
            url,
            files={"file": (file.name, file.content, "application/octet-stream")} if file else None,
            **{"data" if method == "POST" else "params": form},  # type: ignore[arg-type]  # the key is one of two names
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(min(self._connect_seconds, deadline.remaining()), min(READ_SECONDS, deadline.remaining())),
        )


def _is_proven_empty(response: requests.Response) -> bool:
    """Return whether the status and headers of an empty response prove that no byte is missing.

    A body without a length ends with the connection, so a truncated body looks complete. urllib3 raises an error if a
    chunked body has no last chunk, but not if a compressed body is truncated. Responses with another status do not
    contain the file. For example, AWS WAF sends an empty 202 to challenge a client.
    """
    headers = response.headers
    if response.status_code != 200 or headers.get("Content-Encoding", "identity") != "identity":
        return False
    return headers.get("Content-Length") == "0" or headers.get("Transfer-Encoding", "").lower() == "chunked"


def _find_redirect_target(response: requests.Response, url: str) -> str:
    """Return the target of a redirect, or an empty string if there is none within the same host.

    The port must be the same or 443, because web servers redirect from another port to 443.
    """
    location = response.headers.get("Location", "")
    if response.status_code not in _REDIRECTS or not location:
        return ""
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        is_same_host = new.hostname == old.hostname and (new.port or 443) in (443, old.port or 443)
    except ValueError:  # the port or the address is not valid
        return ""
    return target if is_same_host and _ADDRESS.fullmatch(target) else ""


def _check_status(response: requests.Response, what: str) -> None:
    status = response.status_code
    if 300 <= status < 400:
        redirected = UnexpectedAnswer(f"{what}: the server sent a redirect (HTTP {status}), which is not followed.")
        redirected.location = response.headers.get("Location", "")
        raise redirected
    if status >= 500 or status in _TRY_LATER:
        passing = build_error(status, what)
        if isinstance(passing, ArcGISUnavailable):
            passing.retry_after = parse_retry_after(response.headers.get("Retry-After", ""))
        raise passing
    if status >= 400:
        raise _build_refusal(status, response.raw.read(ERROR_BYTES, decode_content=True), what)


def _build_refusal(status: int, body: bytes, what: str) -> ArcGISError:
    """Return the error for an HTTP status 4xx. If the body is an ArcGIS error response, it decides.

    Otherwise a proxy or a web server sent the response. A 404 then means that the address is wrong, and not that the
    notebook was deleted.
    """
    error = find_error_in_body(body, what)
    if error and not isinstance(error, UnexpectedAnswer):
        return error
    error = build_error(status, what)
    if isinstance(error, NotebookNotFound | RequestRejected):
        return UnexpectedAnswer(f"{what}: the server returned HTTP {status}, but not in ArcGIS's form.")
    if isinstance(error, PermissionDenied):
        error.is_foreign = True
    return error


def _translate_error(error: Exception, what: str, host: str, deadline: Deadline) -> Exception:
    """Return our error for an error from requests, urllib3 or the socket. Omit its message, which contains the URL."""
    if deadline.remaining() <= DEADLINE_MARGIN_SECONDS:
        return DeadlineExceeded(f"{what}: the response from {host} was not complete at the deadline.")
    for cause in _list_causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateUntrusted(f"{what}: the certificate of {host} is not trusted ({cause.verify_message}).")
    if isinstance(
        error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema | requests.exceptions.MissingSchema
    ):
        return UnexpectedAnswer(f"{what}: {host!r} is not a usable address.")
    return ArcGISUnavailable(f"{what}: no complete response from {host} ({type(error).__name__}).")


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes. Libraries store a cause in `__cause__`, `__context__`, `reason` or `args`."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        reason = getattr(cause, "reason", None)
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = cause.__cause__ or cause.__context__ or (reason if isinstance(reason, BaseException) else inner)
