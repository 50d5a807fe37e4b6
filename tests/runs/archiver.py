"""Archive one batch or make a whole run in a process that a test kills.

`python -m tests.runs.archiver` archives the batch that it reads from stdin.
"""

import functools
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from urllib3.connectionpool import HTTPConnectionPool

from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, ArchiveReader, RunId
from notebook_archive.backup.job import ArchiveContext, CaptureSettings
from notebook_archive.clock import Deadline
from notebook_archive.runs import archive_batch, plan_run, report_run
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.report import Report
from notebook_archive.settings import Route
from tests.site import PREFIX, STARTED_AT
from tests.strict_s3 import ACCOUNT, BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@functools.cache
def s3_client(address: str) -> "S3Client":
    """Return a client for the bucket at that address. It makes one attempt at each call."""
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return boto3.client("s3", endpoint_url=address, config=config)


def archive(order: dict[str, str]) -> None:
    """Archive the batch in the order. If the order has `rotates`, use the owner's credential and make captures."""
    transport = Transport(make_tls_context(order["ca"], strict=True))
    rotates = "rotates" in order
    route: Route = "notebook-server" if rotates else "portal"
    routes = Routes(transport, order["portal"], route, Discovery(""), "x", lambda _: order["secret"])
    s3 = s3_client(order["s3"])
    capturing = None
    if rotates:
        capturing = CaptureSettings(ArchiveReader(s3, BUCKET, ACCOUNT), 5, rotates=True, pause_seconds=0.0)
    context = ArchiveContext(
        routes, Archive(s3, BUCKET, ACCOUNT), order["portal"], 100_000_000, capture_settings=capturing
    )
    run = RunId.from_execution(order["run"], "2026-11-22T02:00:00Z")
    archive_batch(json.loads(order["batch"]), run, context, 1, Deadline(120))


def archive_until(call: int, moment: str, order: dict[str, str], part: str = "") -> None:
    """Archive a batch, and kill this process before an HTTP call or after its response.

    `call` starts at 0, and counts only calls whose URL contains `part`.
    """
    kill_at(call, moment, lambda _, url: part in url)
    archive(order)


def kill_at(call: int, moment: str, counts: Callable[[HTTPConnectionPool, str], bool]) -> None:
    """Kill this process before or after an HTTP call.

    The call's number starts at 0. `counts` returns True for calls that count.
    """
    urlopen, calls = HTTPConnectionPool.urlopen, itertools.count()

    def counted(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **more: Any) -> Any:
        last = counts(pool, url) and next(calls) == call
        if last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = urlopen(pool, method, url, *args, **more)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    HTTPConnectionPool.urlopen = counted  # type: ignore[assignment, method-assign]


class Runner:
    """Makes whole runs without a `Site`, because a `Site` cannot be passed to another process."""

    def __init__(self, ca: str, portal: str, route: Route, secrets: dict[str, str], s3: str, *, current: bool) -> None:
        """Prepare runs. `secrets` maps names to secrets. `s3` is the address of the bucket."""
        transport = Transport(make_tls_context(ca, strict=True))
        self.routes = Routes(transport, portal, route, Discovery(""), PREFIX, lambda name: secrets[name])
        self.archive = Archive(s3_client(s3), BUCKET, ACCOUNT)
        self.context = ArchiveContext(self.routes, self.archive, portal, 100_000_000, includes_current=current)

    def run(self, name: str) -> Report:
        """Make a run and return its report."""
        run = RunId.from_execution(name, STARTED_AT)
        administrator = self.routes.portal(Deadline(60))
        plan = plan_run(run, STARTED_AT, administrator, self.archive, None, batch_size=100, threads=2)
        self.work(name)
        return self.report(name, plan, None)

    def work(self, name: str) -> None:
        """Archive the batches of a planned run."""
        for batch in self.batches(name):
            archive_batch(batch, RunId.from_execution(name, STARTED_AT), self.context, 2, Deadline(60))

    def batches(self, name: str) -> list[Batch]:
        """Return the lines of a run's plan, or an empty list if it has no plan."""
        plan = self.archive.read_object(RunId.from_execution(name, STARTED_AT).key("plan.jsonl"))
        return [json.loads(line) for line in (plan or b"").splitlines()]

    def report(self, name: str, plan: Plan | None, error: dict[str, str] | None) -> Report:
        """Write the report of a run and return it."""
        run = RunId.from_execution(name, STARTED_AT)
        return report_run(run, self.archive, STARTED_AT, plan, error, 2, Deadline(60))[1]


def run_until(call: int, moment: str, order: dict[str, Any]) -> None:
    """Make a whole run, and kill this process before ArcGIS call number `call` or after its response."""
    kill_at(call, moment, lambda pool, _: pool.scheme == "https")
    Runner(**order).run("killed")


if __name__ == "__main__":
    archive(json.load(sys.stdin))
