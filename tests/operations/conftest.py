"""Provide a stack that has been in operation for a day, and an operator who follows its notifications."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local.arcgis.organisation import Organisation
from notebook_archive_cli.doctor.checks import Check
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from tests.cli.conftest import MotoStack, Result, Run, run
from tests.cli.functions import answered, read_body, respond
from tests.functions.conftest import Functions, functions, running
from tests.operations.operated import REGION, STACK, Operated, Sent
from tests.strict_s3 import BUCKET, LEDGER_BUCKET
from tests.template.rendered import template

__all__ = ["functions", "run", "running"]

HOUR = timedelta(hours=1)
# Two notebooks of ana and one of ben. Both have a secret.
_TITLES = ("Flood model", "Карта рек", "Shared methods")
# What the command of a notification looks like.
_COMMAND = re.compile(r"  (?:notebook-archive|aws) ")


@pytest.fixture
def operated(functions: Functions) -> Operated:
    """Return a stack with three notebooks, whose first run was good."""
    keep_notebooks(functions.deployment.organisation)
    stack = Operated(functions, datetime.now(UTC).replace(second=0, microsecond=0))
    assert stack.run().status == "SUCCEEDED"
    stack.begin()
    stack.wait(24 * HOUR)
    assert stack.notifications == []
    return stack


def keep_notebooks(organisation: Organisation) -> None:
    """Remove all notebooks but three, so that a run is short."""
    for item in organisation.notebooks():
        if item.title not in _TITLES:
            del organisation.items[item.id]


@dataclass
class Operator:
    """Somebody who pastes the commands of notifications into a shell."""

    operated: Operated
    run: Run

    def follow(self, sent: Sent) -> Result:
        """Run the command of a notification, and return what it printed."""
        return self.run(*shlex.split(find_command(sent))[1:])

    def examine(self, check: Callable[[Target], Check | list[Check]], resources: Mapping[str, str]) -> Check:
        """Return the bad result of one check of `doctor`. `resources` are the ids of the stack's resources in moto."""
        target = Target(Session(Options(stack=STACK, region=REGION)))
        target.resources = {name: ("", physical) for name, physical in resources.items()}
        result = check(target)
        (bad,) = (each for each in ([result] if isinstance(result, Check) else result) if each.state == "bad")
        return bad


def find_command(sent: Sent) -> str:
    """Return the command of a notification, as it can be pasted."""
    (line,) = (each.strip() for each in sent.text.splitlines() if _COMMAND.match(each))
    return line


@pytest.fixture
def operator(operated: Operated, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """Yield an operator, whose working directory has the files that commands read.

    An execution that the command starts does what the state machine does.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_text(operated.functions.arcgis.ca_bundle.read_text())
    outputs = {name: str(each["Value"]) for name, each in operated.rendered["Outputs"].items()}
    outputs |= {name: url for name, url in operated.queues.items() if name in outputs}
    outputs |= {"ArchiveBucket": BUCKET, "LedgerBucket": LEDGER_BUCKET}
    definition = '{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}'
    for output, name in (("StateMachine", "ArchiveRun"), ("VerificationStateMachine", "ArchiveVerification")):
        outputs[output] = boto3.client("stepfunctions").create_state_machine(
            name=name, definition=definition, roleArn="arn:aws:iam::123456789012:role/machine"
        )["stateMachineArn"]
    parameters = {name: str(each.get("Default", "")) for name, each in template()["Parameters"].items()}
    parameters |= operated.parameters
    parameters |= {
        "PortalUrl": operated.functions.deployment.portal_url,
        "CaBundleSecret": "notebook-archive/ca-bundle",
        "AlarmTopicArn": operated.topic,
    }
    MotoStack(outputs, parameters, STACK).deploy()

    def start(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        given = read_body(request)
        machine = given["stateMachineArn"].rpartition(":")[2]
        name = given.get("name", "by-hand")
        operated.execute(machine, json.loads(given.get("input", "{}")), name)
        arn = f"{given['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}"
        return respond({"executionArn": arn, "startDate": operated.at.timestamp()})

    def describe(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        arn, at = read_body(request)["executionArn"], operated.at.timestamp()
        status = operated.ended[arn.rpartition(":")[2]].status
        return respond({"executionArn": arn, "stateMachineArn": "-", "status": status, "startDate": at, "input": "{}"})

    with answered(stepfunctions_StartExecution=start, stepfunctions_DescribeExecution=describe):
        yield Operator(operated, run)
