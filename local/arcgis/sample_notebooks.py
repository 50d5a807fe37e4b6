"""Functions that build notebooks and cells in the forms that ArcGIS and its users write."""

import base64
import json
import random
import struct
import zlib
from typing import Any

type Cell = dict[str, Any]
type Notebook = dict[str, Any]

PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
R_KERNEL = {"name": "ir", "display_name": "R", "language": "R"}


def markdown(source: str | list[str]) -> Cell:
    """Return a markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str | list[str], *outputs: dict[str, Any], count: int | None = None, **metadata: list[str]) -> Cell:
    """Return a code cell with its outputs. If `count` is None, the cell was never run."""
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {"trusted": True, **metadata},
        "outputs": list(outputs),
        "source": source,
    }


def stream_output(text: str | list[str]) -> dict[str, Any]:
    """Return the output of a cell that printed text."""
    return {"name": "stdout", "output_type": "stream", "text": text}


def image_output(width: int, height: int, seed: int) -> dict[str, Any]:
    """Return output like that of a plotting library: a PNG image with random pixels."""
    data = base64.b64encode(png(width, height, seed)).decode()
    return {"data": {"image/png": data, "text/plain": "<Figure>"}, "metadata": {}, "output_type": "display_data"}


def png(width: int, height: int, seed: int) -> bytes:
    """Return a valid PNG file that hardly compresses. The same arguments always give the same bytes."""
    noise = random.Random(seed)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + noise.randbytes(width * 3) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def notebook(*cells: Cell, kernel: dict[str, str] = PYTHON, runtime: tuple[str, str], minor: int = 2) -> Notebook:
    """Return a notebook of nbformat 4 with the metadata that ArcGIS adds."""
    name, version = runtime
    if minor >= 5:
        cells = tuple({"id": f"cell-{number}", **cell} for number, cell in enumerate(cells))
    return {
        "cells": list(cells),
        "metadata": {
            "esriNotebookRuntime": {"notebookRuntimeName": name, "notebookRuntimeVersion": version},
            "kernelspec": kernel,
            "language_info": {"name": kernel["language"].lower()},
        },
        "nbformat": 4,
        "nbformat_minor": minor,
    }


def as_compact(content: Notebook) -> bytes:
    """Encode a notebook as a web server does: on one line, without escaped characters."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def as_jupyter(content: Notebook) -> bytes:
    """Encode a notebook as Jupyter does: keys sorted, one space of indentation, a newline at the end."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def as_documented(content: Notebook) -> bytes:
    """Encode a notebook like the samples in the documentation: keys in reverse order, characters escaped."""
    reversed_content = dict(reversed(content.items()))
    return json.dumps(reversed_content, indent=2).encode()


def plain(number: int, size: int) -> bytes:
    """Return a notebook of `size` bytes, or of the smallest possible size. Each number gives a different notebook."""
    head = f'{{"cells":[{{"cell_type":"code","execution_count":{number},"metadata":{{}},"outputs":[],"source":"# '
    tail = (
        '"}],"metadata":{"esriNotebookRuntime":{"notebookRuntimeName":"ArcGIS Notebook Python 3 Standard",'
        '"notebookRuntimeVersion":"9.0"},"kernelspec":{"name":"python3","display_name":"Python 3",'
        '"language":"python"}},"nbformat":4,"nbformat_minor":2}'
    )
    filler = f"{number:08d} layer.query(where='height > {number}') \\n"
    room = max(size - len(head) - len(tail), 0)
    text = filler * (room // len(filler))
    return (head + text + "x" * (room - len(text)) + tail).encode()
