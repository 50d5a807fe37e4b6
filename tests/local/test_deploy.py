"""Test that `make deploy` gives a stack what samconfig.toml says, and that a version can be taken back."""

import base64
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.package import package
from local.aws import ROOT, LocalAws
from local.stack import architecture

STACK = "notebook-archive"
CONFIGURATION = """version = 0.1

[here.deploy.parameters]
stack_name = "notebook-archive"
capabilities = "CAPABILITY_IAM"
resolve_s3 = true
fail_on_empty_changeset = false
parameter_overrides = [{}]
"""
OLDER = "VerifyDays:\n    Type: Number\n    Default: 180\n"
KEY = f"notebooks/{'0' * 32}/snapshots/snapshot-{'0' * 32}.json"

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


def check_out(folder: Path) -> Path:
    for name in ("functions", "layers", "statemachines"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", folder)
    return folder


def deploy(folder: Path, aws: LocalAws, *parameters: str, given: str = "") -> str:
    """Deploy the checkout in a folder with these parameters. Return what was printed."""
    always = ("PortalUrl=https://gis.example.com/portal", f"Architecture={architecture()}", "ScheduleState=DISABLED")
    overrides = ", ".join(f'"{each}"' for each in (*always, *parameters))
    (folder / "samconfig.toml").write_text(CONFIGURATION.format(overrides))
    done = subprocess.run(
        [sys.executable, "-m", "delivery.deploy", "--stage", "here", *given.split()],
        cwd=folder,
        env={**aws.environment(), "PYTHONPATH": str(ROOT), "SAM_CLI_POLL_DELAY": "0.2"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def parameter(aws: LocalAws, name: str) -> str:
    (stack,) = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}[name]


def output(aws: LocalAws, name: str) -> str:
    (stack,) = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}[name]


def code_of_plan_run(aws: LocalAws) -> str:
    """Return what Lambda says is the SHA-256 of the function's code."""
    function = f"{STACK}-PlanRunFunction"
    functions = aws.session.client("lambda", endpoint_url=aws.endpoint_url).get_paginator("list_functions")
    (found,) = [
        each["CodeSha256"]
        for page in functions.paginate()
        for each in page["Functions"]
        if each["FunctionName"].startswith(function)
    ]
    return base64.b64decode(found).hex()


def test_removed_parameter_gets_its_default(aws: LocalAws, tmp_path: Path) -> None:
    folder = check_out(tmp_path)
    first = deploy(folder, aws, "VerifyDays=90", given="--yes")
    assert "creates the stack notebook-archive" in first
    assert parameter(aws, "VerifyDays") == "90"
    second = deploy(folder, aws, given="--yes")
    assert "  VerifyDays  90 -> 180 (the default)" in second
    assert "IRREVERSIBLE" not in second
    assert parameter(aws, "VerifyDays") == "180"
    assert "No parameter changes." in deploy(folder, aws)


def test_version_goes_forward_back_and_forward(aws: LocalAws, tmp_path: Path) -> None:
    """Each time, Lambda has exactly the code that a release of that version contains."""
    older, newer = check_out(tmp_path / "older"), check_out(tmp_path / "newer")
    template = (older / "template.yaml").read_text()
    assert OLDER in template
    (older / "template.yaml").write_text(template.replace(OLDER, OLDER.replace("180", "200")))
    with (older / "functions/plan_run/app.py").open("a") as code:
        code.write("# The version before.\n")
    deploy(older, aws, given="--yes")
    bucket, ledger = output(aws, "ArchiveBucket"), output(aws, "LedgerBucket")
    aws.s3.put_object(Bucket=bucket, Key=KEY, Body=b"{}", IfNoneMatch="*")
    for number, (folder, days) in enumerate([(newer, "180"), (older, "200"), (newer, "180")]):
        deploy(folder, aws, given="--yes")
        assert parameter(aws, "VerifyDays") == days
        assert (output(aws, "ArchiveBucket"), output(aws, "LedgerBucket")) == (bucket, ledger)
        assert aws.s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"{}"
        packaged = package(folder / ".aws-sam/build", tmp_path / f"package-{number}").parent
        assert code_of_plan_run(aws) == hashlib.sha256((packaged / "PlanRunFunction.zip").read_bytes()).hexdigest()
