"""The stack on the local AWS: `sam build` and `sam deploy` of the unmodified template."""

import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.aws import ROOT, LocalAws
from local.stopping import run

NAME = "notebook-archive"
STATE = ROOT / ".local"
BUILD = STATE / "build"
_TOOLS = (ROOT / ".venvs/sam/bin", ROOT / ".tools/bin")
_ARTIFACTS = "deployment-artifacts"


class SamError(Exception):
    """sam failed. The message holds its output."""


def architecture() -> str:
    """Return the template's name for this machine's processor, on which the layer's compiled files must run."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


@contextmanager
def build() -> Iterator[Path]:
    """Build what has changed and yield the path of a copy, so that another process can build at the same time."""
    STATE.mkdir(exist_ok=True)
    # The copy is beside the build folder, because the built template has paths relative to its own place.
    with tempfile.TemporaryDirectory(prefix="build-", dir=STATE) as copy:
        with (STATE / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command = ["build", "--cached", "--cache-dir", str(STATE / "cache"), "--build-dir", str(BUILD)]
            _sam([*command, "--parameter-overrides", f"Architecture={architecture()}"], os.environ)
            shutil.copytree(BUILD, copy, symlinks=True, dirs_exist_ok=True)
        yield Path(copy) / "template.yaml"


def deploy(aws: LocalAws, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the built template and return the stack's outputs by name.

    The schedule is off, because a run that starts by itself would disturb other tests. One test turns it on.
    """
    aws.s3.create_bucket(Bucket=_ARTIFACTS)
    values = {"Architecture": architecture(), "ScheduleState": "DISABLED", **parameters}
    command = ["deploy", "--template-file", str(template), "--stack-name", NAME, "--s3-bucket", _ARTIFACTS]
    command += [
        "--capabilities",
        "CAPABILITY_IAM",
        "--no-confirm-changeset",
        "--no-progressbar",
        "--parameter-overrides",
    ]
    # Each value is in quotes, because sam cuts an unquoted value at its first space.
    _sam([*command, *(f'{name}="{value}"' for name, value in values.items())], aws.environment())
    (stack,) = aws.cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _sam(arguments: list[str], environment: Mapping[str, str]) -> None:
    # Variables for this program's Python must not reach sam's. Without bytecode, sam would be compiled at every start.
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    # sam needs the runtime's Python on PATH and finds its own there. The layer's Makefile needs uv.
    path = os.pathsep.join([*map(str, _TOOLS), environment.get("PATH", os.defpath)])
    # sam leaves temporary files, so it gets a folder that is deleted. Its name is short: it becomes part of a socket's.
    with tempfile.TemporaryDirectory(prefix="sam-") as temporary:
        overrides = {"PATH": path, "TMPDIR": temporary, "SAM_CLI_TELEMETRY": "0"}
        done = run([_TOOLS[0] / "sam", *arguments], ROOT, {**environment, **overrides})
    if done.returncode:
        raise SamError(f"sam {arguments[0]} failed with exit status {done.returncode}:\n{done.stdout[-8000:]}")
