"""Test that a deployed verification finds what is damaged or deleted in the archive, and succeeds if nothing is."""

import json
import time
from typing import Any

from local.archive_run import ArchiveRun
from local.system import LocalSystem


def verify(system: LocalSystem, given: dict[str, Any], seconds: float = 120) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a verification as an operator does. Return the execution and the report."""
    states = system.aws.step_functions
    machine = system.outputs["VerificationStateMachine"]
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + seconds
    while (execution := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the verification did not end in time"
        time.sleep(0.2)
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    reports = s3.list_objects_v2(Bucket=bucket, Prefix="verifications/").get("Contents", [])
    [key] = [each["Key"] for each in reports if each["Key"].endswith(f"/{execution['name']}/report.json")]
    return dict(execution), json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_damaged_and_deleted_versions_are_named_and_put_back(present: LocalSystem) -> None:
    s3, bucket = present.aws.s3, present.outputs["ArchiveBucket"]
    ArchiveRun(present.aws, present.outputs).wait()
    execution, clean = verify(present, {"everything": True})
    assert (execution["status"], clean["status"]) == ("SUCCEEDED", "complete"), clean["message"]
    assert clean["versions"]["read"] == clean["versions"]["listed"] >= 8
    assert clean["versions"]["unrecorded"] == 0

    listed = s3.list_objects_v2(Bucket=bucket, Prefix="notebooks/")["Contents"]
    damaged, deleted = [each["Key"] for each in listed if "/snapshots/" in each["Key"]][:2]
    good = s3.get_object(Bucket=bucket, Key=damaged)
    body = good["Body"].read()
    s3.put_object(Bucket=bucket, Key=damaged, Body=body + b" ", Metadata=good["Metadata"])
    s3.delete_object(Bucket=bucket, Key=deleted)
    execution, report = verify(present, {})
    assert (execution["status"], execution["error"]) == ("FAILED", "ArchiveVerification.findings")
    assert {(each["kind"], each["key"]) for each in report["named"]} == {("damaged", damaged), ("missing", deleted)}
    assert damaged in execution["cause"]
    (found,) = [each for each in report["named"] if each["kind"] == "damaged"]
    assert found["goodVersionId"] == good["VersionId"]

    for each in report["named"]:
        put_back(present, each["key"], each["goodVersionId"])
    execution, again = verify(present, {})
    assert (execution["status"], again["named"]) == ("SUCCEEDED", [])
    assert s3.get_object(Bucket=bucket, Key=damaged)["Body"].read() == body


def put_back(system: LocalSystem, key: str, version_id: str) -> None:
    """Put an older S3 version back, with the calls of docs/verify.md.

    The tags are left out, because MiniStack does not return those of a version that a delete marker hides.
    """
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    good = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id)
    s3.delete_object(Bucket=bucket, Key=key)
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=good["Body"].read(),
        Metadata=good["Metadata"],
        IfNoneMatch="*",
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )
