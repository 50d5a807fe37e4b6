"""Run sam as a command of its own, because its environment has other versions of some libraries."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from delivery import DeliveryError
from local.aws import ROOT
from local.stopping import run

_TOOLS = (ROOT / ".venvs/sam/bin", ROOT / ".tools/bin")
_SAM = _TOOLS[0] / "sam"


def run_sam(arguments: Sequence[str | Path], folder: Path) -> None:
    """Run sam in a folder. Its output goes to this program's streams, and it may ask on them.

    Raises DeliveryError if sam fails.
    """
    # What was printed before must not appear after sam's own lines.
    print(end="", flush=True)
    done = subprocess.run([_SAM, *arguments], cwd=folder, env=_make_environment(), check=False)
    if done.returncode:
        raise DeliveryError(f"sam {arguments[0]} failed with exit status {done.returncode}. Its message is above.")


def build_quietly(folder: Path) -> Path:
    """Build the stack of the checkout in a folder. Return the folder with the built template.

    Raises DeliveryError with sam's output if sam fails.
    """
    done = run([_SAM, "build"], folder, _make_environment())
    if done.returncode:
        raise DeliveryError(f"sam build failed with exit status {done.returncode}:\n{done.stdout[-8000:]}")
    return folder / ".aws-sam/build"


def _make_environment() -> dict[str, str]:
    # PYTHON... variables are meant for this program. With PYTHONPYCACHEPREFIX, the layers would get no bytecode.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # sam needs a Python of the runtime's version on PATH, and the layers' Makefile needs uv.
    path = os.pathsep.join([*map(str, _TOOLS), environment.get("PATH", os.defpath)])
    return {**environment, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
