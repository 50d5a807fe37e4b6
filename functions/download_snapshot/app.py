"""Returns one snapshot: from the archive if the snapshot is archived, or else from ArcGIS.

Trigger: API Gateway, POST to `/admin/notebooks/snapshots/download`. A browser that sends GET gets the operation's form.
Returns: the notebook's bytes, a page that shows it, or a redirect to a file that is too large for a response.
"""

import os

from aws_lambda_powertools.utilities.typing import LambdaContext

from notebook_archive import aws
from notebook_archive.clock import Deadline
from notebook_archive.http import (
    Answer,
    Request,
    answer_form,
    answer_snapshot,
    api_handler,
    parse_snapshot_request,
)
from notebook_archive.logs import log_invocation, make_logger
from notebook_archive.reading import read_snapshot
from notebook_archive.settings import DownloadSnapshotSettings

logger = make_logger()


@log_invocation(logger)
@api_handler(logger, Request)
def handler(request: Request, context: LambdaContext) -> Answer:
    """Return the snapshot, or the form that asks for one."""
    settings = DownloadSnapshotSettings.from_env(os.environ)
    token_field = settings.api_auth == "ArcGIS"
    if request.method != "POST":
        return answer_form(request, token_field=token_field)
    wanted = parse_snapshot_request(request)
    deadline = Deadline.before(context.get_remaining_time_in_millis(), aws.ANSWER_RESERVE_SECONDS)
    rights = aws.authorization(settings.arcgis, settings.api_auth).authorize(request, deadline)
    snapshot = read_snapshot(wanted, rights, aws.snapshot_source(settings))
    logger.info(
        "Returned",
        extra={
            "item_id": wanted.item_id,
            "resource_key": wanted.resource_key,
            "bytes": snapshot.size,
            "source": snapshot.source,
            "linked": snapshot.link is not None,
            "username": rights.username,
        },
    )
    return answer_snapshot(request, wanted, snapshot, token_field=token_field)
