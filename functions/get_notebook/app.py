"""Describes notebooks that are open now: one by its session's id, or all of them, a page at a time.

Trigger: API Gateway, GET or POST of ``/admin/notebooks``, ``/admin/notebooks/{notebookId}`` and the documentation's
other spelling ``/admin/notebook/{notebookId}``.
Answers: the notebook resource of the Enterprise Administrator API, as a page, as JSON or as indented JSON.
"""

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.http import Answer, Request, api_handler, session_answer, sessions_answer
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.reading import read_session, read_sessions

logger = make_logger()


@log_invocation(logger)
@api_handler(logger, Request)
def handler(request: Request, context: LambdaContext) -> Answer:
    """Answer with one session where the path names one, else with those that are open."""
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.ANSWER_RESERVE_SECONDS)
    reader = aws.reader(request.caller_token, request.principal)
    form = aws.asks_for_tokens()
    if request.resource == "/admin/notebooks":
        listing = read_sessions(*request.page, reader, aws.settings().threads, deadline)
        logger.info("Listed", extra={"notebooks": listing["num"], "username": reader.username})
        return sessions_answer(request, listing, token_field=form)
    session = read_session(request.session_id, reader, deadline)
    logger.info("Described", extra={"item_id": session["itemId"], "username": reader.username})
    return session_answer(request, session, token_field=form)
