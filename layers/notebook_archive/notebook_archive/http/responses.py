"""Answers to callers: JSON, pages, files, the way to a file that is too large for an answer."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec

from notebook_archive import pages
from notebook_archive.errors import MethodRefused, NotebookArchiveError, RequestRefused
from notebook_archive.http.error_table import failure_of
from notebook_archive.http.request import Request
from notebook_archive.reading import SnapshotRead, Wanted

INLINE_BYTES = 4_500_000
"""Most bytes of an answer.  Lambda answers with 6 MB at most, and a body grows by a third in base64."""
SHOWN_BYTES = 50_000_000
"""Most bytes of a notebook that are read for a page, which then shows what fits."""
TEXT_BYTES = 6_000_000
"""Most bytes of an answer that Lambda hands over as text: with its quotes and breaks escaped, and room for headers."""
RETRY_SECONDS = 5

_JSON = "application/json;charset=utf-8"
_HTML = "text/html;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, before API Gateway has it."""

    status: HTTPStatus
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_gateway(self, correlation_id: str, *, decodes: bool = True) -> dict[str, Any]:
        """Return the object that API Gateway's proxy integration wants.

        The body is base64, so that every byte arrives as it left.  API Gateway ``decodes`` it for callers that send an
        Accept header; what it does for others is documented nowhere, so they get text wherever the body is text.
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
        text = None if decodes else _text(self.body)
        body = b64encode(self.body).decode() if text is None else text
        return {"statusCode": int(self.status), "headers": headers, "body": body, "isBase64Encoded": text is None}


def _text(body: bytes) -> str | None:
    """Return the body as the text that it is, None where it is none or grows too large as a JSON string."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if len(msgspec.json.encode(text)) <= TEXT_BYTES else None


def _page(html: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    policy = {"Content-Security-Policy": pages.content_security_policy()}
    return Answer(status, html.encode(errors="replace"), _HTML, {**policy, **(headers or {})})


def _json(document: Mapping[str, Any], *, indented: bool) -> Answer:
    separators = None if indented else (",", ":")
    text = json.dumps(document, ensure_ascii=False, indent=2 if indented else None, separators=separators)
    return Answer(HTTPStatus.OK, text.encode(errors="replace"), _JSON)


def session_answer(request: Request, session: Mapping[str, Any], *, token_field: bool) -> Answer:
    """Return one open notebook, as a page unless ``f`` says otherwise."""
    if request.wants_page:
        return _page(pages.session_page(session, token_field=token_field))
    return _json(session, indented=request.format == "pjson")


def sessions_answer(request: Request, listing: Mapping[str, Any], *, token_field: bool) -> Answer:
    """Return the open notebooks, as a page unless ``f`` says otherwise."""
    if request.wants_page:
        return _page(pages.sessions_page(listing, token_field=token_field))
    return _json(listing, indented=request.format == "pjson")


def wanted_by(request: Request) -> Wanted:
    """Return what a request for a snapshot wants."""
    key = request.resource_key
    shown = SHOWN_BYTES if request.wants_page else INLINE_BYTES
    how = {"from_arcgis": request.from_arcgis, "described": request.wants_page}
    return Wanted(request.item_id, key, shown, INLINE_BYTES, file_name(key), request.run, **how)


def snapshot_answer(request: Request, found: SnapshotRead, *, token_field: bool) -> Answer:
    """Return a snapshot: as a page, as its bytes, indented, or as the way to it where it is too large for an
    answer."""
    item_id, key = request.item_id, request.resource_key
    headers = {
        "X-Notebook-Source": found.source,
        "Repr-Digest": f"sha-256=:{b64encode(found.digest).decode()}:",  # RFC 9530
    }
    if request.wants_page:
        page = pages.snapshot_page(
            found.body,
            item_id=item_id,
            resource_key=key,
            details=found.details,
            source=found.source,
            file_url=found.link,
            token_field=token_field,
        )
        return _page(page, headers={"X-Notebook-Source": found.source})
    if found.link:
        return Answer(HTTPStatus.SEE_OTHER, b"", _JSON, {**headers, "Location": found.link})
    body = found.body or b""
    if request.format == "pjson":
        indented = _indented(body)
        if len(indented) <= INLINE_BYTES:
            return Answer(HTTPStatus.OK, indented, _JSON, {"X-Notebook-Source": found.source})
    headers["Content-Disposition"] = f'attachment; filename="{file_name(key)}"'
    return Answer(HTTPStatus.OK, body, "application/json", headers)


def file_name(resource_key: str) -> str:
    """Return the name under which a snapshot is saved."""
    return resource_key.removesuffix(".json") + ".ipynb"


def _indented(body: bytes) -> bytes:
    """Return the notebook indented, or as it is where it is not JSON by the letter, as ArcGIS's own need not be."""
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body


def form_answer(request: Request, *, token_field: bool) -> Answer:
    """Return the form of the download operation, filled in as far as the query tells.

    A program that forgot to POST must not take the form for a notebook, so it is refused.
    """
    if not request.wants_page:
        raise MethodRefused("A download is a POST.")
    values = (request.parameter("itemId"), request.parameter("resourceKey", "resourceKeys"))
    return _page(pages.download_form(*values, token_field=token_field))


def failure_answer(request: Request, error: NotebookArchiveError, *, as_page: bool) -> Answer:
    """Return what the one table says of an error: a page for people, ArcGIS's error envelope for programs."""
    told = failure_of(error)
    headers = {"Allow": "POST"} if told.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    if told.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if told.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="ArcGIS"'  # RFC 9110 section 15.5.2 demands one
    if as_page:
        title = f"{int(told.status)} {told.status.phrase}"
        page = pages.error_page(
            int(told.status),
            title,
            told.text,
            request.correlation_id,
            token_form=told.status == HTTPStatus.UNAUTHORIZED,
            **_way_back(request),
        )
        return _page(page, told.status, headers)
    details = [f"Correlation id {request.correlation_id}"]
    envelope = {"error": {"code": told.code, "message": told.text, "details": details}}
    return Answer(told.status, json.dumps(envelope).encode(), _JSON, headers)


def _way_back(request: Request) -> dict[str, Any]:
    """Return what an error page needs for another try."""
    try:
        fields = request.repeatable
    except RequestRefused:
        fields = {}  # the body is no form
    if not request.resource.endswith("/download"):
        return {"fields": fields}
    known = {name: value for name, value in fields.items() if name in ("itemId", "resourceKey")}
    return {"fields": fields, "form_url": "download" + (f"?{urlencode(known)}" if known else "")}
