"""MiniStack's ASGI application, as the local AWS runs it.

The server loads this file in MiniStack's virtual environment.

The stack's policies deny requests without TLS, even those from root. Here, root's requests over plain HTTP come only
from this machine, so this application marks them as secure. Other plain HTTP requests are denied, as on AWS.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ministack.app import app as ministack  # type: ignore[import-not-found]

type Message = dict[str, Any]

# Every request that MiniStack's root signs contains this text.
ROOT = b"Credential=test/"


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Pass a request to MiniStack. If root sent it over plain HTTP, add the header of a proxy that terminated TLS."""
    if (
        scope["type"] == "http"
        and scope["scheme"] == "http"
        and ROOT in dict(scope["headers"]).get(b"authorization", b"")
    ):
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)
