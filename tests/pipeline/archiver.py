"""A process that archives one batch, to be killed: ``python -m tests.pipeline.archiver``, told all on stdin."""

import json
import sys

import boto3
from botocore.config import Config

from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import NotebookServers, Routes
from notebook_archive.arcgis.tls import tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, RunId
from notebook_archive.deadline import Deadline
from notebook_archive.pipeline import archive_batch
from notebook_archive.pipeline.archive_notebook import Workshop
from tests.strict_s3 import ACCOUNT, BUCKET


def archive(told: dict[str, str]) -> None:
    """Archive the batch that is told of, into the S3 that is told of."""
    transport = Transport(tls_context(told["ca"], strict=True))
    portal = Portal(transport, told["portal"])
    routes = Routes(transport, portal, "portal", NotebookServers(""), "x", lambda _: told["secret"])
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    bucket = Archive(boto3.client("s3", endpoint_url=told["s3"], config=config), BUCKET, ACCOUNT)
    workshop = Workshop(routes, bucket, told["portal"], 100_000_000)
    run = RunId.of_execution(told["run"], "2026-11-22T02:00:00Z")
    archive_batch(json.loads(told["batch"]), run, workshop, 1, Deadline(60))


if __name__ == "__main__":
    archive(json.load(sys.stdin))
