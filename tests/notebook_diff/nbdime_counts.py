"""Compare pairs of notebooks with nbdime. It runs in an environment of its own (.venvs/nbdime).

`python nbdime_counts.py` reads a JSON list of pairs of notebooks from standard input. It prints the numbers of cells
that nbdime calls added, removed and changed, for each pair, as JSON. A cell counts as changed if more changed than a
rerun changes.
"""

import json
import sys
import warnings
from typing import Any

import nbformat  # type: ignore[import-not-found]
from nbdime import diff_notebooks  # type: ignore[import-not-found]

RERUN = {"execution_count", "outputs", "id"}
RERUN_METADATA = {"ExecuteTime", "trusted"}


def is_changed(patch: list[Any]) -> bool:
    """Return whether a patch of a cell has something that a rerun does not change."""
    members = {op.key for each in patch if each.key == "metadata" for op in each.diff}
    return bool({each.key for each in patch} - RERUN - {"metadata"} or members - RERUN_METADATA)


def count(before: dict[str, Any], after: dict[str, Any]) -> tuple[int, int, int]:
    """Return the numbers of added, removed and changed cells."""
    one, other = (nbformat.reads(json.dumps(each), as_version=4) for each in (before, after))
    ops = [each for op in diff_notebooks(one, other) if op.key == "cells" for each in op.diff]
    return (
        sum(len(op.valuelist) for op in ops if op.op == "addrange"),
        sum(op.length for op in ops if op.op == "removerange"),
        sum(is_changed(op.diff) for op in ops if op.op == "patch"),
    )


if __name__ == "__main__":
    # nbformat warns of cell ids.
    warnings.simplefilter("ignore")
    json.dump([count(*pair) for pair in json.load(sys.stdin)], sys.stdout)
