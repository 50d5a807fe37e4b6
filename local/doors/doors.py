"""MiniStack as the local AWS serves it. The server loads this file in MiniStack's own environment.

Policies of the stack deny requests without TLS, those of root too. The plain door is this machine's own, for root
alone: what root sends through it counts as secure. What anybody else sends through it is refused, as in AWS.
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
    """Pass a request on, with the header of a proxy that has ended TLS if it came through the plain door."""
    if (
        scope["type"] == "http"
        and scope["scheme"] == "http"
        and ROOT in dict(scope["headers"]).get(b"authorization", b"")
    ):
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)
