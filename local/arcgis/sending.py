"""Sends an answer over ASGI: status, headers, then the content in pieces of at most 1 MiB."""

from collections.abc import Mapping

from starlette.types import Send

from local.arcgis.answers import Answer
from local.arcgis.content import chunks, size_of


async def send_start(send: Send, answer: Answer, extra: Mapping[str, str]) -> None:
    """Sends the status line and the headers of the answer, with the extra ones."""
    headers = [(b"content-type", answer.content_type.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in {**answer.headers, **extra}.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


async def send_body(send: Send, body: bytes | memoryview, *, more: bool = False) -> None:
    """Sends one piece of the body."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def send_answer(answer: Answer, send: Send) -> None:
    """Sends the whole answer; a file is read piece by piece as the client takes it."""
    length = size_of(answer.content)
    await send_start(send, answer, {"content-length": str(length)})
    if not length:
        await send_body(send, b"")
        return
    sent = 0
    for chunk in chunks(answer.content):
        sent += len(chunk)
        await send_body(send, chunk, more=sent < length)
