"""Whatever a server sends, staging a body takes little memory. The body passes, or is refused with a reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.hostile_bodies import BODIES

ROOT = Path(__file__).parents[2]
MANY_CELLS = "NotANotebook: It: The body has more than 1000000 cells."
ODD_CELLS = "NotANotebook: It: The body has too many cells that are not objects."
MANY_LEVELS = "NotANotebook: It: The body has too many levels of brackets."
EXPECTED = {
    "10 million smallest cells": MANY_CELLS,
    "10 million smallest cells with a BOM": MANY_CELLS,
    "a million cells": "1000000 cells",
    "150 million array elements": "1 cells",
    "150 million cells that are numbers": ODD_CELLS,
    "100,000 levels": MANY_LEVELS,
    "100,000 levels that do not end": MANY_LEVELS,
    "one string of 500 MB": "1 cells",
    "one string of 50 MB with tabs": "1 cells",
    "a million keys in a cell": "1 cells",
    "a million keys in the notebook": "0 cells",
    "a million keys in the metadata": "0 cells",
    "a million times the same key": "0 cells",
    "5 million NaN": "1 cells",
    "5 million cells that are NaN": MANY_CELLS,
    "5 million lone surrogates": "1 cells",
    "a name of 50 MB": "0 cells",
    "an nbformat of 50 MB": "NotANotebook: It: The body has no nbformat.",
}


@pytest.mark.parametrize("name", BODIES)
def test_hostile_body_takes_at_most_100_mb_of_memory(name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/layers/notebook_archive:{ROOT}"}
    command = [sys.executable, "-m", "tests.unit.hostile_bodies", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (EXPECTED[name], "")
