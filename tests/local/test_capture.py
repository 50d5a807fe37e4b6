"""Test captures by a deployed run. At the limit, a capture replaces the oldest snapshot that the archive made."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.arcgis import Item, Seed, Snapshot
from local.archive_run import ArchiveRun
from local.system import LocalSystem
from tests.local.conftest import SNAPSHOTS_ALONE

LIMIT = 5
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def capturing() -> Iterator[LocalSystem]:
    """A system with Capture and SlotRotation: it makes snapshots and deletes its oldest ones at the limit."""
    parameters = {"Capture": "true", "SlotRotation": "true", "LogLevel": "DEBUG", **SNAPSHOTS_ALONE}
    with LocalSystem(Seed.many(3), parameters) as system:
        yield system


def run(system: LocalSystem) -> None:
    ended = ArchiveRun(system.aws, system.outputs).wait()
    assert (ended.status, ended.report["status"]) == ("SUCCEEDED", "complete")


def archived(system: LocalSystem, item: Item, key: str) -> bytes:
    path = f"notebooks/{item.id}/snapshots/{key}"
    return system.aws.s3.get_object(Bucket=system.outputs["ArchiveBucket"], Key=path)["Body"].read()


def backdate(system: LocalSystem, item: Item, key: str) -> None:
    """Replace the capture record of a snapshot by one with an earlier time."""
    note: Any = {"Bucket": system.outputs["ArchiveBucket"], "Key": f"notebooks/{item.id}/captures/{key}"}
    made = json.loads(system.aws.s3.get_object(**note)["Body"].read())
    system.aws.s3.delete_object(**note)
    made["at"] -= HOUR_MS
    system.aws.s3.put_object(**note, Body=json.dumps(made), IfNoneMatch="*", ChecksumAlgorithm="SHA256")


def save(item: Item, content: bytes) -> None:
    item.content, item.modified = content, int(time.time() * 1000)


def test_capture_at_the_limit_replaces_the_oldest_capture(capturing: LocalSystem) -> None:
    item, *others = capturing.arcgis.enterprise.organisation.notebooks()
    persons = [snapshot.resource_key for snapshot in item.snapshots]
    save(item, b'{"cells":[],"metadata":{"saved":1},"nbformat":4,"nbformat_minor":5}')
    run(capturing)
    (first,) = [each for each in item.snapshots if each.resource_key not in persons]
    assert first.name.startswith("Notebook Archive ")
    assert archived(capturing, item, first.resource_key) == item.content
    assert all(len(other.snapshots) == 1 for other in others)

    first.created -= HOUR_MS
    backdate(capturing, item, first.resource_key)
    while len(item.snapshots) < LIMIT:
        item.snapshots.append(Snapshot(f"Mine {len(item.snapshots)}", item.content))
        item.snapshots[-1].created = first.created
    persons = [snapshot.resource_key for snapshot in item.snapshots if snapshot is not first]
    save(item, b'{"cells":[],"metadata":{"saved":2},"nbformat":4,"nbformat_minor":5}')
    run(capturing)
    (second,) = [each for each in item.snapshots if each.resource_key not in persons]
    assert second.resource_key != first.resource_key
    assert len(item.snapshots) == LIMIT
    assert archived(capturing, item, second.resource_key) == item.content
    assert b'"saved":1' in archived(capturing, item, first.resource_key)
    for key in persons:
        assert archived(capturing, item, key)
