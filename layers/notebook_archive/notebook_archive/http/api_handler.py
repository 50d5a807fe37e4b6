"""From API Gateway's event to its answer, whatever happens in between."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.request import Request
from notebook_archive.http.responses import Answer, failure_answer


class Log(Protocol):
    """What of a logger is used here."""

    def append_keys(self, **keys: object) -> None:
        """Have every further line carry these."""

    def warning(self, msg: object, *, extra: dict[str, Any]) -> None:
        """Write a line."""

    def exception(self, msg: object) -> None:
        """Write a line with the exception that is being handled."""


type Handler[R, C] = Callable[[R, C], Answer]
type GatewayHandler[C] = Callable[[dict[str, Any], C], dict[str, Any]]


def api_handler[R: Request, C](log: Log, kind: type[R]) -> Callable[[Handler[R, C]], GatewayHandler[C]]:
    """Return a decorator for handlers that take a Request of that kind and return an Answer.

    A named error becomes the answer that the table in ``failures`` has for it, anything else a plain 500; both are
    logged in full under the correlation id that the caller is given.
    """

    def decorate(handler: Handler[R, C]) -> GatewayHandler[C]:
        @wraps(handler)
        def handle(event: dict[str, Any], context: C) -> dict[str, Any]:
            request = kind(event)
            log.append_keys(correlation_id=request.correlation_id, principal=request.principal)
            try:
                request.refuse_misuse()
                answer = handler(request, context)
            except NotebookArchiveError as error:
                log.warning(str(error), extra={"reason": error.reason, "remedy": error.remedy})
                answer = _failed(request, error)
            except Exception:  # a caller gets an answer in the promised form, whatever the defect
                log.exception("A request met a defect")
                answer = _failed(request, NotebookArchiveError())
            return answer.for_gateway(request.correlation_id, decodes=request.says_what_it_accepts)

        return handle

    return decorate


def _failed(request: Request, error: NotebookArchiveError) -> Answer:
    try:
        as_page = request.wants_page
    except Exception:  # noqa: BLE001 - the parameters themselves are at fault, or have a defect of their own
        as_page = request.is_person
    return failure_answer(request, error, as_page=as_page)
