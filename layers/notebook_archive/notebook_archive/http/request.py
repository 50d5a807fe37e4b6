"""What a caller asks, read from API Gateway's event: parsed once, and refused by name."""

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl

from notebook_archive.arcgis.caller_identity import CallerToken
from notebook_archive.archive import RunId
from notebook_archive.clock import format_moment
from notebook_archive.errors import CallerTokenMissing, MediaTypeRefused, ParameterInvalid
from notebook_archive.models import ItemId, ResourceKey, SessionId

Format = Literal["html", "json", "pjson"]
FORMATS: tuple[Format, ...] = ("html", "json", "pjson")
FORM = "application/x-www-form-urlencoded"
BODY_BYTES = 65_536
MAX_VALUE_LENGTH = 200
MAX_FIELDS = 50
MAX_REPEATED_BYTES = 60
REPEATABLE = ("itemId", "resourceKey", "resourceKeys", "source", "f", "start", "num")
HIGHEST_START = 1_000_000
MAX_SESSIONS = 100
"""Of one answer; Notebook Server's own limit."""

TOKEN = re.compile(r"[!-~]{1,8192}")
_REFERER = re.compile(r"[!-~]{0,2048}")
_BEARER = re.compile(r"(?i:bearer) +(.+)")


class Request:
    """One request.  Each property raises a RequestRefused or NotAnId where what it reads is not of its form."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        context = event.get("requestContext") or {}
        self.method: str = event.get("httpMethod", "")
        self.resource: str = event.get("resource", "")
        """The route as API Gateway has it, such as ``/admin/notebooks/{notebookId}``."""
        self.correlation_id: str = context.get("requestId", "")
        self.principal: str = (context.get("identity") or {}).get("userArn") or ""
        """Whom AWS let in, empty where nobody was asked for."""
        self._received = int(context.get("requestTimeEpoch") or 0)
        self._headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}

    @cached_property
    def _form(self) -> list[tuple[str, str]]:
        body = self._event.get("body") or ""
        try:
            raw = b64decode(body) if self._event.get("isBase64Encoded") else body.encode()
            if len(raw) > BODY_BYTES:
                raise ParameterInvalid(f"The body is larger than {BODY_BYTES} bytes, which no request here needs.")
            if raw and self._headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
                raise MediaTypeRefused(f"The body is not of type {FORM}.")
            return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        except ValueError:
            raise ParameterInvalid("The body is not a form: it is not UTF-8, or has too many fields.") from None

    @cached_property
    def _query(self) -> list[tuple[str, str]]:
        query = self._event.get("multiValueQueryStringParameters") or {}
        return [(name, value) for name, values in query.items() for value in values]

    def parameter(self, *names: str, default: str = "") -> str:
        """Return a parameter of the form or of the query, whichever has it, under any of its names."""
        values = {value for name, value in (*self._form, *self._query) if name in names}
        if len(values) > 1:
            raise ParameterInvalid(f"{names[0]} was given more than once, and differently.")
        value = values.pop() if values else default
        if len(value) > MAX_VALUE_LENGTH:
            raise ParameterInvalid(f"{names[0]} is longer than {MAX_VALUE_LENGTH} characters.")
        return value

    def _required(self, *names: str) -> str:
        value = self.parameter(*names)
        if not value:
            raise ParameterInvalid(f"{names[0]} is missing.")
        return value

    @property
    def repeatable(self) -> dict[str, str]:
        """What of the request a form may send once more: the parameters that are no credential, and not too long to be
        what they should be."""
        given = dict([*self._query, *self._form])
        return {name: given[name] for name in REPEATABLE if 0 < len(given.get(name, "")) <= MAX_REPEATED_BYTES}

    @property
    def format(self) -> Format | None:
        """``f``, None where it is absent."""
        text = self.parameter("f")
        if text and text not in FORMATS:
            raise ParameterInvalid("f is none of html, json and pjson.")
        return next((known for known in FORMATS if known == text), None)

    @property
    def says_what_it_accepts(self) -> bool:
        """Whether there is an Accept header.  Python's urllib, for one, sends none."""
        return bool(self._headers.get("accept"))

    @property
    def is_person(self) -> bool:
        """Whether the caller says that it shows HTML, as browsers do and programs do not."""
        return "text/html" in self._headers.get("accept", "").lower()

    @property
    def wants_page(self) -> bool:
        """Whether a page is wanted rather than JSON or a file.

        ``html`` is the documented default.  Yet a download without ``f`` has to be a file, because Esri's own client
        sends none: there a browser gets the page and a program the file.
        """
        wanted = self.format
        return wanted == "html" or (wanted is None and (self.is_person or not self.resource.endswith("/download")))

    @property
    def item_id(self) -> ItemId:
        """``itemId``."""
        return ItemId.parse(self._required("itemId"))

    @property
    def resource_key(self) -> ResourceKey:
        """``resourceKey``, which one page of the documentation calls ``resourceKeys``."""
        return ResourceKey.parse(self._required("resourceKey", "resourceKeys"))

    @property
    def run(self) -> RunId:
        """The name under which the archive notes what this request made it store."""
        return RunId.from_execution(f"proxy-{self.correlation_id}", format_moment(self._received))

    @property
    def from_arcgis(self) -> bool:
        """Whether ``source=arcgis`` asks for ArcGIS's own copy."""
        source = self.parameter("source", default="archive")
        if source not in ("archive", "arcgis"):
            raise ParameterInvalid("source is neither archive nor arcgis.")
        return source == "arcgis"

    @property
    def session_id(self) -> SessionId:
        """The last part of the path."""
        return SessionId.parse((self._event.get("pathParameters") or {}).get("notebookId"))

    @property
    def page(self) -> tuple[int, int]:
        """``start``, which counts from 1, and ``num``, at most MOST_SESSIONS."""
        return self._number("start", 1, HIGHEST_START), self._number("num", 10, MAX_SESSIONS)

    def _number(self, name: str, default: int, most: int) -> int:
        text = self.parameter(name, default=str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= most):
            raise ParameterInvalid(f"{name} is not a whole number from 1 to {most}.")
        return int(text)

    def caller_token(self) -> CallerToken:
        """Return the caller's token, to be passed on as it came."""
        return CallerToken(self._token(), self.referer)

    def _token(self) -> str:
        """The ArcGIS token of the form, of ``X-Esri-Authorization`` or of ``Authorization``.

        Raises CallerTokenMissing for none, and ParameterInvalid for two that differ.
        """
        headers = (_BEARER.fullmatch(self._headers.get(name, "")) for name in ("x-esri-authorization", "authorization"))
        found = {value for name, value in self._form if name == "token" and value}
        found |= {match[1] for match in headers if match}
        if not found:
            raise CallerTokenMissing("This resource wants an ArcGIS token.")
        token = found.pop()
        if found or not TOKEN.fullmatch(token):
            raise ParameterInvalid("token is not one token.")
        return token

    def refuse_misuse(self) -> None:
        """Raise ParameterInvalid or MediaTypeRefused for what is wrong in a request to any route, before anybody is
        asked for what it wants: a body that is no form, an unknown ``f``, a garbled referer, and a token in the query,
        which those who keep logs could read there."""
        _ = self.format, self.referer
        if any(name.lower() == "token" for name, _ in self._query):
            raise ParameterInvalid("A token stands in the query. Send it in the form body or in X-Esri-Authorization.")

    @property
    def referer(self) -> str:
        """The referer that the token may be bound to, empty for none.

        A browser sends the address of the page, so the form's own ``referer`` comes first.
        """
        referer: str = self.parameter("referer") or self._headers.get("referer", "")
        if not _REFERER.fullmatch(referer):
            raise ParameterInvalid("referer is no address: it has a space or a character beyond ASCII, or is too long.")
        return referer
