"""Measure how long the comparison of two notebooks takes, and compare it with decoding both."""

import json
import time
from statistics import median

from bench.bodies import Kind, Shape, make_body
from notebook_archive.notebook.diff import diff_notebooks

_KINDS: tuple[Kind, ...] = ("mixture", "text", "numbers")
_SHAPES: tuple[Shape, ...] = ("arcgis", "jupyter")
# Digits of an image that the rerun leaves out. The image stays valid base64.
_IMAGE_DIGITS = 4


def measure_comparisons(size: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the seconds of CPU in which two notebooks are compared, and in which `json.loads` decodes both.

    The keys are the kind and the shape of the notebook. In the second notebook everything was run again, one cell was
    deleted and one was edited. Each figure is the median of `repeats` rounds.
    """
    found: dict[str, dict[str, float]] = {}
    for kind in _KINDS:
        for shape in _SHAPES:
            before = make_body(kind, shape, size)
            after = _edit(before, shape)
            rounds = [(_measure(before, after), _measure_decoding(before, after)) for _ in range(repeats)]
            diffs, decodings = zip(*rounds, strict=True)
            found[f"{kind}, {shape}"] = {"diff": median(diffs), "decode": median(decodings)}
    return found


def _measure(before: bytes, after: bytes) -> float:
    started = time.process_time()
    diff_notebooks(before, after)
    return time.process_time() - started


def _measure_decoding(before: bytes, after: bytes) -> float:
    started = time.process_time()
    json.loads(before)
    json.loads(after)
    return time.process_time() - started


def _edit(body: bytes, shape: Shape) -> bytes:
    content = json.loads(body)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 1000
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = output["data"]["image/png"][_IMAGE_DIGITS:]
    del content["cells"][10]
    content["cells"][20]["source"] = "import arcgis"
    if shape == "arcgis":
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return json.dumps(content, ensure_ascii=False, indent=1).encode()
