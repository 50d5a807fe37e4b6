"""The way of one request: read, identify, strike with a fault, do the operation, answer, record."""

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from local.arcgis import fault_effects
from local.arcgis.answers import Answer, Payload, Refusal, render
from local.arcgis.calls import Area, Call, Operation
from local.arcgis.recording import RecordedRequest
from local.arcgis.sending import send_answer

if TYPE_CHECKING:
    from local.arcgis.deployment import Deployment

logger = logging.getLogger(__name__)

FORM_PART_LIMIT = 512 * 1024 * 1024


async def _read_form(request: Request) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    if request.method != "POST":
        return {}, {}
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/"):
        return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)), {}
    fields, files = {}, {}
    async with request.form(max_part_size=FORM_PART_LIMIT) as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                files[name] = (value.filename or "file", await value.read())
            else:
                fields[name] = value
    return fields, files


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _find_token(call: Call) -> str:
    """The token as the caller passed it; the body wins over the query, that over the headers."""
    if found := call.body.get("token"):
        return found
    post = call.request.method == "POST"
    if call.area == "kubernetes" and post and call.switches.kubernetes_post_token_in_body:
        return ""
    if (found := call.query.get("token", "")) and (not post or call.switches.query_token_on_post):
        return found
    headers = call.request.headers
    return _bearer(headers.get("x-esri-authorization", "")) or _bearer(headers.get("authorization", ""))


def _identify(call: Call) -> Refusal | None:
    """Finds the caller's token; returns what to refuse with if it is missing or not good here."""
    shape = "A" if call.area == "portal" else call.switches.auth_error_shape
    value = _find_token(call)
    if not value:
        return Refusal(499, "Token Required", message_code="GWM_0003", shape=shape)
    token = call.deployment.tokens.find(value)
    client = call.request.client
    referer = call.request.headers.get("referer", "") if call.switches.referer_binding else token and token.bound_to
    if token is None or not token.holds(referer or "", client.host if client else ""):
        return Refusal(498, "Invalid token.", shape=shape)
    foreign = token.issuer == "notebook-server" and call.area == "portal"
    if foreign and not call.switches.notebook_server_token_on_portal:
        return Refusal(498, "Invalid token.", shape=shape)
    call.token = token
    return None


class Endpoint:
    """The ASGI application of one operation in one deployment."""

    def __init__(self, deployment: "Deployment", area: Area, operation: Operation) -> None:
        self._deployment = deployment
        self._area = area
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        operation, deployment = self._operation, self._deployment
        record = RecordedRequest(request.method, scope["path"], operation.name)
        deployment.requests.begin(record)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            else:
                record.bytes += len(message.get("body", b""))
            await send(message)

        try:
            body, files = await _read_form(request)
            call = Call(deployment, self._area, request, dict(request.query_params), body, files)
            refusal = _identify(call)
            record.username, record.item_id = call.username, call.item_id
            fault = deployment.faults.take(operation.name, call.item_id, call.username)
            if deployment.switches.latency_seconds:
                await asyncio.sleep(deployment.switches.latency_seconds)
            answer = await fault_effects.before(fault, call) if fault else None
            if fault and fault.kind == "tokens-revoked":
                refusal = _identify(call)
            if answer is None:
                answer = self._answer(call, refusal)
            if fault:
                await fault_effects.deliver(fault, answer, counted)
                if fault.kind == "reset":
                    fault_effects.reset_connection(request)
            else:
                await send_answer(answer, counted)
        except ClientDisconnect:
            pass
        finally:
            deployment.requests.end()

    def _result(self, call: Call, refusal: Refusal | None) -> Payload | Answer:
        # A bad token is refused even where none is needed; a missing one only where it is.
        if refusal and (self._operation.needs_token or refusal.code == 498):
            raise refusal
        return self._operation.handler(call)

    def _answer(self, call: Call, refusal: Refusal | None) -> Answer:
        """The answer of the operation, errors included."""
        status = 200
        payload: Payload
        try:
            result = self._result(call, refusal)
            if isinstance(result, Answer):
                return result
            payload = result
        except Refusal as refused:
            payload = refused.payload()
            if call.switches.real_http_status:
                status = refused.code if refused.code < 498 or refused.code >= 500 else 401
        except Exception:
            logger.exception("The local ArcGIS server failed in %s", self._operation.name)
            payload, status = Refusal(500, "Unable to complete operation.").payload(), 500
        return render(payload, call.format, call.switches, title=self._operation.name, status=status)
