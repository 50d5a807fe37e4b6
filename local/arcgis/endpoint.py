"""Handle one request: read it, identify the caller, apply a fault, run the operation, send the response, log it."""

import asyncio
import logging
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.arcgis import fault_injection
from local.arcgis.deployment import Deployment
from local.arcgis.operations.call import Area, Call, Operation
from local.arcgis.request_log import LoggedRequest
from local.arcgis.responses import OperationError, Payload, Response, make_page, render, send_response

logger = logging.getLogger(__name__)

MAX_FORM_PART_BYTES = 512 * 1024 * 1024


class OperationEndpoint:
    """The ASGI application of one operation in one deployment."""

    def __init__(self, deployment: Deployment, area: Area, operation: Operation) -> None:
        self._deployment = deployment
        self._area = area
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        operation, deployment = self._operation, self._deployment
        logged = LoggedRequest(request.method, scope["path"], operation.name)
        deployment.requests.begin(logged)

        async def send_and_log(message: Message) -> None:
            if message["type"] == "http.response.start":
                logged.status = message["status"]
            else:
                logged.bytes += len(message.get("body", b""))
            await send(message)

        try:
            limit = deployment.switches.max_request_bytes
            if limit and int(request.headers.get("content-length", 0)) > limit:
                await send_response(make_page("Content too large", "", 413), send_and_log)
                return
            body, files = await _read_form(request)
            call = Call(deployment, self._area, request, dict(request.query_params), body, files)
            error = _identify(call)
            logged.username, logged.item_id = call.username, call.item_id
            fault = deployment.faults.take(operation.name, call.item_id, call.username)
            if deployment.switches.latency_seconds:
                await asyncio.sleep(deployment.switches.latency_seconds)
            if fault is None:
                await send_response(self._respond(call, error), send_and_log)
                return
            response = await fault_injection.inject_before_operation(fault, call)
            if fault.kind == "tokens-revoked":
                error = _identify(call)
            response = response or self._respond(call, error)
            await fault_injection.send_with_fault(fault, response, request, send_and_log)
        except ClientDisconnect:
            pass
        finally:
            deployment.requests.end()

    def _run(self, call: Call, error: OperationError | None) -> Payload | Response:
        # Every operation refuses an invalid token. Only operations that need a token refuse a call without one.
        if error and (self._operation.needs_token or error.code == 498):
            raise error
        limit = call.switches.max_field_bytes
        if limit and any(len(value.encode()) > limit for value in call.body.values()):
            raise OperationError(400, "The value of a field is too long.")
        return self._operation.handler(call)

    def _respond(self, call: Call, error: OperationError | None) -> Response:
        """Run the operation and return its response. The response may report an error."""
        status = 200
        payload: Payload
        try:
            result = self._run(call, error)
            if isinstance(result, Response):
                return result
            payload = result
        except OperationError as refusal:
            payload = refusal.payload()
            if call.switches.real_http_status:
                status = refusal.code if refusal.code < 498 or refusal.code >= 500 else 401
        except Exception:
            logger.exception("The local ArcGIS server failed in %s", self._operation.name)
            payload, status = OperationError(500, "Unable to complete operation.").payload(), 500
        return render(payload, call.format, call.switches, title=self._operation.name, status=status)


class StorageEndpoint:
    """The object store to which an item's `/data` may redirect. Its links need no token.

    Like S3, it refuses a request that contains a token in addition to the link.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._respond(request)
        requests = self._deployment.requests
        requests.begin(LoggedRequest(request.method, scope["path"], "storage", status=response.status))
        try:
            await send_response(response, send)
        finally:
            requests.end()

    def _respond(self, request: Request) -> Response:
        item = self._deployment.storage.get(request.path_params["key"])
        if "token" in request.query_params or {"authorization", "x-esri-authorization"} & set(request.headers):
            return make_page("Only one authentication mechanism is allowed", "", 400)
        return Response(item.content) if item else make_page("No such key", "", 404)


def make_not_found_app(deployment: Deployment) -> ASGIApp:
    """Return the application for paths without a route. It sends a page with HTTP 404 and logs the request."""

    async def not_found(scope: Scope, _: Receive, send: Send) -> None:
        deployment.requests.begin(LoggedRequest(scope["method"], scope["path"], "unknown", status=404))
        deployment.requests.end()
        await send_response(make_page("Not found", scope["path"], 404), send)

    return not_found


async def _read_form(request: Request) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Return the fields and the files in the request's body."""
    if request.method != "POST":
        return {}, {}
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/"):
        return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)), {}
    fields, files = {}, {}
    async with request.form(max_part_size=MAX_FORM_PART_BYTES) as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                files[name] = (value.filename or "file", await value.read())
            else:
                fields[name] = value
    return fields, files


def _identify(call: Call) -> OperationError | None:
    """Set the call's token. If the token is missing or not valid here, return the error that refuses the call."""
    shape = "A" if call.area == "portal" else call.switches.auth_error_shape
    value = _find_token(call)
    if not value:
        return OperationError(499, "Token Required", message_code="GWM_0003", shape=shape)
    token = call.deployment.tokens.find(value)
    client = call.request.client
    referer = call.request.headers.get("referer", "") if call.switches.referer_binding else token and token.bound_to
    if token is None or not token.is_valid_for(referer or "", client.host if client else ""):
        return OperationError(498, "Invalid token.", shape=shape)
    is_foreign = token.issuer == "notebook-server" and call.area == "portal"
    if is_foreign and not call.switches.notebook_server_token_on_portal:
        return OperationError(498, "Invalid token.", shape=shape)
    call.token = token
    return None


def _find_token(call: Call) -> str:
    """Return the token, or an empty string. The body takes precedence over the query, and the query over headers."""
    if found := call.body.get("token"):
        return found
    is_post = call.request.method == "POST"
    if call.area == "kubernetes" and is_post and call.switches.kubernetes_post_token_in_body:
        return ""
    if (found := call.query.get("token", "")) and (not is_post or call.switches.query_token_on_post):
        return found
    headers = call.request.headers
    return _bearer_token(headers.get("x-esri-authorization", "")) or _bearer_token(headers.get("authorization", ""))


def _bearer_token(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
