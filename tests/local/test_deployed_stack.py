"""Test the deployed stack: permissions, the schedule, the event after a run, and the built functions."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from local.archive_run import ArchiveRun
from local.stack import architecture, build
from local.system import LocalSystem
from tests.local.roles import session_of
from tests.local.test_archive_run import notebook_of, until
from tests.operations.dashboard_schema import SCHEMA
from tests.template.rendered import functions


def role_of(system: LocalSystem, function: str) -> str:
    client = system.aws.session.client("lambda", endpoint_url=system.aws.endpoint_url)
    return str(client.get_function_configuration(FunctionName=system.outputs[function])["Role"].rpartition("/")[2])


def test_permissions_are_enforced_as_on_aws(system: LocalSystem) -> None:
    """If permissions were not enforced, the other tests in this folder would not test the roles."""
    iam = system.aws.session.client("iam", endpoint_url=system.aws.endpoint_url)
    key = iam.create_access_key(UserName=iam.create_user(UserName="nobody")["User"]["UserName"])["AccessKey"]
    stranger = type(system.aws.session)(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.client("s3", endpoint_url=system.aws.endpoint_url).list_objects_v2(
            Bucket=system.outputs["ArchiveBucket"]
        )


def test_queues_refuse_requests_without_tls(system: LocalSystem) -> None:
    """The role's policy allows the call. Only the queue's policy denies it. Root may use plain HTTP here."""
    role, queue = session_of(system, "ArchiveRequests"), system.outputs["RequestQueue"]
    secure = role.client("sqs", endpoint_url=system.aws.api_url, verify=str(system.aws.ca_bundle))
    assert secure.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    with pytest.raises(ClientError, match="AccessDenied"):
        role.client("sqs", endpoint_url=system.aws.endpoint_url).get_queue_attributes(QueueUrl=queue)


@pytest.fixture
def forbidden(system: LocalSystem) -> Iterator[None]:
    """Deny the archive function the permission to write snapshots."""
    iam = system.aws.session.client("iam", endpoint_url=system.aws.endpoint_url)
    role = role_of(system, "ArchiveNotebooksFunction")
    deny = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*/notebooks/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="forbidden", PolicyDocument=policy)
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="forbidden")


@pytest.mark.usefixtures("forbidden")
def test_function_reports_what_its_role_does_not_allow(system: LocalSystem) -> None:
    item = notebook_of(system, "ana")
    fresh = item.add_snapshot(item.snapshots[0].content)
    try:
        finished = ArchiveRun(system.aws, system.outputs, [item.id]).wait()
    finally:
        item.snapshots.remove(fresh)
    assert finished.status == "FAILED"
    assert finished.report["notebooks"]["failed"] == {"archive-denied": 1}


def test_dashboard_has_a_valid_body_as_deployed(system: LocalSystem) -> None:
    cloudwatch = system.aws.session.client("cloudwatch", endpoint_url=system.aws.endpoint_url)
    body = json.loads(cloudwatch.get_dashboard(DashboardName=system.outputs["Dashboard"])["DashboardBody"])
    assert list(Draft202012Validator(SCHEMA).iter_errors(body)) == []
    assert system.outputs["ArchiveBucket"] in json.dumps(body)


def test_the_schedule_starts_a_run(system: LocalSystem) -> None:
    scheduler = system.aws.session.client("scheduler", endpoint_url=system.aws.endpoint_url)
    states = system.aws.step_functions

    def runs() -> set[str]:
        return {
            run["executionArn"]
            for page in states.get_paginator("list_executions").paginate(stateMachineArn=system.outputs["StateMachine"])
            for run in page["executions"]
        }

    before = runs()
    schedules = [scheduler.get_schedule(Name=each["Name"]) for each in scheduler.list_schedules()["Schedules"]]
    (found,) = [each for each in schedules if each["Target"]["Arn"] == system.outputs["StateMachine"]]
    wanted = {name: found[name] for name in ("Name", "FlexibleTimeWindow", "Target")}
    soon = datetime.now(UTC) + timedelta(seconds=2)
    scheduler.update_schedule(**wanted, ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})", State="ENABLED")
    try:
        until(lambda: bool(runs() - before), seconds=60)
    finally:
        scheduler.update_schedule(**wanted, ScheduleExpression="rate(1 day)", State="DISABLED")
    (started,) = runs() - before
    until(lambda: states.describe_execution(executionArn=started)["status"] != "RUNNING", seconds=120)
    assert json.loads(states.describe_execution(executionArn=started)["input"]) == {}


def test_a_finished_run_sends_an_event(system: LocalSystem) -> None:
    session, endpoint = system.aws.session, system.aws.endpoint_url
    queues, events = session.client("sqs", endpoint_url=endpoint), session.client("events", endpoint_url=endpoint)
    queue = queues.create_queue(QueueName="finished-runs")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["notebook-archive"], "detail-type": ["ArchiveRunCompleted"]}
    events.put_rule(Name="finished-runs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="finished-runs", Targets=[{"Id": "queue", "Arn": arn}])

    run = ArchiveRun(system.aws, system.outputs, [notebook_of(system, "ana").id])
    finished = run.wait()
    (message,) = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    detail = json.loads(message["Body"])["detail"]
    assert (detail["runId"], detail["status"]) == (finished.report["runId"], finished.report["status"])


def test_each_built_function_needs_only_the_built_layer() -> None:
    """The interpreter has no other packages and an empty environment, so the modules can load nothing else."""
    interpreter = Path(sys.base_prefix) / "bin" / "python3.13"
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]; import app; assert callable(app.handler);"
        "print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)), sep='\\n')"
    )
    with build() as template:
        layer = template.parent / ("LayerArm64" if architecture() == "arm64" else "LayerX8664") / "python"
        for function in functions():
            command: list[str | Path] = [interpreter, "-I", "-S", "-c", program, template.parent / function, layer]
            done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            loaded = [Path(line) for line in done.stdout.splitlines()]
            assert any(file.is_relative_to(layer / "notebook_archive") for file in loaded)
            assert not any("site-packages" in file.parts for file in loaded)
