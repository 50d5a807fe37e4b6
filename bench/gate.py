"""Measure only the gate: its speed, its memory, and whether it accepts a truncated notebook."""

import codecs
import json
import time
from collections.abc import Callable
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from pathlib import Path
from statistics import median

import msgspec

from bench.bodies import Kind, Shape, make_body
from local.arcgis.sample_notebooks import plain
from notebook_archive.errors import NotANotebook
from notebook_archive.notebook import read_facts

_KINDS: tuple[Kind, ...] = ("mixture", "text", "numbers")
_SHAPES: tuple[Shape, ...] = ("arcgis", "jupyter")
_PIECE_BYTES = 131_072


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Notebook)


def _decode(body: bytes) -> object:
    """Decode a notebook once, and check that it is UTF-8. No gate can do less."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _PIECE_BYTES):
        piece = body[start : start + _PIECE_BYTES]
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
    return _decoder.decode(body)


def measure_rates(size: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return MB of notebook per second of CPU for the gate, a bare decode, json.loads and SHA-256.

    The keys are the kind and the shape of the notebook. Each rate is the median of `repeats` rounds. Each round
    measures all four.
    """
    found: dict[str, dict[str, float]] = {}
    measured: dict[str, Callable[[bytes], object]] = {
        "gate": read_facts,
        "decode": _decode,
        "json": json.loads,
        "sha256": sha256,
    }
    for kind in _KINDS:
        for shape in _SHAPES:
            body = make_body(kind, shape, size)
            seconds: dict[str, list[float]] = {name: [] for name in measured}
            for _ in range(repeats):
                for name, measure in measured.items():
                    started = time.process_time()
                    measure(body)
                    seconds[name].append(time.process_time() - started)
            found[f"{kind}, {shape}"] = {name: len(body) / 1e6 / median(taken) for name, taken in seconds.items()}
    return found


def measure_memory(path: str, measure_anonymous: Callable[[], float]) -> dict[str, float]:
    """Return by how many MB a large file makes the anonymous memory grow. A small notebook goes first."""
    read_facts(make_body("mixture", "arcgis", 1_000_000))
    before = measure_anonymous()
    with Path(path).open("rb") as file:
        read_facts(mmap(file.fileno(), 0, access=ACCESS_READ))
    return {"anonymous": measure_anonymous() - before}


def count_truncations(large: int, samples: int) -> dict[str, int]:
    """Return the number of truncated notebooks that the gate read, and the number that it accepted.

    They are all truncations of a small notebook, and some of a large notebook of each kind and shape.
    """
    small = plain(1, 3000)
    cases = [(small, end) for end in range(len(small))]
    for kind in _KINDS:
        for shape in _SHAPES:
            big = make_body(kind, shape, large).rstrip()
            cases += [(big, len(big) * sample // samples) for sample in range(samples)]
            cases += [(big, len(big) - missing) for missing in range(1, samples)]
    accepted = 0
    for whole, end in cases:
        try:
            read_facts(whole[:end])
        except NotANotebook:
            continue
        accepted += 1
    return {"tried": len(cases), "accepted": accepted}
