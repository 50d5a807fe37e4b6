"""Recognize ArcGIS's error responses. They have six forms, and most are sent with HTTP 200.

Esri's pages, Esri's clients and the mocks in their tests show these forms:

- A: `{"error": {"code", "message", "details"}}`
- B: `{"status": "error", "messages", "code"}`
- C: `{"status": "failure"}`
- D: `{"code", "message", "status"}`
- E: an HTML page
- F, from OAuth: `{"error": {"code", "error", …}}` or `{"error": "…"}`

Error messages do not repeat text from a response. They contain only its code.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import parse_number

# `token_renewal` gets a new token after a TokenRejected.
_BY_CODE: Mapping[int, type[ArcGISError]] = {
    401: TokenRejected,
    498: TokenRejected,  # invalid, expired, or bound to another referer
    499: TokenRejected,  # no token was sent
    403: PermissionDenied,
    404: NotebookNotFound,
    408: ArcGISUnavailable,
    413: ArcGISUnavailable,  # sent by a gateway under load; our own requests are never too large
    429: ArcGISUnavailable,
}
_BY_MESSAGE_CODE: Mapping[str, type[ArcGISError]] = {
    "CONT_0001": NotebookNotFound,  # "Item does not exist or is inaccessible", sent with code 400
}
_FAILURES = frozenset(("error", "failure", "failed"))
# Maximum number of digits. A longer number becomes None, because the plan would contain it, and not every JSON reader
# accepts it.
MAX_DIGITS = 20


def build_error(code: int, what: str, message_code: str = "") -> ArcGISError:
    """Return the error for an ArcGIS or HTTP code. `what` names the call in the message and contains no secret."""
    kind = _BY_MESSAGE_CODE.get(message_code) or _BY_CODE.get(code)
    if kind is None:
        kind = ArcGISUnavailable if 500 <= code <= 599 else RequestRejected
    error = kind(f"{what}: ArcGIS returned {f'error code {code}' if code else 'an error without a code'}.")
    if isinstance(error, ArcGISUnavailable):
        error.code = code
    return error


def find_error(answer: object, what: str) -> ArcGISError | None:
    """Return the error that a parsed response reports, or None if it is not an error response."""
    if not isinstance(answer, Mapping):
        return None
    error, status = answer.get("error"), answer.get("status")
    if error is not None and error is not False:
        detail: Mapping[str, Any] = error if isinstance(error, Mapping) else answer
        message_code = detail.get("messageCode")
        return build_error(_parse_code(detail), what, message_code if isinstance(message_code, str) else "")
    code = _parse_code(answer)
    if code >= 400 or (isinstance(status, str) and status.lower() in _FAILURES):
        return build_error(code if code >= 400 else 0, what)
    return None


def is_success(answer: Mapping[str, Any]) -> bool:
    """Return whether a response's `status` is `success`, in upper or lower case."""
    status = answer.get("status")
    return isinstance(status, str) and status.lower() == "success"


def parse_answer(body: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises the error that the body reports. Raises UnexpectedAnswer if the body is not a JSON object, for example HTML.
    Control characters inside strings are accepted, because ArcGIS sends them unescaped.
    """
    try:
        answer = _parse_json(body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise UnexpectedAnswer(f"{what}: the server returned {kind}.") from None
    if error := find_error(answer, what):
        raise error
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"{what}: the server returned JSON that is not an object.")
    return answer


def _parse_code(answer: Mapping[str, Any]) -> int:
    return parse_number(answer.get("code")) or 0


def _parse_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value. NaN, infinities and numbers of more than MAX_DIGITS digits become None."""
    return json.loads(body, strict=False, parse_constant=lambda _: None, parse_float=_parse_float, parse_int=_parse_int)


def _parse_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _parse_int(text: str) -> int | None:
    return int(text) if len(text) <= MAX_DIGITS else None


def find_error_in_body(body: bytes, what: str) -> ArcGISError | None:
    """Return the error that a body reports, or None if the body is not an error response."""
    if body.lstrip()[:1] == b"<":
        return UnexpectedAnswer(f"{what}: the server returned an HTML page.")
    try:
        return find_error(_parse_json(body), what)
    except (ValueError, RecursionError):
        return None
