"""A capture with rotation may be killed, or fail, at any call: no snapshot is ever gone without its copy archived."""

import copy
import json
import multiprocessing
import signal
from collections.abc import Callable

import pytest

from local.arcgis import Item, LocalArcGIS
from local.arcgis.organisation import Snapshot
from notebook_archive.archive import RunId
from notebook_archive.models import ResourceKey, digests
from notebook_archive.pipeline.slots import capture_name
from tests.pipeline.archiver import archive, archive_until
from tests.pipeline.bucket import Bucket
from tests.pipeline.conftest import MakeSite
from tests.pipeline.scene import HOUR_MS, Watch, body, captured_seed, check, ours, save, watched
from tests.pipeline.test_call_sweep import broken_run
from tests.site import Site, check_archive, check_report
from tests.strict_s3 import Fault, empty_bucket

NAME = capture_name(RunId.of_execution("killed", "2026-11-22T02:00:00Z"))
ARCGIS_CALLS, S3_CALLS = 40, 40
"""More than a run with a rotation makes, so that each call meets a fault."""


def told_of(running: LocalArcGIS, bucket: Bucket, item: Item, run: str) -> dict[str, str]:
    """Return what the archiver is told, its plan made of what the bucket holds now."""
    captured = [path for path in bucket.objects if path.endswith(".captured")]
    planned = {
        "itemId": item.id,
        "title": item.title,
        "owner": "ana",
        "archived": digests(map(ResourceKey, stored(bucket))),
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
    """Return body and noted SHA-256 of the archived snapshots by resource key."""
    return {
        path.rsplit("/", 1)[1]: (held, {name.lower(): value for name, value in headers.items()}["x-amz-meta-sha256"])
        for path, (held, headers) in bucket.objects.items()
        if "/snapshots/" in path
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rotation_that_is_killed_at_any_call_loses_nothing(running: LocalArcGIS, bucket: Bucket, moment: str) -> None:
    running.reset(captured_seed())
    [item] = running.enterprise.organisation.notebooks()
    archive(told_of(running, bucket, item, "first"))
    [made] = ours(item)
    scene = Watch(item)
    scene.look()
    scene.by_hand(4)
    save(item, 1)
    made.created -= HOUR_MS
    snapshots, objects = list(item.snapshots), dict(bucket.objects)
    modified = item.modified
    told = told_of(running, bucket, item, "killed")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pipeline.archiver"])
    gone, call = [], 0
    while True:
        item.snapshots, bucket.objects = copy.deepcopy(snapshots), dict(objects)
        item.content, item.modified = body(1), modified
        watch = Watch(item, dict(scene.ever), set(scene.persons))
        worker = context.Process(target=archive_until, args=(call, moment, told))
        worker.start()
        worker.join(60)
        code = worker.exitcode
        worker.close()
        watch.check(stored(bucket))
        gone.append(made.resource_key not in {each.resource_key for each in item.snapshots})
        archive(told)
        watch.check(stored(bucket))
        captured: list[Snapshot] = [each for each in item.snapshots if each.name == NAME]
        assert [each.content for each in captured] == [body(1)], "made once, however often the run is tried"
        assert len(item.snapshots) == 5
        assert {key: held for key, (held, _) in stored(bucket).items()} == {
            key: each.content for key, each in watch.ever.items()
        }, "the rerun has archived all there is"
        save(item, 2)
        archive(told_of(running, bucket, item, "next"))
        watch.check(stored(bucket))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        call += 1
    assert call >= 18, "sign-in, discovery, proof, rotation, archiving and outcomes"
    assert {True, False} == set(gone[:-1]), "kills struck on both sides of the deletion"


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


@pytest.mark.parametrize(("kind", "times"), [("http-500", None), ("hang-up", 1), ("shape-a", 1)])
def test_any_call_to_arcgis_of_a_rotation_may_fail(make_site: MakeSite, kind: str, times: int | None) -> None:
    sweep(
        make_site,
        ARCGIS_CALLS,
        lambda site, number: site.deployment.faults.add("*", kind, after=number, times=times, code=400),
        lambda site: any(fault.struck for fault in site.deployment.faults.all()),
    )


@pytest.mark.parametrize(("kind", "times"), [("lost-answer", 1), ("500-InternalError", 4)])
def test_any_call_to_s3_of_a_rotation_may_fail(make_site: MakeSite, kind: str, times: int) -> None:
    def strike(site: Site, number: int) -> None:
        site.s3.faults = [Fault("*", kind, times=times, after=number)]

    sweep(make_site, S3_CALLS, strike, lambda site: site.s3.faults[0].times != times)
