"""The gate by itself: how fast, how much memory, and whether it lets a truncated notebook through."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median

from bench.bodies import Kind, body
from local.arcgis.sample_notebooks import plain
from notebook_archive.arcgis.transport import CHUNK_BYTES
from notebook_archive.errors import NotANotebook
from notebook_archive.notebook import Gate, NotebookFacts

_KINDS: tuple[Kind, ...] = ("mixture", "text", "numbers")


def _pass(chunks: Iterator[bytes]) -> NotebookFacts:
    gate = Gate()
    for chunk in chunks:
        gate.feed(chunk)
    return gate.facts()


def _in_memory(whole: bytes) -> Iterator[bytes]:
    return (whole[start : start + CHUNK_BYTES] for start in range(0, len(whole), CHUNK_BYTES))


def _from_file(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def rates(size: int, repeats: int) -> dict[str, dict[str, float]]:
    """MB of notebook per second of CPU, of the gate, json.loads and SHA-256, by kind of notebook.

    Medians, taken in turn.
    """
    found: dict[str, dict[str, float]] = {}
    for kind in _KINDS:
        whole = body(kind, size)
        ours, peers, digests = [], [], []
        for _ in range(repeats):
            started = time.process_time()
            facts = _pass(_in_memory(whole))
            between = time.process_time()
            parsed = json.loads(whole)
            peers.append(time.process_time() - between)
            ours.append(between - started)
            started = time.process_time()
            sha256(whole)
            digests.append(time.process_time() - started)
            if facts.cells != len(parsed["cells"]):
                raise AssertionError(facts)
        times = {"gate": ours, "json": peers, "sha256": digests}
        found[kind] = {name: len(whole) / 1e6 / median(taken) for name, taken in times.items()}
    return found


def growth(path: str, peak_rss: Callable[[], float]) -> dict[str, float]:
    """MB by which the peak resident size grows over a large file after a small one, and what Python allocated."""
    _pass(_in_memory(body("mixture", 1_000_000)))
    before = peak_rss()
    _pass(_from_file(Path(path)))
    grown = peak_rss() - before
    tracemalloc.start()
    _pass(_from_file(Path(path)))
    return {"rss": grown, "allocated": tracemalloc.get_traced_memory()[1] / 1e6}


def truncations(large: int, samples: int) -> dict[str, int]:
    """How many truncations were tried and how many passed: all of a small notebook, some of a large one of each
    kind."""
    small = plain(1, 3000)
    cases = [(small, end) for end in range(len(small))]
    for kind in _KINDS:
        big = body(kind, large).rstrip()
        cases += [(big, len(big) * sample // samples) for sample in range(samples)]
        cases += [(big, len(big) - missing) for missing in range(1, samples)]
    accepted = 0
    for whole, end in cases:
        try:
            _pass(_in_memory(whole[:end]))
        except NotANotebook:
            continue
        accepted += 1
    return {"tried": len(cases), "accepted": accepted}
