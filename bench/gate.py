"""Measure the speed of only the gate."""

import codecs
import json
import time
from collections.abc import Callable
from hashlib import sha256
from statistics import median

import msgspec

from bench.bodies import Kind, Shape, make_body
from notebook_archive.notebook import read_facts

_KINDS: tuple[Kind, ...] = ("mixture", "text", "numbers")
_SHAPES: tuple[Shape, ...] = ("arcgis", "jupyter")
_PIECE_BYTES = 8192


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Notebook)


def _decode(body: bytes) -> object:
    """Decode a notebook once, and check that it is UTF-8. No gate can do less."""
    view, start = memoryview(body), 0
    while start < len(view):
        piece = view[start : start + _PIECE_BYTES]
        start += codecs.utf_8_decode(piece, "strict", start + len(piece) == len(view))[1]
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
