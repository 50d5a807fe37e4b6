"""Test that a killed worker stores no object or a complete one, and that the next run completes the archive."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.arcgis import Item, LocalArcGIS, Seed, Snapshot
from tests.runs.archiver import archive
from tests.runs.bucket import Bucket
from tests.runs.conftest import SMALL
from tests.strict_s3 import BUCKET

ROOT = Path(__file__).parents[2]
# Far more bytes than socket buffers hold, so that a killed worker has not sent all of them. The worker stages them on
# disk, not in memory.
BODY = b'{"cells":["' + b"x" * 12_000_000 + b'"],"nbformat":4}'


@pytest.mark.parametrize(
    ("kill", "stored"),
    [
        (("snapshots", 0), 0),
        (("snapshots", 65_536), 0),
        (("snapshots", 6_000_000), 0),
        (("snapshots", -1), 1),
        (("item.json", 0), 1),
        (("records", 0), 1),
        (("records", -1), 1),
        (("outcomes", -1), 1),
    ],
)
def test_killed_worker_stores_no_object_or_a_complete_one(
    running: LocalArcGIS, bucket: Bucket, kill: tuple[str, int], stored: int
) -> None:
    running.reset(Seed(SMALL, lambda: [Item("ana", "Large", snapshots=[Snapshot("One", BODY)])]))
    (item,) = running.enterprise.organisation.notebooks()
    admin = running.enterprise.admin
    properties = {"id": item.id, "title": item.title}
    content = {"modified": item.modified, "held": "", "captured": ""}
    named = {"itemId": item.id, "title": "Large", "owner": "ana"}
    planned = {**named, "archived": "", "content": content, "item": properties}
    told = {
        "ca": running.ca_bundle.read_text(),
        "portal": running.enterprise.portal_url,
        "secret": json.dumps({"username": admin.username, "password": admin.password}),
        "s3": bucket.address,
        "run": "killed",
        "batch": json.dumps({"number": 1, "part": 0, "notebooks": [planned]}),
    }
    bucket.kill = kill
    path = f"{ROOT}/layers/notebook_archive:{ROOT}"
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.runs.archiver"],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
    )
    bucket.worker = worker.pid
    worker.communicate(json.dumps(told).encode(), timeout=60)
    assert worker.returncode == -signal.SIGKILL
    assert bucket.settled.wait(10)

    key = f"/{BUCKET}/notebooks/{item.id}/snapshots/{item.snapshots[0].resource_key}"
    snapshots = [name for name in bucket.objects if "/snapshots/" in name]
    assert snapshots == [key] * stored
    bucket.kill = None
    archive({**told, "run": "again"})
    assert bucket.objects[key][0] == BODY
    [written] = [name for name in bucket.objects if name.startswith(f"/{BUCKET}/runs/") and "again" in name]
    assert written.endswith("/outcomes/000001.json")
    outcome = json.loads(bucket.objects[written][0])["outcomes"][0]
    assert any("/records/" in name and "again" in name for name in bucket.objects) == (not stored)
    assert (outcome["state"], outcome["unchanged"]) == (("unchanged", 1) if stored else ("archived", 0))
    assert f"/{BUCKET}/notebooks/{item.id}/item.json" in bucket.objects
