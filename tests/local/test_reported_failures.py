"""Test that the deployed stack reports two failures in words, once each: an expired token and a server that is down.

tests/operations has the others, with alarms, which the local AWS does not evaluate.
"""

import json
import time
from typing import Any

import pytest

from local.system import LocalSystem
from tests.local.test_events import until, waiting
from tests.local.test_notifications import mailbox

__all__ = ["mailbox"]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


# On AWS, the end of an execution reaches the notifier four minutes after its report. Here it must come later too.
DELAY_SECONDS = 20


def run_and_receive(system: LocalSystem, mailbox: Any, name: str) -> dict[str, Any]:
    """Make a run, and return the only notification about it, after the end of the execution was folded into it."""
    queue, executions = system.outputs["NotificationQueue"], system.aws.step_functions
    mailbox.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": str(DELAY_SECONDS)})
    started = executions.start_execution(stateMachineArn=system.outputs["StateMachine"], name=name, input="{}")
    arn = started["executionArn"]
    until(lambda: executions.describe_execution(executionArn=arn)["status"] == "FAILED", "the run did not fail")
    found: list[dict[str, Any]] = []

    def has_message() -> bool:
        found.extend(mailbox.read())
        return bool(found)

    until(has_message, "no message")
    time.sleep(DELAY_SECONDS + 10)
    until(lambda: waiting(system, "NotificationQueue") == 0, "the notifier does not take its events")
    found.extend(mailbox.read())
    # The queue may be subscribed twice, if the tests of another module subscribed it too.
    (message,) = {each["MessageId"]: each for each in found}.values()
    return message


def test_notebook_server_that_is_down_is_reported_once(present: LocalSystem, mailbox: Any) -> None:
    """This test comes first, because a function remembers a refused credential for a minute."""
    present.arcgis.enterprise.faults.add("snapshots/list", "http-503")
    message = run_and_receive(present, mailbox, "server-down")
    present.arcgis.enterprise.faults.clear()
    assert "ArcGIS unavailable" in message["Subject"]
    assert "ArcGIS returned error code 503" in " ".join(message["Message"].split())
    assert "notebook-archive run --stack notebook-archive" in message["Message"]


def test_expired_token_is_reported_once(present: LocalSystem, mailbox: Any) -> None:
    secrets = present.aws.session.client("secretsmanager", endpoint_url=present.aws.endpoint_url)
    owner = present.arcgis.enterprise.organisation.notebooks()[0].owner
    name = f"notebook-archive/owners/{owner}"
    good = secrets.get_secret_value(SecretId=name)["SecretString"]
    expired = present.arcgis.enterprise.tokens.issue(owner, (), -5).value
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"token": expired}))
    present.arcgis.enterprise.tokens.revoke_all()
    message = run_and_receive(present, mailbox, "expired-token")
    secrets.put_secret_value(SecretId=name, SecretString=good)
    assert "credential broken" in message["Subject"]
    assert f"The credential in secret '{name}' did not work" in " ".join(message["Message"].split())
    assert f"notebook-archive owners add {owner} --stack notebook-archive" in message["Message"]
    assert expired not in message["Message"]
