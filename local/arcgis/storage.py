"""The object store to which an item's `/data` may redirect. Its links need no token."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from local.arcgis.answers import Answer, page
from local.arcgis.recording import RecordedRequest
from local.arcgis.sending import send_answer

if TYPE_CHECKING:
    from local.arcgis.deployment import Deployment


class Storage:
    """Serves the content behind a key. Like S3, it refuses a link that comes with a second kind of authentication."""

    def __init__(self, deployment: "Deployment") -> None:
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = self._answer(request)
        requests = self._deployment.requests
        requests.begin(RecordedRequest(request.method, scope["path"], "storage", status=answer.status))
        try:
            await send_answer(answer, send)
        finally:
            requests.end()

    def _answer(self, request: Request) -> Answer:
        item = self._deployment.storage.get(request.path_params["key"])
        if "token" in request.query_params or {"authorization", "x-esri-authorization"} & set(request.headers):
            return page("Only one authentication mechanism is allowed", "", 400)
        return Answer(item.content) if item else page("No such key", "", 404)
