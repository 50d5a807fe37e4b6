"""Callers of the proxy: what they ask, what they are answered, and what they are told when it fails.  Functions that
events start do not import it."""

from notebook_archive.http.answers import (
    Answer,
    form_answer,
    session_answer,
    sessions_answer,
    snapshot_answer,
    wanted_by,
)
from notebook_archive.http.exchange import exchange
from notebook_archive.http.request import Request

__all__ = [
    "Answer",
    "Request",
    "exchange",
    "form_answer",
    "session_answer",
    "sessions_answer",
    "snapshot_answer",
    "wanted_by",
]
