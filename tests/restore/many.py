"""Make bulk restores and restore tests in the same steps as the deployed functions, and kill them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.s3.models import s3_backends
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from local.arcgis import Deployment
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Ledger, RunId, SecondPlace
from notebook_archive.bulk_restore import (
    RestoreSource,
    guess_request,
    plan_restores,
    read_request,
    report_restores,
    restore_batch,
)
from notebook_archive.bulk_restore.plan import BulkPlan
from notebook_archive.bulk_restore.planned import Batch
from notebook_archive.bulk_restore.report import BulkReport
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.restore import TargetPortal, TargetPortals
from notebook_archive.restore.request import Place
from notebook_archive.restore_tests import TestResults, run_restore_tests
from tests.restore.scene import RestoreScene
from tests.site import PREFIX, STARTED_AT
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, SECOND_BUCKET, StrictS3, contents

TEST_SECRET = f"{PREFIX}/restore-test"
FOLDER = "Notebook Archive restore tests"


class Killed(BaseException):
    """Ends a function like a kill. No handler of the package catches it."""


@dataclass
class Kill:
    """A kill after the response to call number `call`, which starts at 0. A killed function makes no more calls.

    Only calls whose URLs contain `part` are counted. Calls to the ledger are not counted. There are hundreds of them,
    and the ledger may be lost at any time. Neither are reads of earlier restore tests, because their number grows with
    each kill.
    """

    call: int
    part: str = ""
    calls: int = 0

    def around(self, send: Any) -> Any:
        """Return a function that sends a request, unless the function is killed already."""

        def killing(*args: Any, **more: Any) -> Any:
            number = self.calls
            if number <= self.call and not self._is_counted([*args, *more.values()]):
                return send(*args, **more)
            self.calls += 1
            if number > self.call:
                raise Killed
            answer = send(*args, **more)
            if number == self.call:
                if isinstance(answer, BaseHTTPResponse):
                    answer.close()
                raise Killed
            return answer

        return killing

    def _is_counted(self, arguments: list[Any]) -> bool:
        urls = [getattr(each, "url", each) for each in arguments]
        return any(self.part in url for url in urls if isinstance(url, str)) and not any(map(_is_uncounted, arguments))


def _is_uncounted(request: object) -> bool:
    url, method = getattr(request, "url", ""), getattr(request, "method", "")
    return "/ledger/" in url or (method == "GET" and "/restore-tests/" in url)


@contextmanager
def killed_after(call: int, part: str = "") -> Iterator[Kill]:
    """End what runs inside after an outbound call whose URL contains `part`. `kill.calls` counts these calls."""
    kill = Kill(call, part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnectionPool, "urlopen", kill.around(HTTPConnectionPool.urlopen))
        patch.setattr(StrictS3, "_send", kill.around(StrictS3._send))
        with suppress(Killed):
            yield kill


@dataclass
class ManyScene:
    """A scene whose notebooks are restored together."""

    scene: RestoreScene
    threads: int = 2
    started_at: str = STARTED_AT
    plan_seconds: float = 60.0

    def start(self) -> None:
        """Start a new container."""
        start_afresh(self.scene)

    def plan(self, name: str, given: Mapping[str, Any]) -> BulkPlan:
        run, request = RunId.from_execution(name, self.started_at), read_request(given)
        context, deadline = self.scene.context, Deadline(self.plan_seconds)
        sources: dict[Place, RestoreSource] = {"archive": RestoreSource(context.archive, context.reader)}
        if context.replicas:
            second_place = SecondPlace(self.scene.site.s3.client(), SECOND_BUCKET, ACCOUNT)
            sources["second-place"] = RestoreSource(second_place, context.replicas)
        return plan_restores(run, self.started_at, request, context.archive, sources, self.threads, deadline)

    def batches(self, plan: BulkPlan) -> list[Batch]:
        """Return the plan's lines, parsed as Step Functions parses them."""
        return [json.loads(line) for line in contents(plan["planKey"])[plan["planKey"]].body.splitlines()]

    def work(self, name: str, batch: Batch) -> Batch | None:
        """Restore the batch in one invocation, and return the rest of it or None."""
        run = RunId.from_execution(name, self.started_at)
        return restore_batch(batch, run, self.scene.context, self.threads, Deadline(self.scene.seconds))[1]

    def report(
        self, name: str, given: Mapping[str, Any], plan: BulkPlan | None, error: dict[str, str] | None = None
    ) -> BulkReport:
        run, archive = RunId.from_execution(name, self.started_at), self.scene.context.archive
        return report_restores(run, self.started_at, guess_request(given), plan, error, archive, self.threads)[1]

    def restore(self, given: Mapping[str, Any], name: str = "many") -> BulkReport:
        """Make a whole bulk restore. As in the state machine, a batch that raises is lost."""
        try:
            plan = self.plan(name, given)
        except NotebookArchiveError as error:
            cause = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            return self.report(name, given, None, {"Error": type(error).__name__, "Cause": cause})
        for batch in self.batches(plan):
            left: Batch | None = batch
            while left:
                try:
                    left = self.work(name, left)
                except NotebookArchiveError:
                    break
        return self.report(name, given, plan)

    def items(self, name: str = "many") -> list[dict[str, Any]]:
        """Return the lines of the list of new items."""
        key = f"bulk-restores/{self.started_at[:10]}/{name}/items.jsonl"
        return [json.loads(line) for line in contents(key)[key].body.splitlines()]


def start_afresh(scene: RestoreScene) -> None:
    """Start a new container with a new client for S3, so that its calls are killed too."""
    scene.site._client = scene.site.s3.client(scene.site.attempts)
    scene.start()


def empty(deployment: Deployment) -> None:
    """Delete every item, folder and group of a portal."""
    organisation = deployment.organisation
    for item_id in list(organisation.items):
        organisation.remove(item_id)
    organisation.folders.clear()
    organisation.groups.clear()


@dataclass
class TestBench:
    """A scene with an account for restore tests, and a ledger. `night` counts the days that have passed."""

    __test__ = False

    scene: RestoreScene
    threads: int = 2
    account: str = "tester"
    night: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        site = self.scene.site
        user = next(each for each in site.deployment.users if each.username == self.account)
        site.secrets[TEST_SECRET] = json.dumps({"username": user.username, "password": user.password})
        self.start()

    def start(self) -> None:
        """Start a new container."""
        site = self.scene.site
        start_afresh(self.scene)
        transport = Transport(make_tls_context(site.ca_bundle.read_text(), strict=True), sleep=lambda _: None)
        url = site.deployment.portal_url
        routes = Routes(transport, url, "portal", Discovery(""), PREFIX, site._read_secret, only_secret=TEST_SECRET)
        portals = TargetPortals(TargetPortal(routes, url, PREFIX, is_own=True), "", lambda *_: routes)
        self.context = replace(self.scene.context, portals=portals)
        self.ledger = Ledger(site.s3.client(site.attempts), LEDGER_BUCKET, ACCOUNT)

    def clock(self) -> float:
        return (self.began + timedelta(days=self.night)).timestamp()

    def run(self, name: str = "test") -> TestResults:
        """Do a restore test, and return its results."""
        moment = datetime.fromtimestamp(self.clock(), UTC).isoformat()
        run = RunId.from_execution(name, moment)
        deadline = Deadline(self.scene.seconds)
        try:
            return run_restore_tests(run, self.context, self.ledger, self.threads, deadline, self.clock)[1]
        finally:
            self._date_objects(f"restore-tests/{run}/")

    def _date_objects(self, prefix: str) -> None:
        """Let the bucket say that the objects were written at the time of this night."""
        held = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys
        for key in contents(prefix):
            held[key].last_modified = datetime.fromtimestamp(self.clock(), UTC)
