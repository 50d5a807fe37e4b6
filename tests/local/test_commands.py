"""Test `make demo` and `make local` from outside: exit codes, stack.json, and that no process or file is left."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.arcgis.sample_notebooks import plain
from local.aws import ROOT
from tests.local.processes import at_work_in

READY_SECONDS = 240
STOP_SECONDS = 30

PROGRAM = """
import hashlib, json, sys, time
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

stack = json.load(open(sys.argv[1], encoding="utf-8"))

def client(service):
    return boto3.client(
        service,
        endpoint_url=stack["awsEndpointUrl"],
        region_name=stack["region"],
        aws_access_key_id=stack["awsAccessKeyId"],
        aws_secret_access_key=stack["awsSecretAccessKey"],
    )

states, s3 = client("stepfunctions"), client("s3")
run = states.start_execution(stateMachineArn=stack["outputs"]["StateMachine"], input="{}")["executionArn"]
while (status := states.describe_execution(executionArn=run)["status"]) == "RUNNING":
    time.sleep(0.2)
bucket = stack["outputs"]["ArchiveBucket"]
keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="notebooks/")["Contents"]]
stored = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys if "/snapshots/" in key]
asked = AWSRequest("GET", stack["apiBaseUrl"] + "/admin/notebooks?f=json")
own = Credentials(stack["awsAccessKeyId"], stack["awsSecretAccessKey"])
SigV4Auth(own, "execute-api", stack["region"]).add_auth(asked)
listing = json.loads(URLLib3Session(verify=stack["awsCaBundle"]).send(asked.prepare()).content)
digests = [hashlib.sha256(body).hexdigest() for body in stored]
json.dump({"status": status, "sha256": digests, "open": listing["total"]}, sys.stdout)
"""


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """A folder with five notebooks."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for number in range(5):
        (folder / f"survey {number}.ipynb").write_bytes(plain(number, 2_000))
    return folder


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for a command's temporary files. Its name is short, because sockets in it have a maximum path length."""
    with tempfile.TemporaryDirectory(prefix="test-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def started(module: str, *arguments: str | Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command of this repository as make starts it, with its own folder for temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def assert_nothing_is_left(temporary: Path) -> None:
    assert at_work_in(temporary) == []
    assert list(temporary.iterdir()) == []


def test_another_program_needs_only_stack_json(notebooks: Path, tmp_path: Path, temporary: Path) -> None:
    stack_file = tmp_path / "stack.json"
    with started("local.system", "--notebooks", notebooks, "--stack-file", stack_file, temporary=temporary) as process:
        deadline = time.monotonic() + READY_SECONDS
        while not stack_file.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        stack = json.loads(stack_file.read_text(encoding="utf-8"))
        with started("local.system", "--stack-file", stack_file, temporary=temporary) as second:
            refusal, _ = second.communicate(timeout=STOP_SECONDS)
        assert second.returncode == 1
        assert f"(process {process.pid})" in refusal
        assert json.loads(stack_file.read_text(encoding="utf-8")) == stack, "the second system leaves the file alone"
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM, stack_file],
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=True,
        )
        process.terminate()
        output, _ = process.communicate(timeout=STOP_SECONDS)

    seen = json.loads(done.stdout)
    assert (seen["status"], seen["open"]) == ("SUCCEEDED", 3)
    assert sorted(seen["sha256"]) == sorted(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in notebooks.glob("*.ipynb")
    )
    assert process.returncode == 0, output
    assert not stack_file.exists()
    assert_nothing_is_left(temporary)
    for url in (stack["awsEndpointUrl"], stack["arcgis"]["portalUrl"], stack["arcgis"]["kubernetes"]["portalUrl"]):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0, f"{url} still accepts connections"
    assert_stack_file_is_complete(stack)


def assert_stack_file_is_complete(stack: dict[str, object]) -> None:
    credentials = {"region", "awsEndpointUrl", "awsAccessKeyId", "awsSecretAccessKey"}
    assert stack.keys() == credentials | {"apiBaseUrl", "apiAuth", "webhookUrl", "awsCaBundle", "outputs", "arcgis"}
    outputs, arcgis = stack["outputs"], stack["arcgis"]
    assert isinstance(outputs, dict)
    assert isinstance(arcgis, dict)
    assert outputs.keys() >= {"ArchiveBucket", "StateMachine"}
    for deployment in (arcgis, arcgis.pop("online"), arcgis.pop("kubernetes")):
        assert deployment.keys() == {"portalUrl", "notebookAdminUrl", "caBundle", "users"}
        roles = [user["role"] for user in deployment["users"]]
        assert "admin" in roles
        assert roles.count("creator") > 1
        assert all(user.keys() == {"username", "password", "role"} for user in deployment["users"])


def test_the_demonstration_succeeds_and_leaves_nothing(temporary: Path) -> None:
    with started("local.demo", temporary=temporary) as process:
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 0, output
    assert "owners/dora" in output, "the output names the missing secret of the unreadable notebook's owner"
    assert_nothing_is_left(temporary)


def test_interrupting_the_demonstration_leaves_nothing(temporary: Path) -> None:
    with started("local.demo", temporary=temporary) as process:
        assert process.stdout
        next(line for line in process.stdout if "sam build" in line)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 130, output
    assert_nothing_is_left(temporary)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, temporary: Path) -> None:
    with started("local.demo", "--notebooks", tmp_path / "absent", temporary=temporary) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "absent" in output
    assert "Traceback" not in output


def test_a_parameter_that_does_not_exist_is_named(temporary: Path) -> None:
    with started("local.system", "--parameters", "Captures=true", temporary=temporary) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "no parameter 'Captures'" in output
    assert "Traceback" not in output
