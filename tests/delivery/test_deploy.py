"""Test what a deployment says and refuses before it builds. tests/local/test_deploy.py deploys."""

import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from delivery import DeliveryError
from delivery.deploy import Deployment, NotConfirmed, confirm, deploy, list_sam_options, main, plan_deployment
from delivery.stages import Stage
from tests.template.rendered import template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

KNOWN = template()["Parameters"]
PORTAL = {"PortalUrl": "https://gis.example.com/portal"}
TEMPLATE = {
    "Parameters": {name: {"Type": "String", "Default": "180"} for name in ("VerifyDays", "Older")},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
}


@pytest.fixture
def aws() -> Iterator["CloudFormationClient"]:
    with mock_aws():
        yield boto3.client("cloudformation", region_name="eu-central-1")


def stage(**given: str) -> Stage:
    return Stage("prod", "archive", "eu-central-1", "", {**PORTAL, **given})


def test_first_deployment_is_planned(aws: "CloudFormationClient") -> None:
    planned = plan_deployment(stage(), KNOWN, aws)
    assert planned.is_first
    assert planned.is_irreversible
    assert len(planned.changes) == len(planned.values) == len(KNOWN)
    assert not plan_deployment(stage(ObjectLockMode="OFF"), KNOWN, aws).is_irreversible


def test_update_is_compared_with_the_deployed_stack(aws: "CloudFormationClient") -> None:
    parameters = [{"ParameterKey": "VerifyDays", "ParameterValue": "90"}]
    aws.create_stack(StackName="archive", TemplateBody=json.dumps(TEMPLATE), Parameters=parameters)  # type: ignore[arg-type]
    planned = plan_deployment(stage(), KNOWN, aws)
    assert not planned.is_first
    assert planned.lost == {"Older": "180"}
    (change,) = [each for each in planned.changes if each.before is not None]
    assert (change.name, change.before, change.after, change.is_default) == ("VerifyDays", "90", "180", True)
    assert planned.values["VerifyDays"] == "180"


def test_same_deployment_asks_nothing(aws: "CloudFormationClient") -> None:
    names = [{"ParameterKey": name, "ParameterValue": value} for name, value in _values().items()]
    template = {**TEMPLATE, "Parameters": {name: {"Type": "String"} for name in KNOWN}}
    aws.create_stack(StackName="archive", TemplateBody=json.dumps(template), Parameters=names)  # type: ignore[arg-type]
    planned = plan_deployment(stage(), KNOWN, aws)
    assert (planned.changes, planned.lost) == ([], {})
    confirm(planned, "archive", is_confirmed=False)


def _values() -> dict[str, str]:
    return {name: PORTAL.get(name) or str(rules.get("Default")) for name, rules in KNOWN.items()}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make standard input a terminal. Yield the end where a person types."""
    typed, read = pty.openpty()
    with os.fdopen(read, "r") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield typed
    os.close(typed)


def planned(aws: "CloudFormationClient", *, is_irreversible: bool) -> Deployment:
    return plan_deployment(stage(ObjectLockMode="GOVERNANCE" if is_irreversible else "OFF"), KNOWN, aws)


@pytest.mark.parametrize(
    ("is_irreversible", "answer", "is_yes"),
    [
        (False, "y", True),
        (False, "yes", True),
        (False, "", False),
        (False, "n", False),
        (True, "archive", True),
        (True, "y", False),
        (True, "", False),
    ],
)
def test_answer_decides(
    aws: "CloudFormationClient", terminal: int, answer: str, *, is_irreversible: bool, is_yes: bool
) -> None:
    os.write(terminal, f"{answer}\n".encode())
    deployment = planned(aws, is_irreversible=is_irreversible)
    if is_yes:
        confirm(deployment, "archive", is_confirmed=False)
    else:
        with pytest.raises(NotConfirmed):
            confirm(deployment, "archive", is_confirmed=False)


def test_changes_need_a_terminal_or_yes(aws: "CloudFormationClient", monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(DeliveryError, match=r"no terminal to ask on\. Nothing was changed.*YES=1"):
            confirm(planned(aws, is_irreversible=False), "archive", is_confirmed=False)
        confirm(planned(aws, is_irreversible=True), "archive", is_confirmed=True)


class Stacks:
    """CloudFormation with one stack in a state that moto does not reach."""

    def __init__(self, state: str) -> None:
        self.state = state

    def describe_stacks(self, StackName: str) -> dict[str, object]:  # noqa: N803 - boto3's name
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.state}]}


@pytest.mark.parametrize(
    ("state", "next_step"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name archive"),
        ("DELETE_FAILED", "delete-stack --stack-name archive"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name archive"),
        ("UPDATE_IN_PROGRESS", "Wait until that is over"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait until that is over"),
    ],
)
def test_stack_that_cannot_be_updated_is_refused(state: str, next_step: str) -> None:
    with pytest.raises(DeliveryError, match=next_step):
        plan_deployment(stage(), KNOWN, Stacks(state))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "is_first"), [("REVIEW_IN_PROGRESS", True), ("UPDATE_ROLLBACK_COMPLETE", False), ("UPDATE_FAILED", False)]
)
def test_stack_in_another_state_is_deployed(state: str, *, is_first: bool) -> None:
    assert plan_deployment(stage(), KNOWN, Stacks(state)).is_first == is_first  # type: ignore[arg-type]


def test_nothing_is_asked_of_aws_or_built_before_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    for name in ("template.yaml", "samconfig.toml"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    for given, expected in (("prod", "does not set PortalUrl"), ("live", "no stage 'live'")):
        monkeypatch.setattr(sys, "argv", ["deploy", "--stage", given, "--yes"])
        assert main() == 1
        assert expected in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samconfig.toml", "template.yaml"]


def test_missing_credentials_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    root = Path(__file__).parents[2]
    (tmp_path / "template.yaml").write_bytes((root / "template.yaml").read_bytes())
    (tmp_path / "samconfig.toml").write_text(
        '[prod.deploy.parameters]\nstack_name = "archive"\nparameter_overrides = ["PortalUrl=https://gis.example.com"]\n'
    )
    with pytest.raises(DeliveryError, match=r"The stack archive could not be read.*AWS_DEFAULT_REGION"):
        deploy(tmp_path, "prod", is_confirmed=True)


def test_sam_gets_the_region_that_was_printed(tmp_path: Path) -> None:
    options = list_sam_options(tmp_path, "prod", "eu-central-1", is_confirmed=True)
    assert options[options.index("--region") + 1] == "eu-central-1"
