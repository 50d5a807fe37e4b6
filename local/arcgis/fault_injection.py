"""Apply an injected fault to a call or to its response. faults.py selects the fault."""

import asyncio
import dataclasses
import gzip
import json
import re
import socket
import struct

from starlette.requests import ClientDisconnect, Request
from starlette.types import Send

from local.arcgis.content import read, size_of
from local.arcgis.faults import Fault
from local.arcgis.operations.call import Call
from local.arcgis.responses import (
    HTML,
    SIGN_IN_PAGE,
    OperationError,
    Response,
    make_oauth_error,
    send_body,
    send_response,
    send_start,
)

PIECE_BYTES = 256 * 1024
FREE_TEXT = re.compile(rb'("(?:source|text|title|description)":\s*)"')


async def inject_before_operation(fault: Fault, call: Call) -> Response | None:
    """Apply the part of the fault that precedes the operation.

    If this returns a response, send it and do not run the operation.
    """
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "time-out":
        await _wait_for_disconnect(call.request)
    _change_state(fault, call)
    return _error_response(fault) or _status_response(fault)


async def _wait_for_disconnect(request: Request) -> None:
    """Send nothing. Raise ClientDisconnect when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def _reset_connection(request: Request) -> None:
    """Close the request's connection with RST instead of FIN."""
    # ASGI cannot reset a connection. But uvicorn's `receive` is a method of an object that has the transport.
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


def _error_response(fault: Fault) -> Response | None:
    """Return an error response with HTTP 200 in the shape that the fault names, or None."""
    error = OperationError(fault.code, fault.message)
    payload: object
    match fault.kind:
        case "shape-a":
            payload = error.payload()
        case "shape-b" | "shape-c" | "shape-d":
            error.shape = {"shape-b": "B", "shape-c": "C", "shape-d": "D"}[fault.kind]  # type: ignore[assignment]
            payload = error.payload()
        case "shape-e":
            return Response(SIGN_IN_PAGE.encode(), HTML)
        case "shape-f":
            payload = make_oauth_error("invalid_client_id", "Invalid client_id")
        case "details-null":
            payload = {"error": {"code": fault.code, "message": fault.message, "details": None}}
        case "code-missing":
            payload = {"error": {"message": fault.message, "details": []}}
        case "body":
            return Response(fault.body.encode())
        case _:
            return None
    return Response(json.dumps(payload).encode())


def _status_response(fault: Fault) -> Response | None:
    """Return a response with a real HTTP status, as a proxy or a rate limiter sends it, or None."""
    if fault.kind == "redirect":
        return Response(b"", HTML, 302, {"location": fault.location})
    if not fault.kind.startswith("http-"):
        return None
    headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
    return Response(f"<html><body><h1>{fault.kind[5:]}</h1></body></html>".encode(), HTML, int(fault.kind[5:]), headers)


async def send_with_fault(fault: Fault, response: Response, request: Request, send: Send) -> None:
    """Send the response. Some kinds of fault damage it.

    To end a body early, this returns before the body is complete. uvicorn then closes the connection.
    """
    match fault.kind:
        case "hang-up":
            await send_start(send, response, {"content-length": str(max(size_of(response.content), 1))})
        case "reset":
            body = read(response.content)
            await send_start(send, response, {"content-length": str(len(body) + 1)})
            await send_body(send, body[: len(body) // 2], more=True)
            _reset_connection(request)
        case "cut-body":
            await send_start(send, response, {})
            body = read(response.content)
            await send_body(send, body[: len(body) // 2], more=True)
        case "length-too-long":
            await send_start(send, response, {"content-length": str(size_of(response.content) + 1000)})
            await send_body(send, read(response.content), more=True)
        case "length-too-short":
            body = read(response.content)
            await send_response(dataclasses.replace(response, content=body[: max(len(body) - 20, 0)]), send)
        case "gzip" | "gzip-truncated":
            packed = gzip.compress(read(response.content), compresslevel=1)
            packed = packed if fault.kind == "gzip" else packed[: len(packed) * 2 // 3]
            headers = {**response.headers, "content-encoding": "gzip"}
            await send_response(dataclasses.replace(response, content=packed, headers=headers), send)
        case "control-characters":
            body = FREE_TEXT.sub(b'\\1"\x01\x0b\t', read(response.content))
            await send_response(dataclasses.replace(response, content=body), send)
        case "trickle":
            await _trickle(fault, response, send)
        case "oversize":
            await _oversize(fault, response, send)
        case _:
            await send_response(response, send)


async def _trickle(fault: Fault, response: Response, send: Send) -> None:
    body = read(response.content)
    pieces = 20
    step = max(1, -(-len(body) // pieces))
    await send_start(send, response, {"content-length": str(len(body))})
    for start in range(0, len(body), step):
        await asyncio.sleep(fault.seconds / pieces)
        await send_body(send, body[start : start + step], more=start + step < len(body))


async def _oversize(fault: Fault, response: Response, send: Send) -> None:
    head = b'{"cells":[{"cell_type":"markdown","metadata":{},"source":"'
    tail = b'"}],"metadata":{},"nbformat":4,"nbformat_minor":2}'
    left = max(fault.size - len(head) - len(tail), 0)
    await send_start(send, response, {"content-length": str(len(head) + left + len(tail))})
    await send_body(send, head, more=True)
    filler = b"x" * PIECE_BYTES
    while left:
        await send_body(send, filler[:left], more=True)
        left -= min(left, PIECE_BYTES)
    await send_body(send, tail)
