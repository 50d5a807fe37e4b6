"""Hands out one snapshot: from the archive if it holds it, from ArcGIS otherwise.

Trigger: API Gateway, POST of ``/admin/notebooks/snapshots/download``; a GET by a browser gets the operation's form.
Answers: the notebook's bytes, a page that shows it, or the way to a file too large for an answer.
"""

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.http import Answer, Request, api_handler, form_answer, snapshot_answer, wanted_by
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.reading import read_snapshot

logger = make_logger()


@log_invocation(logger)
@api_handler(logger, Request)
def handler(request: Request, context: LambdaContext) -> Answer:
    """Answer with the snapshot, or with the form that asks for one."""
    form = aws.asks_for_tokens()
    if request.method != "POST":
        return form_answer(request, token_field=form)
    wanted = wanted_by(request)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.ANSWER_RESERVE_SECONDS)
    reader = aws.reader(request.caller_token, request.principal)
    found = read_snapshot(wanted, reader, aws.snapshot_source(), deadline)
    logger.append_keys(username=reader.username)
    what = {"item_id": wanted.item_id, "resource_key": wanted.resource_key, "bytes": found.size}
    logger.info("Handed out", extra={**what, "source": found.source, "linked": found.link is not None})
    return snapshot_answer(request, found, token_field=form)
