"""The stack on the local AWS: `sam build` and `sam deploy` of the unmodified template."""

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
    """sam failed. The message holds its output."""


def architecture() -> str:
    """Return the template's name for this machine's processor, on which the layer's compiled files must run."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


@contextmanager
def build() -> Iterator[Path]:
    """Build if a source has changed and yield the path of a copy, so that another process can build then."""
    STATE.mkdir(exist_ok=True)
    # The copy is beside the build folder, because the built template has paths relative to its own place.
    with tempfile.TemporaryDirectory(prefix="build-", dir=STATE) as copy:
        with (STATE / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _build_if_changed()
            # sam replaces the files that it builds and never writes into them, so links are as good as copies.
            shutil.copytree(BUILD, copy, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
        yield Path(copy) / "template.yaml"


def _build_if_changed() -> None:
    """Run `sam build`, unless the sources are those of the last build: it takes seconds even if nothing has changed."""
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
        # By default sam waits five seconds between two looks at the stack.
        overrides = {"PATH": path, "TMPDIR": temporary, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
        done = run([_TOOLS[0] / "sam", *arguments], ROOT, {**environment, **overrides})
    if done.returncode:
        raise SamError(f"sam {arguments[0]} failed with exit status {done.returncode}:\n{done.stdout[-8000:]}")
