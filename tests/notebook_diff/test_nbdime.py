"""Test that a diff is at least as close to what was really edited as that of nbdime, Jupyter's own tool."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from local.arcgis.sample_notebooks import Notebook
from notebook_archive.notebook.diff import diff_notebooks
from tests.notebook_diff.edits import EDITS, Edited, edit, encode, make_original, read_source

PYTHON = Path(__file__).parents[2] / ".venvs" / "nbdime" / "bin" / "python"
PAIRS = 200

type Numbers = tuple[int, int, int]


def count_edits(original: Notebook, edited: Edited) -> Numbers:
    """Return how many cells were really added, removed and changed."""
    kept = [(original["cells"][i], cell) for i, cell in zip(edited.origins, edited.cells, strict=True) if i is not None]
    changed = sum(
        (read_source(before), before["cell_type"], before["metadata"].get("tags"))
        != (read_source(after), after["cell_type"], after["metadata"].get("tags"))
        for before, after in kept
    )
    return len(edited.cells) - len(kept), len(original["cells"]) - len(kept), changed


def count_ours(original: Notebook, edited: Edited) -> Numbers:
    counts = diff_notebooks(encode(original), encode(edited.content)).counts
    return counts.added, counts.removed, counts.changed


def measure_distance(some: list[Numbers], others: list[Numbers]) -> int:
    return sum(abs(a - b) for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True))


@pytest.mark.soak
def test_diff_is_closer_to_the_edits_than_nbdime(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that moved counts as nothing here, but nbdime does not know moves: it removes and adds the cell."""
    chance = random.Random(1)
    originals = [make_original(chance, chance.randint(5, 40)) for _ in range(PAIRS)]
    pairs = [(each, edit(chance, each, chance.choice((1, 2, 3, 5, 8)), EDITS)) for each in originals]
    finished = subprocess.run(
        [PYTHON, Path(__file__).with_name("nbdime_counts.py")],
        input=json.dumps([(original, edited.content) for original, edited in pairs]),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    nbdime: list[Numbers] = [tuple(numbers) for numbers in json.loads(finished.stdout)]
    edits, ours = ([count(*pair) for pair in pairs] for count in (count_edits, count_ours))
    with capsys.disabled():
        print(f"\n{PAIRS} pairs: cells added, removed and changed")
        for name, numbers in (("edits", edits), ("diff", ours), ("nbdime", nbdime)):
            totals = [sum(column) for column in zip(*numbers, strict=True)]
            exact = sum(one == other for one, other in zip(numbers, edits, strict=True))
            print(f"{name:8} {totals}, exact in {exact}, off by {measure_distance(numbers, edits)}")
    assert measure_distance(ours, edits) <= measure_distance(nbdime, edits)
    assert sum(one == other for one, other in zip(ours, nbdime, strict=True)) >= PAIRS / 2
