"""Run sam as a command of its own, because its environment has other versions of some libraries."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from delivery import DeliveryError
from local.aws import ROOT

_TOOLS = (ROOT / ".venvs/sam/bin", ROOT / ".tools/bin")


def run_sam(arguments: Sequence[str | Path], folder: Path) -> None:
    """Run sam in a folder. Its output goes to this program's streams, and it may ask on them.

    Raises DeliveryError if sam fails.
    """
    # PYTHON... variables are meant for this program. With PYTHONPYCACHEPREFIX, the layers would get no bytecode.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # sam needs a Python of the runtime's version on PATH, and the layers' Makefile needs uv.
    path = os.pathsep.join([*map(str, _TOOLS), environment.get("PATH", os.defpath)])
    environment |= {"PATH": path, "SAM_CLI_TELEMETRY": "0"}
    # What was printed before must not appear after sam's own lines.
    print(end="", flush=True)
    done = subprocess.run([_TOOLS[0] / "sam", *arguments], cwd=folder, env=environment, check=False)
    if done.returncode:
        raise DeliveryError(f"sam {arguments[0]} failed with exit status {done.returncode}. Its message is above.")
