"""Parse a caller's request from API Gateway's event. A malformed part raises a RequestRefused or NotAnId."""

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl

from notebook_archive.arcgis.caller_identity import CallerToken
from notebook_archive.archive import CopyId, RunId
from notebook_archive.clock import format_moment
from notebook_archive.errors import CallerTokenMissing, MediaTypeRefused, NotAnId, ParameterInvalid
from notebook_archive.models import ItemId, ResourceKey, SessionId

Format = Literal["html", "json", "pjson"]
FORMATS: tuple[Format, ...] = ("html", "json", "pjson")
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 65_536
MAX_VALUE_LENGTH = 200
MAX_FIELDS = 50
# The fields that the form on a page sends again, and the maximum number of characters of each. No credential is resent.
RESENT_FIELDS = ("itemId", "resourceKey", "resourceKeys", "source", "f", "start", "num")
MAX_RESENT_LENGTH = 60
MAX_START = 1_000_000
# Maximum number of sessions in one response. Notebook Server has the same limit.
MAX_SESSIONS = 100

TOKEN = re.compile(r"[!-~]{1,8192}")
_REFERER = re.compile(r"[!-~]{0,2048}")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]*")
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
        self._path: str = context.get("path") or ""
        self.correlation_id: str = context.get("requestId", "")
        # The ARN of the caller's AWS identity. Empty if the API does not use IAM authentication.
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
        """Return a parameter from the form or the query. It may have any of these names."""
        values = {value for name, value in (*self._form, *self._query) if name in names}
        if len(values) > 1:
            raise ParameterInvalid(f"{names[0]} was sent more than once, with different values.")
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
        """The parameters that a form may send again. Values that are too long to be valid are left out."""
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
        """True if the request has an Accept header. Python's urllib, for example, does not send one."""
        return bool(self._headers.get("accept"))

    @property
    def accepts_html(self) -> bool:
        """True if the caller accepts HTML. Browsers accept it, programs usually do not."""
        return "text/html" in self._headers.get("accept", "").lower()

    @property
    def wants_page(self) -> bool:
        """True if the response is a page. If not, it is JSON or a file.

        The documented default of `f` is `html`. But Esri's own client downloads without `f` and expects a file. So a
        download without `f` returns a page to a browser, and the file to a program.
        """
        wanted = self.format
        return wanted == "html" or (wanted is None and (self.accepts_html or not self.resource.endswith("/download")))

    @property
    def item_id(self) -> ItemId:
        """The parameter `itemId`."""
        return ItemId.parse(self._require_parameter("itemId"))

    @property
    def version(self) -> ResourceKey | CopyId:
        """The snapshot or copy that the parameter `resourceKey` names, as reports and events do.

        One page of Esri's documentation calls the parameter `resourceKeys`.
        """
        name = self._require_parameter("resourceKey", "resourceKeys")
        if not name.startswith("current/"):
            return ResourceKey.parse(name)
        copy = CopyId.from_resource_key(name)
        if copy is None:
            raise NotAnId(f"Not the name of a copy (current/<13 digits>-<12 hex>.ipynb): {name[:60]!r}.")
        return copy

    @property
    def run(self) -> RunId:
        """The run id in the metadata of everything that this request stores in the archive."""
        return RunId.from_execution(f"proxy-{self.correlation_id}", format_moment(self._received))

    @property
    def from_arcgis(self) -> bool:
        """True if the caller asks, with `source=arcgis`, for the copy that ArcGIS has."""
        source = self.read_parameter("source", default="archive")
        if source not in ("archive", "arcgis"):
            raise ParameterInvalid("source is not archive or arcgis.")
        return source == "arcgis"

    @property
    def session_id(self) -> SessionId:
        """The last part of the path."""
        return SessionId.parse((self._event.get("pathParameters") or {}).get("notebookId"))

    @property
    def link_prefix(self) -> str:
        """The beginning of relative links on a page at the root of the API.

        The address of that page may end with a slash or not. Without a slash, links are relative to what comes before
        the stage, so they must repeat the stage or the prefix of a custom domain.
        """
        last = self._path.rpartition("/")[2]
        return f"{last}/" if _PATH_SEGMENT.fullmatch(last) else "./"

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
        """Return the caller's ArcGIS token, from the form or the header `X-Esri-Authorization` or `Authorization`.

        Raises CallerTokenMissing if there is no token. Raises ParameterInvalid if there are two different tokens, or if
        the token is malformed.
        """
        headers = (_BEARER.fullmatch(self._headers.get(name, "")) for name in ("x-esri-authorization", "authorization"))
        found = {value for name, value in self._form if name == "token" and value}
        found |= {match[1] for match in headers if match}
        if not found:
            raise CallerTokenMissing("This resource needs an ArcGIS token.")
        token = found.pop()
        if found or not TOKEN.fullmatch(token):
            raise ParameterInvalid("The token is malformed, or the request contains two different tokens.")
        return CallerToken(token, self.referer)

    def refuse_misuse(self) -> None:
        """Raise ParameterInvalid or MediaTypeRefused for faults that every route refuses.

        The faults are a body that is not a form, an unknown `f`, a malformed referer, and a token in the query. Logs of
        servers and proxies contain queries, so other people may read a token that is in one.
        """
        _ = self.format, self.referer
        if any(name.lower() == "token" for name, _ in self._query):
            raise ParameterInvalid(
                "The query contains a token. Send it in the form body or in the header X-Esri-Authorization."
            )

    @property
    def referer(self) -> str:
        """The referer that the token may be bound to, or an empty string.

        The form field `referer` takes precedence over the `Referer` header, because a browser puts the page's address
        in that header.
        """
        referer: str = self.read_parameter("referer") or self._headers.get("referer", "")
        if not _REFERER.fullmatch(referer):
            raise ParameterInvalid(
                "referer is not a URL: it contains a space or a non-ASCII character, or is too long."
            )
        return referer
