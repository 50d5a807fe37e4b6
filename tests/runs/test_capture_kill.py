"""Test that a rotation killed or failed at any call deletes no snapshot without an archived copy."""

import copy
import itertools
import json
import multiprocessing
import signal
from collections.abc import Callable

import pytest

from local.arcgis import Item, LocalArcGIS
from local.arcgis.organisation import Snapshot
from notebook_archive.archive import RunId
from notebook_archive.backup.slots import capture_name
from notebook_archive.models import ResourceKey, join_digests
from tests.runs.archiver import archive, archive_until
from tests.runs.bucket import Bucket
from tests.runs.conftest import MakeSite
from tests.runs.scene import HOUR_MS, Watch, body, captured_seed, check, ours, save, watched
from tests.runs.test_call_sweep import broken_run
from tests.site import Site, check_archive, check_report
from tests.strict_s3 import Fault, empty_bucket

NAME = capture_name(RunId.from_execution("killed", "2026-11-22T02:00:00Z"))
# More calls than a run with a rotation makes, so that each call fails once.
ARCGIS_CALLS, S3_CALLS = 40, 40


def make_order(running: LocalArcGIS, bucket: Bucket, item: Item, run: str) -> dict[str, str]:
    """Return the order for the archiver, with a plan made from the bucket's current contents."""
    captured = [path for path in bucket.objects if path.endswith(".captured")]
    planned = {
        "itemId": item.id,
        "title": item.title,
        "owner": "ana",
        "archived": join_digests(map(ResourceKey, stored(bucket))),
        "content": {"modified": item.modified, "held": "", "captured": captured[-1][-21:-9] if captured else ""},
        "item": {"id": item.id},
    }
    return {
        "ca": running.ca_bundle.read_text(),
        "portal": running.enterprise.portal_url,
        "secret": json.dumps({"username": "ana", "password": "ana-password"}),
        "s3": bucket.address,
        "run": run,
        "rotates": "true",
        "batch": json.dumps({"number": 1, "part": 0, "notebooks": [planned]}),
    }


def stored(bucket: Bucket) -> dict[str, tuple[bytes, str]]:
    """Return the body and the SHA-256 in the metadata of each archived snapshot, by resource key."""
    return {
        path.rsplit("/", 1)[1]: (held, {name.lower(): value for name, value in headers.items()}["x-amz-meta-sha256"])
        for path, (held, headers) in bucket.objects.items()
        if "/snapshots/" in path
    }


class Rotation:
    """A notebook at its limit of snapshots, so that a capture must delete the oldest."""

    def __init__(self, running: LocalArcGIS, bucket: Bucket) -> None:
        running.reset(captured_seed())
        [self._item] = running.enterprise.organisation.notebooks()
        self._running, self._bucket = running, bucket
        archive(make_order(running, bucket, self._item, "first"))
        [self._made] = ours(self._item)
        self._scene = Watch(self._item)
        self._scene.look()
        self._scene.by_hand(4)
        save(self._item, 1)
        self._made.created -= HOUR_MS
        self._snapshots, self._objects = list(self._item.snapshots), dict(bucket.objects)
        self._modified = self._item.modified
        self._order = make_order(running, bucket, self._item, "killed")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.runs.archiver"])

    def kill(self, call: int, moment: str, part: str = "") -> tuple[bool, bool]:
        """Kill a run at one of the calls whose URL contains `part`, retry it, and check the result.

        Returns whether the run was killed, and whether the oldest snapshot was already gone.
        """
        item, bucket = self._item, self._bucket
        item.snapshots, bucket.objects = copy.deepcopy(self._snapshots), dict(self._objects)
        item.content, item.modified = body(1), self._modified
        watch = Watch(item, dict(self._scene.ever), set(self._scene.persons))
        worker = self._context.Process(target=archive_until, args=(call, moment, self._order, part))
        worker.start()
        worker.join(60)
        code = worker.exitcode
        worker.close()
        assert code in (0, -signal.SIGKILL)
        watch.check(stored(bucket))
        gone = self._made.resource_key not in {each.resource_key for each in item.snapshots}
        archive(self._order)
        watch.check(stored(bucket))
        captured: list[Snapshot] = [each for each in item.snapshots if each.name == NAME]
        assert [each.content for each in captured] == [body(1)], "made once, even if the run is retried"
        assert len(item.snapshots) == 5
        assert {key: held for key, (held, _) in stored(bucket).items()} == {
            key: each.content for key, each in watch.ever.items()
        }, "the second run has archived everything"
        save(item, 2)
        archive(make_order(self._running, bucket, item, "next"))
        watch.check(stored(bucket))
        return code != 0, gone


def test_kill_before_or_after_an_arcgis_write_loses_nothing(running: LocalArcGIS, bucket: Bucket) -> None:
    rotation = Rotation(running, bucket)
    assert rotation.kill(0, "before", "snapshots/delete") == (True, False)
    assert rotation.kill(0, "after", "snapshots/delete") == (True, True)
    assert rotation.kill(1, "after", "snapshots/create") == (True, True), (
        "ArcGIS refuses the first request at the limit"
    )


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_call_of_a_rotation_loses_nothing(running: LocalArcGIS, bucket: Bucket, moment: str) -> None:
    rotation = Rotation(running, bucket)
    gone = []
    for call in itertools.count():
        killed, was_gone = rotation.kill(call, moment)
        if not killed:
            break
        gone.append(was_gone)
    assert len(gone) >= 18, "sign-in, discovery, proof, rotation, archiving and outcomes"
    assert {True, False} == set(gone), "kills struck on both sides of the deletion"


def sweep(make_site: MakeSite, calls: int, strike: Callable[[Site, int], object], met: Callable[[Site], bool]) -> None:
    meetings = []
    for number in range(calls):
        site = make_site(captured_seed(), captures=True, rotates=True)
        empty_bucket()
        site.s3.faults.clear()
        watch = watched(site)
        site.start()
        strike(site, number)
        report = broken_run(site)
        meetings.append(met(site))
        check(watch)
        if report:
            check_report(report)
        check_archive(site, {f"notebooks/{watch.item.id}/snapshots/{k}": s.content for k, s in watch.ever.items()})  # type: ignore[misc]
        site.deployment.faults.clear()
        site.s3.faults.clear()
        site.start()
        check_report(site.run("clean"))
        check(watch)
        assert [each.content for each in ours(watch.item)] == [body(1)], "captured, by one run or the other"
        assert len(watch.item.snapshots) == 5
        if not meetings[-1]:
            break
    assert meetings[-1:] == [False], "the sweep went past the last call"
    assert all(meetings[:-1])
    assert len(meetings) > 10


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("http-500", None),
        pytest.param("hang-up", 1, marks=pytest.mark.soak),
        pytest.param("shape-a", 1, marks=pytest.mark.soak),
    ],
)
def test_rotation_loses_nothing_if_any_arcgis_call_fails(make_site: MakeSite, kind: str, times: int | None) -> None:
    sweep(
        make_site,
        ARCGIS_CALLS,
        lambda site, number: site.deployment.faults.add("*", kind, after=number, times=times, code=400),
        lambda site: any(fault.struck for fault in site.deployment.faults.all()),
    )


@pytest.mark.parametrize(
    ("kind", "times"), [("lost-answer", 1), pytest.param("500-InternalError", 4, marks=pytest.mark.soak)]
)
def test_rotation_loses_nothing_if_any_s3_call_fails(make_site: MakeSite, kind: str, times: int) -> None:
    def strike(site: Site, number: int) -> None:
        site.s3.faults = [Fault("*", kind, times=times, after=number)]

    sweep(make_site, S3_CALLS, strike, lambda site: site.s3.faults[0].times != times)
