"""Test that each of twelve failures becomes one notification, with its cause and a command that fixes it.

Each failure is a real one of the local ArcGIS, of moto's AWS or of the schedule. It lasts for one night, and then it is
fixed as the notification says. Alarms are evaluated until the end of the next day.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.arcgis.organisation import Snapshot
from notebook_archive_cli.doctor import functions as function_checks
from notebook_archive_cli.doctor import schedule
from tests.arcgis_client.certificates import Authority
from tests.cli.aws_commands import run_aws
from tests.cli.functions import answered, respond
from tests.functions.test_verification import damage
from tests.operations.conftest import HOUR, Operator, find_command
from tests.operations.operated import OVER, Operated, Sent
from tests.strict_s3 import Fault, contents

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("ignore:No application metrics")]
type Record = Callable[[str, object], None]


class Case:
    """One failure, from the night in which it happens to the end of the next day."""

    def __init__(self, operated: Operated, operator: Operator, record: Record) -> None:
        self.operated, self.operator, self._record = operated, operator, record
        self.functions = operated.functions

    def wait_for_one(self, hours: float) -> Sent:
        """Let some hours pass, and return the only notification so far."""
        self.operated.wait(timedelta(hours=hours))
        (sent,) = self.operated.notifications
        self._record("notification", f"{sent.subject}\n\n{sent.text}")
        return sent

    def end(self, over: int = 0) -> None:
        """Let a good day pass. Nothing else was sent but that many notifications that a failure is over."""
        self.operated.wait(15 * HOUR)
        assert self.operated.run().status == "SUCCEEDED"
        self.operated.wait(24 * HOUR)
        _, *others = self.operated.notifications
        assert [each.subject for each in others if not each.subject.startswith(OVER)] == []
        assert len(others) == over


@pytest.fixture
def case(operated: Operated, operator: Operator, record_property: Record) -> Case:
    return Case(operated, operator, record_property)


def check(sent: Sent, subject: str, *words: str, command: str) -> None:
    """Check what a notification says, and that its command works as it is pasted."""
    text = " ".join(sent.text.split())
    assert sent.subject == f"[notebook-archive] {subject}"
    for each in words:
        assert each in text
    assert find_command(sent) == f"{command} --stack notebook-archive --region eu-west-1"


def store(name: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    boto3.client("secretsmanager").put_secret_value(SecretId=f"notebook-archive/{name}", SecretString=text)


def test_expired_token(case: Case) -> None:
    """`owners add` stores a new credential. Its own tests need a Secrets Manager that rotates; here it is stored."""
    expired = case.functions.deployment.tokens.issue("ana", (), -5).value
    store("owners/ana", {"token": expired})
    assert case.operated.run().error == "ArchiveRun.partial"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run partial: 2 of 3 notebooks failed, credential broken",
        "The credential in secret 'notebook-archive/owners/ana' did not work", '"Flood model"', "owner ana",
        command="notebook-archive owners add ana",
    )  # fmt: skip
    assert expired not in sent.text
    store("owners/ana", {"username": "ana", "password": case.functions.deployment.user("ana").password})
    case.end()


def test_locked_account(case: Case) -> None:
    """ArcGIS refuses the sign-in of a locked account as one with a wrong password."""
    users = case.functions.deployment.organisation.users
    ben = users["ben"]
    users["ben"] = replace(ben, password="locked")
    assert case.operated.run().error == "ArchiveRun.partial"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run partial: 1 of 3 notebooks failed, credential broken",
        "The credential in secret 'notebook-archive/owners/ben' did not work", "owner ben",
        command="notebook-archive owners add ben",
    )  # fmt: skip
    users["ben"] = ben
    case.end()


def test_portal_that_is_down(case: Case) -> None:
    with case.functions.arcgis.stopped():
        assert case.operated.run().error == "ArchiveRun.failed"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run failed: ArcGIS unavailable", "no complete response from localhost",
        "every notebook of the organization", command="notebook-archive run",
    )  # fmt: skip
    assert "Complete." in case.operator.follow(sent).stdout
    case.end()


def test_notebook_server_that_is_down(case: Case) -> None:
    for operation in ("snapshots/list", "snapshots/download"):
        case.functions.deployment.faults.add(operation, "http-503")
    assert case.operated.run().error == "ArchiveRun.failed"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run failed: 3 of 3 notebooks failed, ArcGIS unavailable", "ArcGIS returned error code 503",
        '"Flood model"', '"Shared methods"', command="notebook-archive run",
    )  # fmt: skip
    assert "The others are archived" not in sent.text
    case.functions.deployment.faults.clear()
    assert "Complete." in case.operator.follow(sent).stdout
    case.end()


def test_certificate_that_is_not_trusted(case: Case, tmp_path: Path) -> None:
    store("ca-bundle", Authority.make(tmp_path / "other").pem)
    assert case.operated.run().error == "ArchiveRun.failed"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run failed: certificate untrusted", "the certificate of localhost", "is not trusted",
        command="notebook-archive doctor",
    )  # fmt: skip
    checks = json.loads(case.operator.run("doctor", "--json").stdout)["checks"]
    (bad,) = (each for each in checks if each["name"] == "certificate" and each["state"] == "bad")
    run_aws(bad["command"])
    case.end()


def test_s3_that_denies_access(case: Case) -> None:
    """The run cannot write its report either, so only the end of the execution says what happened."""
    for part in ("runs/", "notebooks/", "records/"):
        case.functions.s3.faults.append(Fault("PutObject", "403-AccessDenied", None, part=part))
    assert case.operated.run().error == "ArchiveDenied"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run failed: archive denied", "S3 returned AccessDenied for", "in bucket archive",
        command="notebook-archive doctor",
    )  # fmt: skip
    case.functions.s3.faults.clear()
    case.end()


def test_kms_key_that_is_disabled(case: Case) -> None:
    item = case.functions.deployment.organisation.notebooks()[0]
    item.snapshots.append(Snapshot("Tuesday", item.snapshots[0].content))
    case.functions.s3.faults.append(Fault("PutObject", "400-KMS.DisabledException", None, part="/snapshots/"))
    assert case.operated.run().error == "ArchiveRun.partial"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run partial: 1 of 3 notebooks failed, archive denied", "S3 returned KMS.DisabledException",
        item.id, command="notebook-archive doctor",
    )  # fmt: skip
    case.functions.s3.faults.clear()
    case.end()


def test_object_that_is_damaged(case: Case) -> None:
    """`findings` names the command that verifies the object again, after it was hidden and archived again."""
    key = next(key for key in contents("notebooks/") if "/snapshots/" in key)
    assert case.operated.run().status == "SUCCEEDED"
    damage(key)
    case.operated.wait(6 * HOUR)
    assert case.operated.verify(everything=True).error == "ArchiveVerification.findings"
    sent = case.wait_for_one(3)
    check(
        sent, "1 finding in the archive: 1 damaged", f"The bytes of {key} do not match the checksum",
        "hide the damaged object, and the next run archives it again", command="notebook-archive findings",
    )  # fmt: skip
    (finding,) = re.findall(r"finding ([0-9a-f]{12})", sent.text)
    assert finding in case.operator.follow(sent).stdout
    run_aws(f"aws s3api delete-object --bucket archive --key {key}")
    case.operated.wait(15 * HOUR)
    assert case.operated.run().status == "SUCCEEDED"
    case.operated.wait(6 * HOUR)
    assert case.operated.verify(everything=True).status == "SUCCEEDED"
    case.end()


def test_queue_that_nothing_reads(case: Case) -> None:
    mapping = {"UUID": "0a1b2c3d-0000-4000-8000-000000000000", "State": "Disabled"}
    assert case.operated.run().status == "SUCCEEDED"
    case.operated.request(case.functions.deployment.organisation.notebooks()[0].id)
    sent = case.wait_for_one(3)
    check(
        sent, "Requested backups have waited for an hour", "Nothing takes the requests out of their queue",
        command="notebook-archive doctor",
    )  # fmt: skip

    def enable(**_: Any) -> Any:
        mapping["State"] = "Enabled"
        return respond(mapping)

    with answered(lambda_GetEventSourceMapping=lambda **_: respond(mapping), lambda_UpdateEventSourceMapping=enable):
        bad = case.operator.examine(function_checks.check_polling, {"TakeRequests": mapping["UUID"]})
        run_aws(bad.command)
    assert mapping["State"] == "Enabled"
    case.operated.take_requests()
    case.operated.wait(6 * HOUR)
    case.end(over=1)


def test_schedule_that_is_off(case: Case) -> None:
    scheduler: Any = boto3.client("scheduler")
    properties = {"Name": "runs", "ScheduleExpression": "cron(0 2 * * ? *)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    target = {
        "Arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:ArchiveRun",
        "RoleArn": "arn:aws:iam::1:role/r",
    }
    scheduler.create_schedule(**properties, Target=target, State="DISABLED")
    sent = case.wait_for_one(9)
    check(
        sent, "No archive run has been complete for 26 hours", "the schedule is disabled or deleted",
        command="notebook-archive doctor",
    )  # fmt: skip
    bad = case.operator.examine(schedule.check_runs, {"ArchiveRunSchedule": "runs", "ArchiveRun": "ArchiveRun"})
    run_aws(bad.command)
    assert scheduler.get_schedule(Name="runs")["State"] == "ENABLED"
    case.end(over=1)


def test_notebook_that_fails_every_time(case: Case) -> None:
    item = case.functions.deployment.organisation.notebooks()[0]
    good, item.content, item.modified = item.content, b'{"cells": [', item.modified + 1000
    assert case.operated.execute("ArchiveRun", {}, "nightly").error == "ArchiveRun.partial"
    run = f"{case.operated.at:%Y-%m-%d}/nightly"
    sent = case.wait_for_one(9)
    check(
        sent, "Archive run partial: 1 of 3 notebooks failed, not a notebook", f"The current content of item {item.id}",
        "Open the notebook or snapshot in ArcGIS", command=f"notebook-archive report {run}",
    )  # fmt: skip
    assert item.id in case.operator.follow(sent).stdout
    item.content, item.modified = good, item.modified + 1000
    case.end()


def test_quota_of_lambda_that_is_used_up(case: Case) -> None:
    assert case.operated.run().status == "SUCCEEDED"
    case.operated.request(case.functions.deployment.organisation.notebooks()[0].id)
    case.operated.throttled.add("archive_requests")
    for _ in range(20):
        case.operated.take_requests()
        case.operated.wait(timedelta(minutes=1))
    sent = case.wait_for_one(0)
    check(
        sent, "The function that carries out backup requests is throttled", "the account has no free concurrency",
        command="notebook-archive doctor",
    )  # fmt: skip
    limit = {"AccountLimit": {"UnreservedConcurrentExecutions": 0, "ConcurrentExecutions": 10}}
    with answered(lambda_GetAccountSettings=lambda **_: respond(limit)):
        bad = case.operator.examine(function_checks.check_account_limit, {})
    assert bad.command.startswith("aws service-quotas get-service-quota --service-code lambda")
    case.operated.throttled.clear()
    case.operated.take_requests()
    case.operated.wait(9 * HOUR)
    case.end()
