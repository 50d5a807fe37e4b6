"""Test the deployed bulk restore through its state machine, and a deployed restore test."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.arcgis import Item
from local.system import LocalSystem
from tests.local.roles import session_of
from tests.local.test_restore import flood_model, invoke

__all__ = ["flood_model"]


def execute(system: LocalSystem, name: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Run the state machine. Return the status of the execution, and the report."""
    machine = system.outputs["RestoreStateMachine"]
    arn = system.aws.step_functions.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))[
        "executionArn"
    ]
    deadline = time.monotonic() + 120
    while (execution := system.aws.step_functions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution has not ended"
        time.sleep(0.2)
    listed = system.aws.s3.list_objects_v2(Bucket=system.outputs["ArchiveBucket"], Prefix="bulk-restores/")
    (key,) = [each["Key"] for each in listed["Contents"] if each["Key"].endswith(f"/{name}/report.json")]
    body = system.aws.s3.get_object(Bucket=system.outputs["ArchiveBucket"], Key=key)["Body"].read()
    report: dict[str, Any] = json.loads(body)
    return execution["status"], report


def test_planned_restore_is_carried_out_and_resumed(open_system: LocalSystem, flood_model: Item) -> None:
    organisation = open_system.arcgis.enterprise.organisation
    organisation.remove(flood_model.id)
    before = set(organisation.items)
    status, planned = execute(open_system, "many-plan", {"itemIds": [flood_model.id], "dryRun": True})
    assert (status, planned["notebooks"]["planned"]) == ("SUCCEEDED", 1)
    assert set(organisation.items) == before

    status, report = execute(open_system, "many", {"resume": planned["runId"]})
    assert (status, report["notebooks"]["restored"], report["levels"]["5"]) == ("SUCCEEDED", 1, 1), report["message"]
    (made,) = set(organisation.items) - before
    assert organisation.items[made].content == flood_model.content

    status, again = execute(open_system, "many-again", {"resume": report["runId"]})
    assert (status, again["notebooks"]["alreadyRestored"]) == ("SUCCEEDED", 1)
    assert set(organisation.items) - before == {made}


def test_failed_notebook_fails_the_execution(open_system: LocalSystem, flood_model: Item) -> None:
    given = {"itemIds": [flood_model.id], "owners": {"*": "nobody"}}
    status, report = execute(open_system, "many-nobody", given)
    assert (status, report["status"]) == ("FAILED", "partial")
    assert report["notebooks"]["failed"] == {"owner-missing": 1}


def test_restore_test_passes_and_leaves_nothing(open_system: LocalSystem, flood_model: Item) -> None:
    secrets = open_system.aws.session.client("secretsmanager", endpoint_url=open_system.aws.endpoint_url)
    secrets.create_secret(
        Name="notebook-archive/restore-test", SecretString='{"username": "chi", "password": "chi-password"}'
    )
    before = set(open_system.arcgis.enterprise.organisation.items)
    assert flood_model.id in before
    results = invoke(open_system, "TestRestoresFunction", {})
    assert (results["status"], results["account"], results["failed"]) == ("passed", "chi", 0)
    assert results["passed"] > 0
    assert set(open_system.arcgis.enterprise.organisation.items) == before


@pytest.mark.parametrize("function", ["PlanRestores", "RestoreNotebooks", "ReportRestores", "TestRestores"])
def test_role_may_delete_nothing_in_the_archive(open_system: LocalSystem, flood_model: Item, function: str) -> None:
    s3 = session_of(open_system, function).client("s3", endpoint_url=open_system.aws.endpoint_url)
    key = f"notebooks/{flood_model.id}/snapshots/{flood_model.snapshots[0].resource_key}"
    bucket = open_system.outputs["ArchiveBucket"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*")
