"""Bodies that are made to exhaust memory, and a process that stages one of them with little memory.

`python -m tests.unit.hostile_bodies NAME` prints what came of the body. It ends with a MemoryError if staging takes
more than `MORE_BYTES` of memory.
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from notebook_archive.backup.staging import stage
from notebook_archive.errors import NotebookArchiveError

MORE_BYTES = 100_000_000
CHUNK_BYTES = 262_144
HEAD, IN_CELL = b'{"nbformat":4,"cells":[', b'{"nbformat":4,"cells":[{"x":'
# By name: head, unit, number of units, tail. A unit may contain `%d` for its own number.
BODIES: dict[str, tuple[bytes, bytes, int, bytes]] = {
    "10 million smallest cells": (HEAD, b"{},", 10_000_000, b"{}]}"),
    "10 million smallest cells with a BOM": (b"\xef\xbb\xbf" + HEAD, b"{},", 10_000_000, b"{}]}"),
    "a million cells": (HEAD, b'{"cell_type":"code"},', 999_999, b"{}]}"),
    "150 million array elements": (IN_CELL + b"[", b"0,", 150_000_000, b"0]}]}"),
    "150 million cells that are numbers": (HEAD, b"0,", 150_000_000, b"0]}"),
    "100,000 levels": (IN_CELL, b"[", 100_000, b"]" * 100_000 + b"}]}"),
    "100,000 levels that do not end": (IN_CELL, b'{"a":', 100_000, b""),
    "one string of 500 MB": (IN_CELL + b'"', b"x" * 1000, 500_000, b'"}]}'),
    "one string of 50 MB with tabs": (IN_CELL + b'"', b"x\t" * 500, 50_000, b'"}]}'),
    "a million keys in a cell": (HEAD + b"{", b'"k%d":1,', 1_000_000, b'"z":1}]}'),
    "a million keys in the notebook": (b'{"nbformat":4,', b'"k%d":1,', 1_000_000, b'"cells":[]}'),
    "a million keys in the metadata": (b'{"nbformat":4,"cells":[],"metadata":{', b'"k%d":1,', 1_000_000, b'"z":1}}'),
    "a million times the same key": (b'{"nbformat":4,', b'"cells":[],', 1_000_000, b'"cells":[]}'),
    "5 million NaN": (IN_CELL + b"[", b"NaN,", 5_000_000, b"0]}]}"),
    "5 million cells that are NaN": (HEAD, b"NaN,", 5_000_000, b"0]}"),
    "5 million lone surrogates": (IN_CELL + b'"', b"\\ud800", 5_000_000, b'"}]}'),
    "a name of 50 MB": (b'{"nbformat":4,"cells":[],"metadata":{"kernelspec":{"name":"', b"x" * 1000, 50_000, b'"}}}'),
    "an nbformat of 50 MB": (b'{"cells":[],"nbformat":', b"1" * 1000, 50_000, b"}"),
}


def generate(name: str) -> Iterator[bytes]:
    """Yield the body in chunks, so that it is never in memory as a whole."""
    head, unit, count, tail = BODIES[name]
    step = max(1, CHUNK_BYTES // len(unit))
    chunk = unit * step
    yield head
    for first in range(0, count, step):
        units = chunk if first + step <= count else unit * (count - first)
        yield units % tuple(range(first, min(first + step, count))) if b"%d" in unit else units
    yield tail


def limit_memory() -> None:
    """Let this process take `MORE_BYTES` more of anonymous memory than it has now. Only Linux enforces the limit."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        limit = next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) * 1024 + MORE_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main(name: str) -> None:
    """Stage the body, and print the number of its cells or the error."""
    limit_memory()
    try:
        staged = stage(generate(name), "It")
    except NotebookArchiveError as error:
        print(f"{type(error).__name__}: {error}")
    else:
        staged.file.close()
        print(f"{staged.facts.cells} cells")


if __name__ == "__main__":
    main(sys.argv[1])
