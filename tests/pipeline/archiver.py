"""A process that archives one batch, to be killed: ``python -m tests.pipeline.archiver``, told all on stdin."""

import itertools
import json
import os
import signal
import sys
from typing import Any

import boto3
from botocore.config import Config
from urllib3.connectionpool import HTTPConnectionPool

from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import NotebookServers, Routes
from notebook_archive.arcgis.tls import tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, RunId, Shelf
from notebook_archive.deadline import Deadline
from notebook_archive.pipeline import archive_batch
from notebook_archive.pipeline.task import Capturing, Workshop
from notebook_archive.settings import Route
from tests.strict_s3 import ACCOUNT, BUCKET


def archive(told: dict[str, str]) -> None:
    """Archive the batch that is told of, into the S3 that is told of; with ``rotates``, as the owner and capturing."""
    transport = Transport(tls_context(told["ca"], strict=True))
    portal = Portal(transport, told["portal"])
    rotates = "rotates" in told
    route: Route = "notebook-server" if rotates else "portal"
    routes = Routes(transport, portal, route, NotebookServers(""), "x", lambda _: told["secret"])
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    s3 = boto3.client("s3", endpoint_url=told["s3"], config=config)
    capturing = Capturing(Shelf(s3, BUCKET, ACCOUNT), 5, rotates=True, pause_seconds=0.0) if rotates else None
    workshop = Workshop(routes, Archive(s3, BUCKET, ACCOUNT), told["portal"], 100_000_000, capturing=capturing)
    run = RunId.of_execution(told["run"], "2026-11-22T02:00:00Z")
    archive_batch(json.loads(told["batch"]), run, workshop, 1, Deadline(120))


def archive_until(call: int, moment: str, told: dict[str, str]) -> None:
    """Archive, and be killed before the ``call``-th HTTP call of this process, or once the server has answered it."""
    urlopen, calls = HTTPConnectionPool.urlopen, itertools.count()

    def counted(pool: HTTPConnectionPool, *args: Any, **more: Any) -> Any:
        last = next(calls) == call
        if last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = urlopen(pool, *args, **more)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    HTTPConnectionPool.urlopen = counted  # type: ignore[assignment, method-assign]
    archive(told)


if __name__ == "__main__":
    archive(json.load(sys.stdin))
