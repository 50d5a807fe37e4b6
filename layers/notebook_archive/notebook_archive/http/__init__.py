"""Callers of the proxy: what they ask, what they are answered, and what they are told when it fails.  Functions that
events start do not import it."""

from notebook_archive.http.api_handler import api_handler
from notebook_archive.http.request import Request
from notebook_archive.http.responses import (
    Answer,
    form_answer,
    session_answer,
    sessions_answer,
    snapshot_answer,
    wanted_by,
)

__all__ = [
    "Answer",
    "Request",
    "api_handler",
    "form_answer",
    "session_answer",
    "sessions_answer",
    "snapshot_answer",
    "wanted_by",
]
