"""What each kind of fault does to a call or to its answer."""

import asyncio
import dataclasses
import gzip
import json
import re
import socket
import struct

from starlette.requests import ClientDisconnect, Request
from starlette.types import Send

from local.arcgis.answers import HTML, SIGN_IN_PAGE, Answer, Refusal, oauth_error
from local.arcgis.calls import Call
from local.arcgis.content import read, size_of
from local.arcgis.faults import Fault
from local.arcgis.sending import send_answer, send_body, send_start

PIECE = 256 * 1024
FREE_TEXT = re.compile(rb'("(?:source|text|title|description)":\s*)"')


async def before(fault: Fault, call: Call) -> Answer | None:
    """Does what happens before the operation; an answer means that the operation is not reached."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "time-out":
        await _wait_for_disconnect(call.request)
    _change_state(fault, call)
    return _error_body(fault) or _status(fault)


async def _wait_for_disconnect(request: Request) -> None:
    """Answer nothing, and raise ClientDisconnect when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def reset_connection(request: Request) -> None:
    """Close the request's connection with RST instead of FIN."""
    # uvicorn's `receive` is a method of the object that holds the connection; ASGI itself has no way to reset one.
    transport: asyncio.Transport = request.receive.__self__.transport  # type: ignore[attr-defined]
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _change_state(fault: Fault, call: Call) -> None:
    organisation = call.organisation
    item_id = fault.item_id or call.item_id or next(iter(organisation.items), "")
    if fault.kind == "item-vanishes":
        organisation.remove(item_id)
    elif fault.kind == "snapshot-vanishes" and item_id in organisation.items:
        organisation.items[item_id].snapshots.clear()
    elif fault.kind == "item-appears":
        oldest = min((item.created for item in organisation.notebooks()), default=1)
        owner = next(user.username for user in organisation.users.values() if user.role == "creator")
        organisation.add_notebook(owner, "Appeared while the listing was read", created=oldest - 1)
    elif fault.kind == "tokens-revoked":
        call.deployment.tokens.revoke_all()


def _error_body(fault: Fault) -> Answer | None:
    """The error shapes, each under HTTP 200."""
    error = Refusal(fault.code, fault.message)
    payload: object
    match fault.kind:
        case "shape-a":
            payload = error.payload()
        case "shape-b" | "shape-c" | "shape-d":
            error.shape = {"shape-b": "B", "shape-c": "C", "shape-d": "D"}[fault.kind]  # type: ignore[assignment]
            payload = error.payload()
        case "shape-e":
            return Answer(SIGN_IN_PAGE.encode(), HTML)
        case "shape-f":
            payload = oauth_error("invalid_client_id", "Invalid client_id")
        case "details-null":
            payload = {"error": {"code": fault.code, "message": fault.message, "details": None}}
        case "code-missing":
            payload = {"error": {"message": fault.message, "details": []}}
        case "body":
            return Answer(fault.body.encode())
        case _:
            return None
    return Answer(json.dumps(payload).encode())


def _status(fault: Fault) -> Answer | None:
    """A real HTTP status, as a proxy or a throttle sends it."""
    if fault.kind == "redirect":
        return Answer(b"", HTML, 302, {"location": fault.location})
    if not fault.kind.startswith("http-"):
        return None
    headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
    return Answer(f"<html><body><h1>{fault.kind[5:]}</h1></body></html>".encode(), HTML, int(fault.kind[5:]), headers)


async def deliver(fault: Fault, answer: Answer, send: Send) -> None:
    """Sends the answer with the fault's damage to the body, if its kind damages bodies.

    Where a body is to end early, this simply returns: uvicorn then closes the connection.
    """
    match fault.kind:
        case "hang-up":
            await send_start(send, answer, {"content-length": str(max(size_of(answer.content), 1))})
        case "reset":
            body = read(answer.content)
            await send_start(send, answer, {"content-length": str(len(body) + 1)})
            await send_body(send, body[: len(body) // 2], more=True)
        case "cut-body":
            await send_start(send, answer, {})
            body = read(answer.content)
            await send_body(send, body[: len(body) // 2], more=True)
        case "length-too-long":
            await send_start(send, answer, {"content-length": str(size_of(answer.content) + 1000)})
            await send_body(send, read(answer.content), more=True)
        case "length-too-short":
            body = read(answer.content)
            await send_answer(dataclasses.replace(answer, content=body[: max(len(body) - 20, 0)]), send)
        case "gzip" | "gzip-truncated":
            packed = gzip.compress(read(answer.content), compresslevel=1)
            packed = packed if fault.kind == "gzip" else packed[: len(packed) * 2 // 3]
            headers = {**answer.headers, "content-encoding": "gzip"}
            await send_answer(dataclasses.replace(answer, content=packed, headers=headers), send)
        case "control-characters":
            body = FREE_TEXT.sub(b'\\1"\x01\x0b\t', read(answer.content))
            await send_answer(dataclasses.replace(answer, content=body), send)
        case "trickle":
            await _trickle(fault, answer, send)
        case "oversize":
            await _oversize(fault, answer, send)
        case _:
            await send_answer(answer, send)


async def _trickle(fault: Fault, answer: Answer, send: Send) -> None:
    body = read(answer.content)
    pieces = 20
    step = max(1, -(-len(body) // pieces))
    await send_start(send, answer, {"content-length": str(len(body))})
    for start in range(0, len(body), step):
        await asyncio.sleep(fault.seconds / pieces)
        await send_body(send, body[start : start + step], more=start + step < len(body))


async def _oversize(fault: Fault, answer: Answer, send: Send) -> None:
    head = b'{"cells":[{"cell_type":"markdown","metadata":{},"source":"'
    tail = b'"}],"metadata":{},"nbformat":4,"nbformat_minor":2}'
    left = max(fault.size - len(head) - len(tail), 0)
    await send_start(send, answer, {"content-length": str(len(head) + left + len(tail))})
    await send_body(send, head, more=True)
    filler = b"x" * PIECE
    while left:
        await send_body(send, filler[:left], more=True)
        left -= min(left, PIECE)
    await send_body(send, tail)
