"""Run the command in this process, against a stack that moto simulates.

The output of each call with `--json` is validated against the schema of its command in `docs/cli/`.
"""

import functools
import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
import click
import jsonschema  # type: ignore[import-untyped]
import pytest
from moto import mock_aws
from referencing import Registry, Resource

from notebook_archive_cli.main import main, notebook_archive
from tests.template.rendered import render, template

SCHEMAS = Path(__file__).parents[2] / "docs" / "cli"
STACK = "notebook-archive"
REGION: Final = "eu-west-1"
ACCOUNT = "123456789012"
# The stack receives webhook deliveries, so that it has all outputs.
PARAMETERS = {
    "PortalUrl": "https://gis.example.com/portal",
    "WebhookSecret": "notebook-archive-webhook",
    "ApiAccessLogs": "CREATE",
}
MAX_COLUMNS = 80


@dataclass(frozen=True)
class Result:
    """What a call printed, and its exit status."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, Any]:
        """The JSON object on standard error."""
        error: dict[str, Any] = json.loads(self.stderr)
        return error


class Run(Protocol):
    """Runs the command with arguments. `stdin` is what its standard input contains; without it, there is none."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result: ...


@dataclass
class MotoStack:
    """A stack with the outputs and parameters of the template, and buckets, queues and state machines that exist.

    Tests change the dictionaries, and call `deploy` again.
    """

    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    name: str = STACK

    def deploy(self) -> None:
        """Create or update the stack."""
        cloudformation = _client("cloudformation")
        document = {
            "Parameters": {name: {"Type": "String"} for name in self.parameters},
            # A template has at least one resource.
            "Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}},
            "Outputs": {name: {"Value": value} for name, value in self.outputs.items()},
        }
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        names = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]
        change = cloudformation.update_stack if self.name in names else cloudformation.create_stack
        change(StackName=self.name, TemplateBody=json.dumps(document), Parameters=given)


@functools.cache
def _client(service: str) -> Any:
    """Return a client. It is made once, because that takes most of the time in which a stack is made."""
    return boto3.session.Session().client(service, REGION)  # type: ignore[call-overload]


def columns_of(text: str) -> int:
    """Return the length of the longest line."""
    return max(map(len, text.splitlines()), default=0)


def command_of(arguments: tuple[str, ...]) -> str:
    """Return the name of the command that these arguments call, such as `owners add`, or an empty string."""
    command: click.Command | None = notebook_archive
    context = click.Context(notebook_archive)
    words: list[str] = []
    for argument in arguments:
        found = command.get_command(context, argument) if isinstance(command, click.Group) else None
        if found:
            words.append(argument)
            command = found
    return " ".join(words)


def validate(document: Any, name: str) -> None:
    """Validate a document against a schema of `docs/cli/`."""
    schema = _read_schema(f"{name.replace(' ', '-')}.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    registry = Registry(retrieve=lambda uri: Resource.from_contents(_read_schema(uri)))  # type: ignore[call-arg]
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)


def _read_schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command in a window of 80 columns.

    It validates what is printed with `--json`, and checks that no stack trace is printed without `--debug`.
    """
    monkeypatch.setenv("COLUMNS", str(MAX_COLUMNS))
    for name in ("NO_COLOR", "FORCE_COLOR", "_NOTEBOOK_ARCHIVE_COMPLETE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin or ""))
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        printed = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        result = Result(int(exit_.value.code), printed.out, printed.err)
        if "--debug" not in arguments:
            assert "Traceback (most recent call last)" not in printed.err
        if "--json" in arguments and "--help" not in arguments:
            if printed.out:
                validate(result.document, command_of(arguments))
            if printed.err:
                validate(result.error, "error")
        return result

    return run


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoStack]:
    """Yield a stack of the template in moto.

    Its buckets are versioned, its queues and state machines exist, and its functions are only names.
    """
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        rendered = render(PARAMETERS)
        kinds = {name: resource["Type"] for name, resource in rendered["Resources"].items()}
        for name, resource in rendered["Resources"].items():
            if kinds[name] == "AWS::Logs::LogGroup":
                _client("logs").create_log_group(logGroupName=resource["Properties"]["LogGroupName"])
        outputs = {name: _create(str(output["Value"]), kinds) for name, output in rendered["Outputs"].items()}
        defaults = {name: str(each.get("Default", "")) for name, each in template()["Parameters"].items()}
        stack = MotoStack(outputs, defaults | PARAMETERS)
        stack.deploy()
        yield stack


def _create(value: str, kinds: dict[str, str]) -> str:
    """Create the resource that an output names, if it is of a kind that commands use. Return the output's value."""
    logical_id = value.rpartition(":")[2]
    match kinds.get(logical_id):
        case "AWS::S3::Bucket":
            name = logical_id.lower()
            _client("s3").create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": REGION},
                ObjectLockEnabledForBucket=True,
            )
            return name
        case "AWS::SQS::Queue":
            url: str = _client("sqs").create_queue(QueueName=logical_id)["QueueUrl"]
            return url
        case "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine":
            definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
            role = f"arn:aws:iam::{ACCOUNT}:role/state-machine"
            machine: str = _client("stepfunctions").create_state_machine(
                name=logical_id, definition=json.dumps(definition), roleArn=role
            )["stateMachineArn"]
            return machine
    return value


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from set_zone("Europe/Berlin", monkeypatch)


def set_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()
