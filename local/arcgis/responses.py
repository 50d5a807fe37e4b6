"""Responses: the three formats, the six shapes in which ArcGIS reports an error, and functions that send a response.

A  `{"error": {"code", "message", "details"}}`        portal, and notebook hosts for most operations
B  `{"status": "error", "messages": [...], "code"}`    server administration
C  `{"status": "failure"}`                             `snapshots/*` as documented
D  `{"code", "message", "status": "failure"}`          billing and others
E  an HTML page                                        `f` omitted, a proxy, a sign-in page
F  `{"error": {"code", "error", "error_description"}}` OAuth
All shapes come with HTTP 200 unless a switch changes the status.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Send

from local.arcgis.content import Content, chunks, size_of
from local.arcgis.switches import Shape, Switches

type Payload = Mapping[str, Any]

HTML = "text/html;charset=utf-8"
SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, before a fault changes it."""

    content: Content = b""
    content_type: str = "application/json;charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class OperationError(Exception):
    """An operation refuses the call. `code` is the error code in the body, not the HTTP status."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        details: Sequence[str] | None = (),
        message_code: str | None = None,
        shape: Shape = "A",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = None if details is None else list(details)
        self.message_code = message_code
        self.shape = shape

    def payload(self) -> dict[str, Any]:
        """Return the body in the error's shape."""
        if self.shape == "B":
            return {"status": "error", "messages": [self.message, *(self.details or [])], "code": self.code}
        if self.shape == "C":
            return {"status": "failure", "message": self.message}
        if self.shape == "D":
            return {"code": self.code, "message": self.message, "status": "failure", "details": None}
        error: dict[str, Any] = {"code": self.code, "message": self.message, "details": self.details}
        if self.message_code:
            error["messageCode"] = self.message_code
        return {"error": error}


def make_oauth_error(error: str, description: str) -> dict[str, Any]:
    """Return the body of an error in shape F."""
    body = {"code": 400, "error": error, "error_description": description, "message": description, "details": []}
    return {"error": body}


def render(payload: Payload, format_: str, switches: Switches, *, title: str, status: int = 200) -> Response:
    """Return the payload in the format of the parameter `f`: JSON for `json` and `pjson`, otherwise an HTML page."""
    if format_ == "json":
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        return Response(text.encode(), switches.json_content_type, status)
    pretty = json.dumps(payload, ensure_ascii=False, indent=2)
    if format_ == "pjson":
        return Response(pretty.encode(), switches.json_content_type, status)
    return make_page(title, pretty, status)


def make_page(title: str, text: str, status: int = 200) -> Response:
    """Return an HTML page like those of the services directory."""
    head = f"<!DOCTYPE html>\n<html><head><title>{html.escape(title)}</title></head>"
    body = f"<body><h1>{html.escape(title)}</h1><pre>{html.escape(text)}</pre></body></html>\n"
    return Response((head + body).encode(), HTML, status)


async def send_start(send: Send, response: Response, extra: Mapping[str, str]) -> None:
    """Send the status line and the headers of the response, and the extra headers."""
    headers = [(b"content-type", response.content_type.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in {**response.headers, **extra}.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def send_body(send: Send, body: bytes | memoryview, *, more: bool = False) -> None:
    """Send one part of the body."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def send_response(response: Response, send: Send) -> None:
    """Send the whole response. A file is read and sent in chunks."""
    length = size_of(response.content)
    await send_start(send, response, {"content-length": str(length)})
    if not length:
        await send_body(send, b"")
        return
    sent = 0
    for chunk in chunks(response.content):
        sent += len(chunk)
        await send_body(send, chunk, more=sent < length)
