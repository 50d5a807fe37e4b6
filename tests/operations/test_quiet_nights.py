"""Test that thirty good days send no notification, although a few calls fail each day and are repeated."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.functions.conftest import Functions, sample
from tests.functions.test_webhook import SECRET, WHOLE
from tests.operations.conftest import HOUR, keep_notebooks
from tests.operations.evaluator import evaluate_alarms
from tests.operations.operated import PARAMETERS, Operated
from tests.strict_s3 import Fault

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("ignore:No application metrics")]


@pytest.fixture
def scheduled(functions: Functions) -> Operated:
    """Return a stack with everything that has a schedule, after its first day."""
    keep_notebooks(functions.deployment.organisation)
    given = {**PARAMETERS, "VerifyScheduleState": "ENABLED", "RestoreTestSchedule": "rate(1 day)"}
    functions.configure(UNDO_FUNCTION="undo-function", SNAPSHOT_LIMIT="5", WEBHOOK_SECRET=SECRET)
    account = functions.deployment.user("chi")
    credential = {"username": account.username, "password": account.password}
    for name, value in ((SECRET, WHOLE), ("notebook-archive/restore-test", credential)):
        boto3.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))
    stack = Operated(functions, datetime.now(UTC).replace(second=0, microsecond=0), given)
    spend_day(stack, 0)
    stack.begin()
    return stack


def spend_day(stack: Operated, number: int) -> None:
    """Let a day pass, with a run, a verification, a restore test, a save, and readers of the proxy."""
    organisation = stack.functions.deployment.organisation
    item = organisation.notebooks()[number % 3]
    item.modified += 1000
    stack.functions.deployment.faults.add("snapshots/list", "http-503", times=1)
    stack.functions.s3.faults.append(Fault("PutObject", "503-SlowDown", 1, part="records/"))
    assert stack.run().status == "SUCCEEDED"
    stack.wait(6 * HOUR)
    assert stack.verify().status == "SUCCEEDED"
    stack.wait(4 * HOUR)
    started_at = stack.at.isoformat().replace("+00:00", "Z")
    stack.invoke("test_restores", {"runId": f"test-{number}", "startedAt": started_at})
    stack.wait(2 * HOUR)
    stack.invoke("receive_webhook", sample("receive_webhook"))
    stack.request(item.id)
    stack.throttled.add("archive_requests")
    stack.take_requests()
    stack.throttled.clear()
    stack.wait(timedelta(minutes=1))
    stack.take_requests()
    for status in (200, 404, 502, 200):
        stack.answer(status)
    stack.wait(timedelta(hours=12) - timedelta(minutes=1))


def check_quiet(stack: Operated) -> None:
    """Check that nothing was sent, and that no alarm went off, however far CloudWatch looks back."""
    assert stack.notifications == []
    for extra in (0, 1, 5):
        assert stack.start
        changes = evaluate_alarms(stack.alarms, stack.points, stack.start, stack.at, extra)
        assert [change.alarm.name for change in changes if change.after == "ALARM"] == []


def test_thirty_quiet_days_send_nothing(scheduled: Operated) -> None:
    """The handlers work for two days, and then the metrics of the second day come 28 times more.

    The days are quiet because of what happens in them: if nothing happens any more, the alarms go off.
    """
    spend_day(scheduled, 1)
    scheduled.repeat_day(28)
    check_quiet(scheduled)
    scheduled.wait(200 * HOUR)
    assert [sent.subject.partition("] ")[2] for sent in scheduled.notifications] == [
        "No archive run has been complete for 26 hours",
        "No verification of the archive has taken place for days",
        "Owners had no restore test for a month",
    ]


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_thirty_days_of_work_send_nothing(scheduled: Operated) -> None:
    """The handlers work each day."""
    for number in range(1, 31):
        spend_day(scheduled, number)
    check_quiet(scheduled)
