"""Test that a run killed at any ArcGIS call stores or reports nothing false, and a clean run archives the rest."""

import multiprocessing
import signal
from typing import Any

import pytest

from local.arcgis import LocalArcGIS
from notebook_archive.archive import RunId
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.report import Report
from tests.conftest import FAULTY_RUNS
from tests.runs.arcgis_sweep import WAYS, Golden, check_complete, five_notebooks
from tests.runs.archiver import Runner, run_until
from tests.runs.bucket import Bucket
from tests.runs.conftest import Record
from tests.site import STARTED_AT, Site, check_report
from tests.strict_s3 import BUCKET, StrictS3

NOTEBOOKS = f"/{BUCKET}/notebooks/"
KILLED = {"Error": "Sandbox.Timedout", "Cause": "The function was killed."}
# The numbers of the calls to kill at: the sign-in, the search, and two calls for notebooks.
CORE_CALLS = (0, 2, 8, 16)


class Kills:
    """A site, its bucket, and the archive of a run that is not killed."""

    def __init__(self, running: LocalArcGIS, bucket: Bucket, way: str, *, current: bool) -> None:
        running.reset(five_notebooks())
        kind, route = WAYS[way]
        deployment = getattr(running, kind)
        self._bucket = bucket
        self._told: dict[str, Any] = {
            "ca": running.ca_bundle.read_text(),
            "portal": deployment.portal_url,
            "route": route,
            "secrets": Site(deployment, running.ca_bundle, StrictS3()).secrets,
            "s3": bucket.address,
            "current": current,
        }
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.runs.archiver"])
        deployment.requests.clear()
        check_complete(Runner(**self._told).run("golden"))
        self.calls = len(deployment.requests)
        self._golden = self._archived()

    def _archived(self) -> Golden:
        """Return the body and the metadata of each object below `notebooks/`, without the id of its run."""
        return {
            path: (
                body,
                {
                    name.lower(): value
                    for name, value in headers.items()
                    if name.lower().startswith("x-amz-meta-") and name.lower() != "x-amz-meta-run-id"
                },
            )
            for path, (body, headers) in self._bucket.objects.items()
            if path.startswith(NOTEBOOKS)
        }

    def kill(self, call: int, moment: str) -> None:
        """Kill a run at a call. Then check the archive, the report, a retry of the batch, and a clean run."""
        self._bucket.objects.clear()
        worker = self._context.Process(target=run_until, args=(call, moment, self._told))
        worker.start()
        worker.join(60)
        assert worker.exitcode == -signal.SIGKILL
        worker.close()
        stored = self._archived()
        assert stored.items() <= self._golden.items(), "nothing false is stored"
        left = dict(self._bucket.objects)
        report = self._report()
        assert report["status"] != "complete" or stored == self._golden
        check_complete(Runner(**self._told).run("clean"))
        assert self._archived() == self._golden

        self._bucket.objects = left
        runner = Runner(**self._told)
        if runner.batches("killed"):
            runner.work("killed")  # Step Functions also retries a crashed batch once
            check_complete(self._report())
            assert self._archived() == self._golden

    def _report(self) -> Report:
        """Report the killed run as the state machine does, without a plan if `plan_run` was killed."""
        runner = Runner(**self._told)
        batches = runner.batches("killed")
        plan: Plan | None = None
        if batches:
            plan = {
                "scope": "everything",
                "planKey": RunId.from_execution("killed", STARTED_AT).key("plan.jsonl"),
                "batches": len(batches),
                "notebooks": sum(len(batch["notebooks"]) for batch in batches),
                "notices": [],
            }
        report = runner.report("killed", plan, None if plan else KILLED)
        check_report(report)
        return report


def test_a_kill_at_an_arcgis_call_loses_nothing(running: LocalArcGIS, bucket: Bucket, record_property: Record) -> None:
    way = "enterprise, owners"
    kills = Kills(running, bucket, way, current=True)
    for call in CORE_CALLS:
        kills.kill(call, "after")
    record_property(FAULTY_RUNS, ["kill", way, len(CORE_CALLS)])


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("current", [True, False], ids=["current", "snapshots"])
@pytest.mark.parametrize("way", WAYS)
def test_a_kill_at_each_arcgis_call_loses_nothing(
    running: LocalArcGIS, bucket: Bucket, way: str, current: bool, moment: str, record_property: Record
) -> None:
    kills = Kills(running, bucket, way, current=current)
    for call in range(kills.calls):
        kills.kill(call, moment)
    record_property(FAULTY_RUNS, ["kill", way, kills.calls])
