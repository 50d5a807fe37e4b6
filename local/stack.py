"""Build and deploy the unmodified template on the local AWS with `sam build` and `sam deploy`."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from local.aws import ROOT, LocalAws
from local.stopping import run

NAME = "notebook-archive"
STATE = ROOT / ".local"
BUILD = STATE / "build"
_TOOLS = (ROOT / ".venvs/sam/bin", ROOT / ".tools/bin")
_ARTIFACTS = "deployment-artifacts"


class SamError(Exception):
    """A sam command failed. The message contains its output."""


def architecture() -> str:
    """Return the template's name for this machine's processor. The layer's compiled files must run on it."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


@contextmanager
def build() -> Iterator[Path]:
    """Build the stack if a source file has changed. Yield the path of the template in a copy of the build.

    Another process can start a build while this one uses its copy.
    """
    STATE.mkdir(exist_ok=True)
    # The copy is in the same parent folder as the build, because the built template contains relative paths.
    with tempfile.TemporaryDirectory(prefix="build-", dir=STATE) as copy:
        with (STATE / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _build_if_changed()
            # sam replaces the files that it builds and never writes into them, so hard links suffice.
            shutil.copytree(BUILD, copy, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
        yield Path(copy) / "template.yaml"


def _build_if_changed() -> None:
    """Run `sam build` if a source file has changed, because it takes seconds even if nothing has changed."""
    digest, built = _sources_digest(), STATE / "build.sha256"
    if built.exists() and built.read_text() == digest:
        return
    built.unlink(missing_ok=True)
    command = ["build", "--cached", "--cache-dir", str(STATE / "cache"), "--build-dir", str(BUILD)]
    _sam([*command, "--parameter-overrides", f"Architecture={architecture()}"], os.environ)
    # `sam deploy` reads the template several times, and JSON much faster than YAML.
    path = BUILD / "template.yaml"
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri"}.intersection(resource.get("Properties", {})):
            # `sam deploy` makes a zip file of each folder. With these, it does not make them at each deployment again.
            folder = resource["Properties"][name]
            shutil.make_archive(str(BUILD / folder), "zip", BUILD / folder)
            resource["Properties"][name] = f"{folder}.zip"
    path.write_text(json.dumps(template), encoding="utf-8")
    built.write_text(digest)


def _sources_digest() -> str:
    """Return a SHA-256 over the names and contents of all files that a build reads, and over the processor's name."""
    folders = (ROOT / "functions", ROOT / "layers")
    files = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    digest = hashlib.sha256(architecture().encode())
    for path in sorted([ROOT / "template.yaml", ROOT / "uv.lock", *filter(Path.is_file, files)]):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def deploy(aws: LocalAws, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the built template and return the stack's outputs by name.

    The schedules are disabled, because a scheduled run would disturb tests. One test enables the first.
    """
    aws.s3.create_bucket(Bucket=_ARTIFACTS)
    schedules = {"ScheduleState": "DISABLED", "VerifyScheduleState": "DISABLED"}
    values = {"Architecture": architecture(), **schedules, **parameters}
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
    # PYTHON… variables are meant for this program. With PYTHONDONTWRITEBYTECODE, for example, sam would be compiled at
    # every start.
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    # sam needs a Python of the runtime's version on PATH, and the layer's Makefile needs uv.
    path = os.pathsep.join([*map(str, _TOOLS), environment.get("PATH", os.defpath)])
    # sam does not delete its temporary files, so this folder is deleted afterwards. Its path becomes part of the path
    # of a socket, so the name is short.
    with tempfile.TemporaryDirectory(prefix="sam-") as temporary:
        # By default sam checks the state of the stack only every five seconds.
        overrides = {"PATH": path, "TMPDIR": temporary, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
        done = run([_TOOLS[0] / "sam", *arguments], ROOT, {**environment, **overrides})
    if done.returncode:
        raise SamError(f"sam {arguments[0]} failed with exit status {done.returncode}:\n{done.stdout[-8000:]}")
