"""Measure only the gate: its speed, its memory, and whether it accepts a truncated notebook."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median

from bench.bodies import Kind, make_body
from local.arcgis.sample_notebooks import plain
from notebook_archive.arcgis.transport import CHUNK_BYTES
from notebook_archive.errors import NotANotebook
from notebook_archive.notebook import Gate, NotebookFacts

_KINDS: tuple[Kind, ...] = ("mixture", "text", "numbers")


def _check(chunks: Iterator[bytes]) -> NotebookFacts:
    gate = Gate()
    for chunk in chunks:
        gate.feed(chunk)
    return gate.facts()


def _chunks_in_memory(whole: bytes) -> Iterator[bytes]:
    return (whole[start : start + CHUNK_BYTES] for start in range(0, len(whole), CHUNK_BYTES))


def _chunks_of_file(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def measure_rates(size: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the speeds of the gate, of json.loads and of SHA-256 for each kind of notebook.

    A speed is in MB per second of CPU time. It is the median of `repeats` rounds. Each round measures all three.
    """
    found: dict[str, dict[str, float]] = {}
    for kind in _KINDS:
        whole = make_body(kind, size)
        ours, peers, digests = [], [], []
        for _ in range(repeats):
            started = time.process_time()
            facts = _check(_chunks_in_memory(whole))
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


def measure_memory(path: str, measure_peak_rss: Callable[[], float]) -> dict[str, float]:
    """Check a large file. Return the growth of the peak resident size and the memory that Python allocated, in MB.

    A small notebook is checked before, so that the growth does not include one-time costs.
    """
    _check(_chunks_in_memory(make_body("mixture", 1_000_000)))
    before = measure_peak_rss()
    _check(_chunks_of_file(Path(path)))
    grown = measure_peak_rss() - before
    tracemalloc.start()
    _check(_chunks_of_file(Path(path)))
    return {"rss": grown, "allocated": tracemalloc.get_traced_memory()[1] / 1e6}


def count_truncations(large: int, samples: int) -> dict[str, int]:
    """Give truncated notebooks to the gate. Return how many there were and how many the gate accepted.

    They are a small notebook truncated at every byte, and a large notebook of each kind truncated at some bytes.
    """
    small = plain(1, 3000)
    cases = [(small, end) for end in range(len(small))]
    for kind in _KINDS:
        big = make_body(kind, large).rstrip()
        cases += [(big, len(big) * sample // samples) for sample in range(samples)]
        cases += [(big, len(big) - missing) for missing in range(1, samples)]
    accepted = 0
    for whole, end in cases:
        try:
            _check(_chunks_in_memory(whole[:end]))
        except NotANotebook:
            continue
        accepted += 1
    return {"tried": len(cases), "accepted": accepted}
