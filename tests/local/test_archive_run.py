"""Test runs of the deployed state machine with 200 notebooks and several failures."""

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from local.arcgis import Item
from local.archive_run import ArchiveRun
from local.comparison import compare, stored_snapshots
from local.system import SECRET_PREFIX, LocalSystem
from tests.local.conftest import BATCH, NOTEBOOKS
from tests.local.processes import workers


def notebook_of(system: LocalSystem, owner: str, *, last: bool = False) -> Item:
    """Return an owner's first or last notebook in the order of the plan."""
    owned = [item for item in system.arcgis.enterprise.organisation.notebooks() if item.owner == owner]
    return sorted(owned, key=lambda item: item.id)[-1 if last else 0]


def until(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)


def test_second_and_third_run_complete_a_failed_first_run(system: LocalSystem) -> None:
    arcgis, s3, bucket = system.arcgis.enterprise, system.aws.s3, system.outputs["ArchiveBucket"]
    # chi gave no credential. The administrator cannot read one of her notebooks, and reads the others by the portal
    # route.
    refused = notebook_of(system, "chi", last=True)
    refused.resources_refused = True
    arcgis.user("chi").has_secret = False
    system.aws.secrets.delete_secret(SecretId=f"{SECRET_PREFIX}/owners/chi", ForceDeleteWithoutRecovery=True)
    # One of ben's snapshots is truncated.
    poison = notebook_of(system, "ben", last=True).snapshots[0]
    whole = poison.content
    assert isinstance(whole, bytes)
    poison.content = whole[:-100]
    # A batch with one of ana's notebooks takes so long that its process is killed before the end.
    held_up = notebook_of(system, "ana")
    arcgis.faults.add("snapshots/download", "slow", seconds=60, item_id=held_up.id)

    run = ArchiveRun(system.aws, system.outputs)
    until(lambda: run.read_plan() is not None and run.count_outcomes() == NOTEBOOKS // BATCH - 1)
    for worker in workers(system.aws.pid, system.outputs["ArchiveNotebooksFunction"]):
        # All of these processes but one are idle now.
        os.kill(worker, signal.SIGKILL)
    first = run.wait()

    assert (first.status, first.report["status"]) == ("FAILED", "partial")
    assert first.report["notebooks"]["attempted"] == NOTEBOOKS
    assert first.report["notebooks"]["failed"] == {"batch-crashed": BATCH, "not-a-notebook": 1}
    assert first.report["notebooks"]["archived"] == NOTEBOOKS - BATCH - 2
    assert [entry["itemId"] for entry in first.report["unprotected"]] == [refused.id]
    assert f"{SECRET_PREFIX}/owners/chi" in first.report["unprotected"][0]["remedy"]

    arcgis.faults.clear()
    second = ArchiveRun(system.aws, system.outputs).wait()
    assert (second.status, second.report["status"]) == ("FAILED", "partial")
    assert second.report["notebooks"]["failed"] == {"not-a-notebook": 1}
    snapshots = second.report["snapshots"]
    assert snapshots["archived"] >= 1
    assert snapshots["archived"] + snapshots["unchanged"] == NOTEBOOKS - 2

    poison.content = whole
    third = ArchiveRun(system.aws, system.outputs).wait()
    assert (third.status, third.report["status"]) == ("SUCCEEDED", "complete")
    assert third.report["snapshots"]["archived"] == 1
    assert third.report["snapshots"]["unchanged"] == NOTEBOOKS - 2

    compared = compare(arcgis, s3, bucket, with_current=system.has_current_content)
    assert (compared.differences, compared.equal) == ([], NOTEBOOKS - 1)
    assert_written_once(system)
    routes = {
        owner: s3.head_object(Bucket=bucket, Key=key)["Metadata"]["route"]
        for owner in ("ana", "ben", "chi")
        for key in stored_snapshots(s3, bucket)
        if notebook_of(system, owner).id in key
    }
    assert routes == {"ana": "notebook-server", "ben": "notebook-server", "chi": "portal"}


def assert_written_once(system: LocalSystem) -> None:
    pages = system.aws.s3.get_paginator("list_object_versions").paginate(
        Bucket=system.outputs["ArchiveBucket"], Prefix="notebooks/"
    )
    versions: list[str] = []
    for page in pages:
        assert not page.get("DeleteMarkers")
        versions += [version["Key"] for version in page.get("Versions", ()) if "/snapshots/" in version["Key"]]
    assert len(versions) == len(set(versions)) == NOTEBOOKS - 1


def test_a_run_with_item_ids_archives_only_those(system: LocalSystem) -> None:
    chosen = [notebook_of(system, owner).id for owner in ("ana", "ben")]
    run = ArchiveRun(system.aws, system.outputs, [*chosen, "no item id"])
    report = run.wait().report
    assert run.read_plan() == [2]
    assert report["notebooks"]["attempted"] == 3
    assert [entry["itemId"] for entry in report["failed"]] == ["no item id"]


def test_comparison_reports_a_snapshot_with_different_bytes(system: LocalSystem) -> None:
    snapshot = notebook_of(system, "ana").snapshots[0]
    ArchiveRun(system.aws, system.outputs, [notebook_of(system, "ana").id]).wait()
    served = snapshot.content
    assert isinstance(served, bytes)
    snapshot.content = served[:-1] + b" "
    try:
        differences = compare(
            system.arcgis.enterprise, system.aws.s3, system.outputs["ArchiveBucket"], with_current=False
        ).differences
    finally:
        snapshot.content = served
    assert next(line for line in differences if snapshot.resource_key in line).startswith(
        "Archived with different bytes"
    )


@pytest.mark.parametrize(("given", "status"), [([], "FAILED"), ([7, None], "FAILED"), ("all", "FAILED")])
def test_a_run_with_invalid_item_ids_fails(system: LocalSystem, given: object, status: str) -> None:
    states = system.aws.step_functions
    start = states.start_execution(stateMachineArn=system.outputs["StateMachine"], input=json.dumps({"itemIds": given}))
    until(lambda: states.describe_execution(executionArn=start["executionArn"])["status"] != "RUNNING")
    ended = states.describe_execution(executionArn=start["executionArn"])
    assert ended["status"] == status
