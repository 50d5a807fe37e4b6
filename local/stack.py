"""The stack on the local AWS: `sam build` and `sam deploy` of the unmodified template, and what it hands out."""

import fcntl
import hashlib
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
    """sam ended with an error; the message holds what it printed."""


def architecture() -> str:
    """The template's name for this machine's processor: the layer's compiled files have to run here."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


@contextmanager
def build() -> Iterator[Path]:
    """Build if anything has changed, and hand out a copy of the built template, so that another process may build."""
    STATE.mkdir(exist_ok=True)
    # Beside the folder that was built: what the template names outside of it is named from there.
    with tempfile.TemporaryDirectory(prefix="build-", dir=STATE) as copy:
        with (STATE / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _build_if_changed()
            # sam replaces the files that it builds and never writes into them, so links are as good as copies.
            shutil.copytree(BUILD, copy, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
        yield Path(copy) / "template.yaml"


def _build_if_changed() -> None:
    """Run `sam build`, which takes seconds even if nothing has changed, unless the last one had the same sources."""
    digest, built = _sources_digest(), STATE / "build.sha256"
    if built.exists() and built.read_text() == digest:
        return
    built.unlink(missing_ok=True)
    command = ["build", "--cached", "--cache-dir", str(STATE / "cache"), "--build-dir", str(BUILD)]
    _sam([*command, "--parameter-overrides", f"Architecture={architecture()}"], os.environ)
    built.write_text(digest)


def _sources_digest() -> str:
    """Return the SHA-256 of the names and contents of all files that a build reads, and of the processor's name."""
    folders = (ROOT / "functions", ROOT / "layers")
    files = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    digest = hashlib.sha256(architecture().encode())
    for path in sorted([ROOT / "template.yaml", ROOT / "uv.lock", *filter(Path.is_file, files)]):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def deploy(aws: LocalAws, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the built template and return the stack's outputs by name.

    The schedule is off, because a run that starts by itself would disturb a check; a test switches it on.
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
    # In quotes of its own, or sam cuts a value at its first space.
    _sam([*command, *(f'{name}="{value}"' for name, value in values.items())], aws.environment())
    (stack,) = aws.cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _sam(arguments: list[str], environment: Mapping[str, str]) -> None:
    # What steers this program's Python is not for sam's: without bytecode, sam would be compiled at every start.
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    # sam looks for the runtime's Python on PATH, and finds its own; the layer's Makefile looks for uv.
    path = os.pathsep.join([*map(str, _TOOLS), environment.get("PATH", os.defpath)])
    # sam leaves temporary files behind, so it gets a folder for them; a short name, for it becomes part of a socket's.
    with tempfile.TemporaryDirectory(prefix="sam-") as temporary:
        # Between two looks at the stack it would wait five seconds, for which a local deployment has no need.
        own = {"PATH": path, "TMPDIR": temporary, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
        done = run([_TOOLS[0] / "sam", *arguments], ROOT, {**environment, **own})
    if done.returncode:
        raise SamError(f"sam {arguments[0]} ended with {done.returncode}:\n{done.stdout[-8000:]}")
