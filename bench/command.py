"""Measure how long help pages of the command `notebook-archive` take, and compare them with the start of Python."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(sys.executable).parent
_ROUNDS = 25


def measure_help() -> dict[str, float]:
    """Return the least milliseconds of many rounds: of `python`, of `help` and of the help of `restore`.

    The least one is what a quiet machine needs, because other processes only add to it.
    """
    program = str(_FOLDER / "notebook-archive")
    cases = {
        "python": [sys.executable, "-c", ""],
        "help": [program, "--help"],
        "restore": [program, "restore", "--help"],
    }
    # The first round is not counted, because Python may compile the modules in it.
    rounds = [{name: _measure_process(command) for name, command in cases.items()} for _ in range(_ROUNDS + 1)][1:]
    return {name: 1000 * min(each[name] for each in rounds) for name in cases}


def _measure_process(command: list[str]) -> float:
    environment: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started
