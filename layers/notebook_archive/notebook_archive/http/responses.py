"""Make the responses to callers: JSON, pages, files, and redirects to files that are too large for a response."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec

from notebook_archive import pages
from notebook_archive.archive import CopyId
from notebook_archive.errors import MethodRefused, NotebookArchiveError, ParameterInvalid, RequestRefused
from notebook_archive.http.error_table import find_failure
from notebook_archive.http.landing import describe_api
from notebook_archive.http.request import Request
from notebook_archive.models.file_names import format_attachment
from notebook_archive.reading import SnapshotRead, SnapshotRequest
from notebook_archive.settings import ApiAuth

# Maximum size of a body in a response. Lambda allows 6 MB for a response, and base64 makes a body a third larger.
MAX_INLINE_BYTES = 4_500_000
# Maximum size of a notebook that is rendered as a page. The page shows as much of it as fits.
MAX_PAGE_SOURCE_BYTES = 50_000_000
# Maximum size of a body that Lambda returns as a JSON string, in which quotes and line breaks are escaped. The rest of
# Lambda's 6 MB is for the headers.
MAX_TEXT_BYTES = 6_000_000
RETRY_AFTER_SECONDS = 5

_JSON = "application/json;charset=utf-8"
_HTML = "text/html;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to a caller."""

    status: HTTPStatus
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_gateway(self, correlation_id: str, *, has_accept_header: bool) -> dict[str, Any]:
        """Return the object that API Gateway's proxy integration expects.

        The body is base64, so that every byte arrives unchanged. API Gateway decodes it if the request has an Accept
        header. What API Gateway does without that header is not documented. So without it, text is returned as text.
        """
        headers = {
            "Content-Type": self.content_type,
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "X-Correlation-Id": correlation_id,
            **self.headers,
        }
        text = None if has_accept_header else _decode(self.body)
        body = b64encode(self.body).decode() if text is None else text
        return {"statusCode": int(self.status), "headers": headers, "body": body, "isBase64Encoded": text is None}


def _decode(body: bytes) -> str | None:
    """Return the body as a string, or None if it is not UTF-8 or would be too large as a JSON string."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if len(msgspec.json.encode(text)) <= MAX_TEXT_BYTES else None


def _make_page(html: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    policy = {"Content-Security-Policy": pages.content_security_policy()}
    return Answer(status, html.encode(errors="replace"), _HTML, {**policy, **(headers or {})})


def _make_json(document: Mapping[str, Any], *, indented: bool) -> Answer:
    separators = None if indented else (",", ":")
    text = json.dumps(document, ensure_ascii=False, indent=2 if indented else None, separators=separators)
    return Answer(HTTPStatus.OK, text.encode(errors="replace"), _JSON)


def answer_landing(request: Request, api_auth: ApiAuth) -> Answer:
    """Return what this API offers, as a page unless `f` says otherwise."""
    landing = describe_api(api_auth)
    if request.wants_page:
        return _make_page(pages.landing_page(landing, link_prefix=request.link_prefix))
    return _make_json(landing, indented=request.format == "pjson")


def answer_session(request: Request, session: Mapping[str, Any], *, token_field: bool) -> Answer:
    """Return one open notebook, as a page unless `f` says otherwise."""
    if request.wants_page:
        return _make_page(pages.session_page(session, token_field=token_field))
    return _make_json(session, indented=request.format == "pjson")


def answer_sessions(request: Request, listing: Mapping[str, Any], *, token_field: bool) -> Answer:
    """Return the open notebooks, as a page unless `f` says otherwise."""
    if request.wants_page:
        return _make_page(pages.sessions_page(listing, token_field=token_field))
    return _make_json(listing, indented=request.format == "pjson")


def parse_snapshot_request(request: Request) -> SnapshotRequest:
    """Return which snapshot a request asks for, and in which form."""
    version = request.version
    if isinstance(version, CopyId) and request.from_arcgis:
        raise ParameterInvalid("Only the archive has copies of a notebook's content. Leave out source=arcgis.")
    return SnapshotRequest(
        request.item_id,
        version,
        max_body_bytes=MAX_PAGE_SOURCE_BYTES if request.wants_page else MAX_INLINE_BYTES,
        max_inline_bytes=MAX_INLINE_BYTES,
        run=request.run,
        from_arcgis=request.from_arcgis,
        is_for_person=request.accepts_html or request.wants_page,
    )


def answer_snapshot(request: Request, wanted: SnapshotRequest, snapshot: SnapshotRead, *, token_field: bool) -> Answer:
    """Return a snapshot as a page, as its bytes, or as indented JSON. If it is too large, redirect to its file."""
    headers = {
        "X-Notebook-Source": snapshot.source,
        "Repr-Digest": f"sha-256=:{b64encode(snapshot.digest).decode()}:",  # RFC 9530
    }
    if request.wants_page:
        page = pages.snapshot_page(
            snapshot.body,
            item_id=wanted.item_id,
            resource_key=wanted.resource_key,
            details=snapshot.details,
            source=snapshot.source,
            file_url=snapshot.link,
            token_field=token_field,
        )
        return _make_page(page, headers={"X-Notebook-Source": snapshot.source})
    if snapshot.link:
        return Answer(HTTPStatus.SEE_OTHER, b"", _JSON, {**headers, "Location": snapshot.link})
    body = snapshot.body or b""
    if request.format == "pjson":
        indented = _indent(body)
        if len(indented) <= MAX_INLINE_BYTES:
            return Answer(HTTPStatus.OK, indented, _JSON, {"X-Notebook-Source": snapshot.source})
    headers["Content-Disposition"] = format_attachment(snapshot.file_name)
    return Answer(HTTPStatus.OK, body, "application/json", headers)


def _indent(body: bytes) -> bytes:
    """Return the notebook indented, or unchanged if it is not strict JSON. ArcGIS may send such files."""
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body


def answer_form(request: Request, *, token_field: bool) -> Answer:
    """Return the form of the download operation, filled in with the values of the query.

    Raises MethodRefused if a program sends GET instead of POST, so that it does not save the form as a notebook.
    """
    if not request.wants_page:
        raise MethodRefused("A download needs the method POST.")
    item_id, key = request.read_parameter("itemId"), request.read_parameter("resourceKey", "resourceKeys")
    return _make_page(pages.download_form(item_id, key, token_field=token_field))


def answer_failure(request: Request, error: NotebookArchiveError, *, as_page: bool) -> Answer:
    """Return the response to a request that failed: a page for people, or ArcGIS's error envelope for programs."""
    failure = find_failure(error)
    headers = {"Allow": "POST"} if failure.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if failure.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="ArcGIS"'  # RFC 9110, section 15.5.2, requires this header
    if as_page:
        page = pages.error_page(
            int(failure.status),
            failure.title,
            failure.page_text or failure.text,
            request.correlation_id,
            token_form=failure.status == HTTPStatus.UNAUTHORIZED,
            home_url=_find_home(request),
            **_prepare_retry(request),
        )
        return _make_page(page, failure.status, headers)
    details = [f"Correlation id {request.correlation_id}"]
    envelope = {"error": {"code": failure.code, "message": failure.text, "details": details}}
    return Answer(failure.status, json.dumps(envelope).encode(), _JSON, headers)


def _find_home(request: Request) -> str:
    """Return the address of the landing page, relative to the address of the request. It is empty on that page."""
    return "../" * (request.resource.count("/") - 1) if request.resource != "/" else ""


def _prepare_retry(request: Request) -> dict[str, Any]:
    """Return the arguments of an error page that let its reader send the request again."""
    try:
        fields = request.resent_fields
    except RequestRefused:
        fields = {}  # the body is not a form
    if not request.resource.endswith("/download"):
        return {"fields": fields}
    known = {name: value for name, value in fields.items() if name in ("itemId", "resourceKey")}
    return {"fields": fields, "form_url": "download" + (f"?{urlencode(known)}" if known else "")}
