"""Test that the doctor finds faults of a deployed stack, and that the commands it prints correct them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.system import LocalSystem
from notebook_archive_cli.main import main
from tests.cli.aws_commands import run_aws
from tests.cli.conftest import validate

# Nobody is notified of alarms here, and the local system disables its schedules.
ALWAYS_BAD = {"alarms", "schedule of runs", "schedule of verifications"}


class Doctor:
    """Runs the command for a system, and the commands that it prints."""

    def __init__(self, system: LocalSystem, capsys: pytest.CaptureFixture[str]) -> None:
        self.system, self._capsys = system, capsys
        pages = system.aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName="notebook-archive")
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        self.ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}

    def client(self, service: str) -> Any:
        return self.system.aws.session.client(service, endpoint_url=self.system.aws.endpoint_url)  # type: ignore[call-overload]

    def examine(self) -> dict[str, dict[str, str]]:
        """Return the checks by name."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit):
            main(("doctor", "--local", "--json"))
        document = json.loads(self._capsys.readouterr().out)
        validate(document, "doctor")
        return {each["name"]: each for each in document["checks"]}


@pytest.fixture
def doctor(
    open_system: LocalSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """A doctor in a folder with the description of the system, as `make local` writes it."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(open_system.description()))
    monkeypatch.chdir(tmp_path)
    return Doctor(open_system, capsys)


@contextmanager
def restored(doctor: Doctor) -> Iterator[None]:
    """Restore what the planted faults and their corrections changed."""
    iam, ids = doctor.client("iam"), doctor.ids
    policy = iam.get_role_policy(RoleName=ids["PlanRunRole"], PolicyName="plan-run")["PolicyDocument"]
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=ids["PlanRunRole"], PolicyName="plan-run", PolicyDocument=json.dumps(policy))
        doctor.client("sqs").purge_queue(QueueUrl=ids["FailureQueue"])


def test_planted_faults_are_corrected_by_their_commands(doctor: Doctor) -> None:
    aws, ids = doctor.client, doctor.ids
    with restored(doctor):
        aws("lambda").put_function_concurrency(FunctionName=ids["PlanRunFunction"], ReservedConcurrentExecutions=0)
        aws("iam").delete_role_policy(RoleName=ids["PlanRunRole"], PolicyName="plan-run")
        aws("lambda").update_event_source_mapping(UUID=ids["TakeRequests"], Enabled=False)
        aws("events").disable_rule(Name=ids["BackupRequested"].rpartition("|")[2])
        for queue in ("ScheduleDeadLetterQueue", "FailureQueue"):
            aws("sqs").send_message(QueueUrl=ids[queue], MessageBody="{}")
        aws("s3").put_bucket_versioning(Bucket=ids["ArchiveBucket"], VersioningConfiguration={"Status": "Suspended"})
        aws("s3").delete_bucket_policy(Bucket=ids["ArchiveBucket"])

        bad = {name: check for name, check in doctor.examine().items() if check["state"] == "bad"}
        assert bad.keys() == ALWAYS_BAD | {
            "concurrency of PlanRunFunction", "policy plan-run of PlanRunRole", "request polling", "event rule",
            "dead-letter queue", "failure queue", "bucket versioning", "bucket policy",
        }  # fmt: skip
        assert bad["schedule of runs"]["command"] == "make local PARAMETERS=ScheduleState=ENABLED"
        assert bad["failure queue"]["command"] == "notebook-archive failed retry --local"
        for name, check in bad.items():
            if name not in ALWAYS_BAD | {"failure queue"}:
                run_aws(check["command"])

        still_bad = {name for name, check in doctor.examine().items() if check["state"] == "bad"}
        assert still_bad == ALWAYS_BAD | {"failure queue"}


def test_denied_calls_are_unknown_and_not_good(doctor: Doctor) -> None:
    """A caller who may only read the stack learns what is not known, and which permission is missing."""
    iam = doctor.client("iam")
    allowed = {"Effect": "Allow", "Action": ["sts:*", "cloudformation:*"], "Resource": "*"}
    iam.create_user(UserName="reader")
    try:
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        description = doctor.system.description()
        description |= {"awsAccessKeyId": key["AccessKeyId"], "awsSecretAccessKey": key["SecretAccessKey"]}
        Path(".local/stack.json").write_text(json.dumps(description))
        checks = doctor.examine()
    finally:
        for each in iam.list_access_keys(UserName="reader")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="reader", AccessKeyId=each["AccessKeyId"])
        iam.delete_user_policy(UserName="reader", PolicyName="read")
        iam.delete_user(UserName="reader")
    assert {name for name, check in checks.items() if check["state"] == "bad"} == {"alarms"}
    for name in ("bucket", "functions", "schedule of runs", "event rule", "failure queue", "role policies"):
        assert (checks[name]["state"], checks[name]["message"].startswith("AWS denied")) == ("unknown", True)
    assert checks["bucket policy"]["message"] == "not checked, because of 'bucket'"
