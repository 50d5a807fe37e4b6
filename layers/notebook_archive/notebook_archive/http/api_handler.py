"""Turn API Gateway's event into a request, and the result or the error of a handler into a response."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.request import Request
from notebook_archive.http.responses import Answer, answer_failure


class Log(Protocol):
    """The methods of a logger that are used here."""

    def append_keys(self, **keys: object) -> None:
        """Add keys to every further line."""

    def warning(self, msg: object, *, extra: dict[str, Any]) -> None:
        """Write a line."""

    def exception(self, msg: object) -> None:
        """Write a line with the exception that is being handled."""


type Handler[R, C] = Callable[[R, C], Answer]
type GatewayHandler[C] = Callable[[dict[str, Any], C], dict[str, Any]]


def api_handler[R: Request, C](log: Log, request_class: type[R]) -> Callable[[Handler[R, C]], GatewayHandler[C]]:
    """Return a decorator for handlers that take a request of this class and return an Answer.

    A NotebookArchiveError is converted to the HTTP response that `error_table` lists for it. Any other exception is
    converted to a plain 500. Both are logged in full, with the correlation id that the caller gets.
    """

    def decorate(handler: Handler[R, C]) -> GatewayHandler[C]:
        @wraps(handler)
        def handle(event: dict[str, Any], context: C) -> dict[str, Any]:
            request = request_class(event)
            log.append_keys(correlation_id=request.correlation_id, principal=request.principal)
            try:
                request.refuse_misuse()
                answer = handler(request, context)
            except NotebookArchiveError as error:
                log.warning(str(error), extra={"reason": error.reason, "remedy": error.remedy})
                answer = _answer_failure(request, error)
            except Exception:  # the caller must get a documented response, even after a defect
                log.exception("The request failed because of a defect")
                answer = _answer_failure(request, NotebookArchiveError())
            return answer.to_gateway(request.correlation_id, has_accept_header=request.has_accept_header)

        return handle

    return decorate


def _answer_failure(request: Request, error: NotebookArchiveError) -> Answer:
    try:
        as_page = request.wants_page
    except Exception:  # noqa: BLE001 - the parameters are malformed or cannot be read
        as_page = request.accepts_html
    return answer_failure(request, error, as_page=as_page)
