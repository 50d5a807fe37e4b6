"""Tell ArcGIS's answers from its errors, which come in six shapes and mostly with HTTP 200.

The shapes are those that Esri's pages, clients and their test mocks show:

- A: `{"error": {"code", "message", "details"}}`
- B: `{"status": "error", "messages", "code"}`
- C: `{"status": "failure"}`
- D: `{"code", "message", "status"}`
- E: an HTML page
- F, from OAuth: `{"error": {"code", "error", …}}` or `{"error": "…"}`

Messages repeat no text of an answer. They name only codes, which ArcGIS defines.
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
    499: TokenRejected,  # none was sent
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
# Maximum digits of a number. A longer one becomes None: the plan would hold it, and not every JSON reader accepts it.
MAX_DIGITS = 20


def build_error(code: int, what: str, message_code: str = "") -> ArcGISError:
    """Return the named error for an ArcGIS or HTTP code. `what` says which call it was, in words without a secret."""
    kind = _BY_MESSAGE_CODE.get(message_code) or _BY_CODE.get(code)
    if kind is None:
        kind = ArcGISUnavailable if 500 <= code <= 599 else RequestRejected
    error = kind(f"{what}: ArcGIS answered {f'code {code}' if code else 'a failure without a code'}.")
    if isinstance(error, ArcGISUnavailable):
        error.code = code
    return error


def find_error(answer: object, what: str) -> ArcGISError | None:
    """Return the error that a parsed answer stands for, or None if it has none of the shapes."""
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
    """Return whether an answer's `status` says that the operation succeeded, in capitals or not."""
    status = answer.get("status")
    return isinstance(status, str) and status.lower() == "success"


def parse_answer(body: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises the error that the body stands for, and UnexpectedAnswer if it is HTML or anything else that is not a JSON
    object. Control characters inside strings are accepted, because ArcGIS sends them unescaped.
    """
    try:
        answer = _parse_json(body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise UnexpectedAnswer(f"{what}: the server answered {kind}.") from None
    if error := find_error(answer, what):
        raise error
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"{what}: the server answered JSON that is not an object.")
    return answer


def _parse_code(answer: Mapping[str, Any]) -> int:
    return parse_number(answer.get("code")) or 0


def _parse_json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return JSON, with None for NaN, for infinities and for numbers of more than MAX_DIGITS digits."""
    return json.loads(body, strict=False, parse_constant=lambda _: None, parse_float=_parse_float, parse_int=_parse_int)


def _parse_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _parse_int(text: str) -> int | None:
    return int(text) if len(text) <= MAX_DIGITS else None


def find_error_in_body(body: bytes, what: str) -> ArcGISError | None:
    """Return the error that a refused body stands for, or None if it is only a broken notebook."""
    if body.lstrip()[:1] == b"<":
        return UnexpectedAnswer(f"{what}: the server answered an HTML page.")
    try:
        return find_error(_parse_json(body), what)
    except (ValueError, RecursionError):
        return None
