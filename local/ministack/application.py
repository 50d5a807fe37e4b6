"""MiniStack as the local AWS serves it. The server loads this file in MiniStack's own environment.

The stack's policies deny requests without TLS, even those of root. The plain door is for root on this machine alone, so
its requests count as secure there. Requests of anybody else through it are refused, as in AWS.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ministack.app import app as ministack  # type: ignore[import-not-found]

type Message = dict[str, Any]

ROOT = b"Credential=test/"
"""In the signature of a request by MiniStack's root."""


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Pass a request on. If root sent it through the plain door, add the header of a proxy that ended TLS."""
    if (
        scope["type"] == "http"
        and scope["scheme"] == "http"
        and ROOT in dict(scope["headers"]).get(b"authorization", b"")
    ):
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)
