"""The HTTP code of the functions behind API Gateway: requests, responses, and the table of errors.

Functions that events start do not import this package.
"""

from notebook_archive.http.api_handler import api_handler
from notebook_archive.http.request import Request
from notebook_archive.http.responses import (
    Answer,
    answer_form,
    answer_landing,
    answer_session,
    answer_sessions,
    answer_snapshot,
    parse_snapshot_request,
)

__all__ = [
    "Answer",
    "Request",
    "answer_form",
    "answer_landing",
    "answer_session",
    "answer_sessions",
    "answer_snapshot",
    "api_handler",
    "parse_snapshot_request",
]
