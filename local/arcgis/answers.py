"""What goes back to the client: the three formats, and the six shapes in which ArcGIS reports an error.

A  `{"error": {"code", "message", "details"}}`        portal, and notebook hosts for most operations
B  `{"status": "error", "messages": [...], "code"}`    server administration
C  `{"status": "failure"}`                             `snapshots/*` as documented
D  `{"code", "message", "status": "failure"}`          billing and others
E  an HTML page                                        `f` omitted, a proxy, a sign-in page
F  `{"error": {"code", "error", "error_description"}}` OAuth
All of them come with HTTP 200 unless a switch says otherwise.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.arcgis.content import Content
from local.arcgis.switches import Shape, Switches

type Payload = Mapping[str, Any]

HTML = "text/html;charset=utf-8"
SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, before any fault touches it."""

    content: Content = b""
    content_type: str = "application/json;charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An operation says no. `code` is ArcGIS's own code, which is not the HTTP status."""

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
        """The body in the refusal's shape."""
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


def oauth_error(error: str, description: str) -> dict[str, Any]:
    """Shape F."""
    body = {"code": 400, "error": error, "error_description": description, "message": description, "details": []}
    return {"error": body}


def render(payload: Payload, format_: str, switches: Switches, *, title: str, status: int = 200) -> Answer:
    """The payload in the format of the parameter `f`; anything but json and pjson is a directory page."""
    if format_ == "json":
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        return Answer(text.encode(), switches.json_content_type, status)
    pretty = json.dumps(payload, ensure_ascii=False, indent=2)
    if format_ == "pjson":
        return Answer(pretty.encode(), switches.json_content_type, status)
    return page(title, pretty, status)


def page(title: str, text: str, status: int = 200) -> Answer:
    """A page of the services directory."""
    head = f"<!DOCTYPE html>\n<html><head><title>{html.escape(title)}</title></head>"
    body = f"<body><h1>{html.escape(title)}</h1><pre>{html.escape(text)}</pre></body></html>\n"
    return Answer((head + body).encode(), HTML, status)
