"""Describes open notebooks: one by its session id, or all of them, a page at a time. Also describes the API.

Trigger: API Gateway, GET or POST to `/admin/notebooks`, `/admin/notebooks/{notebookId}` or
`/admin/notebook/{notebookId}`. Esri's documentation contains both spellings. GET to `/` describes the API.
Returns: the notebook resource of the Enterprise Administrator API, as a page, as JSON or as indented JSON.
"""

import os

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.http import Answer, Request, answer_landing, answer_session, answer_sessions, api_handler
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.reading import read_session, read_sessions
from notebook_archive.settings import GetNotebookSettings

logger = make_logger()


@log_invocation(logger)
@api_handler(logger, Request)
def handler(request: Request, context: LambdaContext) -> Answer:
    """Return the session that the path names, or the open sessions. For the root path, return what the API offers."""
    settings = GetNotebookSettings.from_env(os.environ)
    if request.resource == "/":
        return answer_landing(request, settings.api_auth)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.ANSWER_RESERVE_SECONDS)
    authorization = aws.authorization(settings.arcgis, settings.api_auth)
    token_field = settings.api_auth == "ArcGIS"
    if request.resource == "/admin/notebooks":
        start, num = request.paging
        rights = authorization.authorize(request, deadline)
        listing = read_sessions(start, num, rights, settings.threads)
        logger.info("Listed", extra={"notebooks": listing["num"], "username": rights.username})
        return answer_sessions(request, listing, token_field=token_field)
    session_id = request.session_id
    rights = authorization.authorize(request, deadline)
    session = read_session(session_id, rights)
    logger.info("Described", extra={"item_id": session["itemId"], "username": rights.username})
    return answer_session(request, session, token_field=token_field)
