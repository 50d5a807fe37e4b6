"""A caller's request, parsed from API Gateway's event. What is malformed is refused with a named error."""

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
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 65_536
MAX_VALUE_LENGTH = 200
MAX_FIELDS = 50
# The fields that a page's form sends again, each with at most this many characters. None is a credential.
RESENT_FIELDS = ("itemId", "resourceKey", "resourceKeys", "source", "f", "start", "num")
MAX_RESENT_LENGTH = 60
MAX_START = 1_000_000
# Sessions of one answer. Notebook Server has the same limit.
MAX_SESSIONS = 100

TOKEN = re.compile(r"[!-~]{1,8192}")
_REFERER = re.compile(r"[!-~]{0,2048}")
_BEARER = re.compile(r"(?i:bearer) +(.+)")


class Request:
    """One request.

    A property raises a RequestRefused or NotAnId if the part of the request that it reads is malformed.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        context = event.get("requestContext") or {}
        self.method: str = event.get("httpMethod", "")
        # The route as API Gateway names it, such as `/admin/notebooks/{notebookId}`.
        self.resource: str = event.get("resource", "")
        self.correlation_id: str = context.get("requestId", "")
        # The ARN of the caller's AWS identity. Empty if the API does not authenticate with IAM.
        self.principal: str = (context.get("identity") or {}).get("userArn") or ""
        self._received = int(context.get("requestTimeEpoch") or 0)
        self._headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}

    @cached_property
    def _form(self) -> list[tuple[str, str]]:
        body = self._event.get("body") or ""
        try:
            raw = b64decode(body) if self._event.get("isBase64Encoded") else body.encode()
            if len(raw) > MAX_BODY_BYTES:
                raise ParameterInvalid(f"The body is larger than {MAX_BODY_BYTES} bytes.")
            if raw and self._headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
                raise MediaTypeRefused(f"The body is not of type {FORM_MEDIA_TYPE}.")
            return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        except ValueError:
            raise ParameterInvalid("The body is not a form: it is not UTF-8, or has too many fields.") from None

    @cached_property
    def _query(self) -> list[tuple[str, str]]:
        query = self._event.get("multiValueQueryStringParameters") or {}
        return [(name, value) for name, values in query.items() for value in values]

    def read_parameter(self, *names: str, default: str = "") -> str:
        """Return a parameter of the form or of the query, under any of its names."""
        values = {value for name, value in (*self._form, *self._query) if name in names}
        if len(values) > 1:
            raise ParameterInvalid(f"{names[0]} was given more than once, with different values.")
        value = values.pop() if values else default
        if len(value) > MAX_VALUE_LENGTH:
            raise ParameterInvalid(f"{names[0]} is longer than {MAX_VALUE_LENGTH} characters.")
        return value

    def _require_parameter(self, *names: str) -> str:
        value = self.read_parameter(*names)
        if not value:
            raise ParameterInvalid(f"{names[0]} is missing.")
        return value

    @property
    def resent_fields(self) -> dict[str, str]:
        """The parameters that a form may send again. Values too long to be valid are left out."""
        given = dict([*self._query, *self._form])
        return {name: given[name] for name in RESENT_FIELDS if 0 < len(given.get(name, "")) <= MAX_RESENT_LENGTH}

    @property
    def format(self) -> Format | None:
        """The parameter `f`, or None if it is not given."""
        text = self.read_parameter("f")
        if text and text not in FORMATS:
            raise ParameterInvalid("f is not html, json or pjson.")
        return next((known for known in FORMATS if known == text), None)

    @property
    def has_accept_header(self) -> bool:
        """Whether there is an Accept header. Python's urllib, for example, sends none."""
        return bool(self._headers.get("accept"))

    @property
    def accepts_html(self) -> bool:
        """Whether the caller accepts HTML. Browsers do, programs do not."""
        return "text/html" in self._headers.get("accept", "").lower()

    @property
    def wants_page(self) -> bool:
        """Whether the answer is a page. If not, it is JSON or a file.

        The documented default of `f` is `html`. But Esri's own client downloads without `f` and expects a file. So a
        download without `f` gives a browser the page, and a program the file.
        """
        wanted = self.format
        return wanted == "html" or (wanted is None and (self.accepts_html or not self.resource.endswith("/download")))

    @property
    def item_id(self) -> ItemId:
        """The parameter `itemId`."""
        return ItemId.parse(self._require_parameter("itemId"))

    @property
    def resource_key(self) -> ResourceKey:
        """The parameter `resourceKey`. One page of Esri's documentation calls it `resourceKeys`."""
        return ResourceKey.parse(self._require_parameter("resourceKey", "resourceKeys"))

    @property
    def run(self) -> RunId:
        """The run id that the archive notes with what this request stores."""
        return RunId.from_execution(f"proxy-{self.correlation_id}", format_moment(self._received))

    @property
    def from_arcgis(self) -> bool:
        """Whether `source=arcgis` asks for ArcGIS's own copy."""
        source = self.read_parameter("source", default="archive")
        if source not in ("archive", "arcgis"):
            raise ParameterInvalid("source is not archive or arcgis.")
        return source == "arcgis"

    @property
    def session_id(self) -> SessionId:
        """The last part of the path."""
        return SessionId.parse((self._event.get("pathParameters") or {}).get("notebookId"))

    @property
    def paging(self) -> tuple[int, int]:
        """The parameters `start`, which counts from 1, and `num`, at most MAX_SESSIONS."""
        return self._read_number("start", 1, MAX_START), self._read_number("num", 10, MAX_SESSIONS)

    def _read_number(self, name: str, default: int, high: int) -> int:
        text = self.read_parameter(name, default=str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= high):
            raise ParameterInvalid(f"{name} is not a whole number from 1 to {high}.")
        return int(text)

    def read_caller_token(self) -> CallerToken:
        """Return the caller's ArcGIS token, from the form, `X-Esri-Authorization` or `Authorization`.

        Raises CallerTokenMissing if there is none, and ParameterInvalid if there are two different ones.
        """
        headers = (_BEARER.fullmatch(self._headers.get(name, "")) for name in ("x-esri-authorization", "authorization"))
        found = {value for name, value in self._form if name == "token" and value}
        found |= {match[1] for match in headers if match}
        if not found:
            raise CallerTokenMissing("This resource needs an ArcGIS token.")
        token = found.pop()
        if found or not TOKEN.fullmatch(token):
            raise ParameterInvalid("token is not one token.")
        return CallerToken(token, self.referer)

    def refuse_misuse(self) -> None:
        """Raise ParameterInvalid or MediaTypeRefused for what is wrong in a request to any route.

        That is a body that is not a form, an unknown `f`, a malformed referer, or a token in the query. Logs along the
        way hold queries, so a token there may be read by others.
        """
        _ = self.format, self.referer
        if any(name.lower() == "token" for name, _ in self._query):
            raise ParameterInvalid("The query has a token. Send it in the form body or in X-Esri-Authorization.")

    @property
    def referer(self) -> str:
        """The referer that the token may be bound to, or an empty text.

        A browser sends the address of the page as its header, so the form's own field `referer` comes first.
        """
        referer: str = self.read_parameter("referer") or self._headers.get("referer", "")
        if not _REFERER.fullmatch(referer):
            raise ParameterInvalid("referer is not a URL: it has a space or a character beyond ASCII, or is too long.")
        return referer
