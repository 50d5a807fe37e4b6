"""Generate notebooks of any size for measurements. They are the same in every run."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from local.arcgis.organisation import RUNTIME
from local.arcgis.sample_notebooks import Cell, as_jupyter, code, markdown, notebook, stream_output

type Kind = Literal["mixture", "text", "numbers"]

_WORDS = (
    "flood",
    "river",
    "parcel",
    "layer",
    "height",
    "buffer",
    "gauge",
    "station",
    "raster",
    "Überschwemmung",
    "水位",
)


def generate_pieces(kind: Kind, size: int, seed: int = 1) -> Iterator[bytes]:
    """Yield a notebook in pieces, in the form that Jupyter writes.

    The notebook has at least `size` bytes. It may be longer by less than one cell.
    """
    chance = random.Random(seed)
    head, tail = as_jupyter(notebook(runtime=RUNTIME, minor=5)).split(b"[]", 1)
    yield head + b"["
    written, separator = len(head) + len(tail), b"\n"
    while written < size:
        cell = json.dumps(_CELLS[kind](chance), ensure_ascii=False, indent=1, sort_keys=True)
        text = separator + b"  " + cell.replace("\n", "\n  ").encode()
        separator = b",\n"
        written += len(text)
        yield text
    yield b"\n ]" + tail


def make_body(kind: Kind, size: int, seed: int = 1) -> bytes:
    """Return a notebook of about `size` bytes."""
    return b"".join(generate_pieces(kind, size, seed))


def write_body(path: Path, kind: Kind, size: int, seed: int = 1) -> None:
    """Write a notebook of about `size` bytes into a file."""
    with path.open("wb") as file:
        file.writelines(generate_pieces(kind, size, seed))


def _make_line(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(4, 14)))


def _make_source(chance: random.Random) -> list[str]:
    return [
        f'{chance.choice(_WORDS)}_{n} = layer.query(where="{_make_line(chance)} > {n}")\n'
        for n in range(chance.randint(3, 25))
    ]


def _make_picture(chance: random.Random) -> Cell:
    """Return a cell with a plot. About half of the bytes in a mixture are plots."""
    data = base64.b64encode(chance.randbytes(chance.randint(8_000, 80_000))).decode() + "\n"
    output: dict[str, Any] = {"image/png": data, "text/plain": ["<Figure size 1200x800 with 1 Axes>"]}
    shown = {"data": output, "metadata": {"needs_background": "light"}, "output_type": "display_data"}
    return code(_make_source(chance), shown, count=chance.randint(1, 99))


def _make_text(chance: random.Random) -> Cell:
    """Return a cell with a loop's output, a table as HTML and as text, and sometimes a coloured traceback."""
    lines = [f"{n:>6}\t{_make_line(chance)}\n" for n in range(chance.randint(20, 400))]
    rows = [
        f'    <tr>\n      <th class="row">{n}</th>\n      <td>{_make_line(chance)}</td>\n    </tr>\n'
        for n in range(chance.randint(5, 120))
    ]
    table = {"data": {"text/html": rows, "text/plain": lines[:60]}, "metadata": {}, "output_type": "execute_result"}
    trace = [f"\x1b[0;31m{_make_line(chance)}\x1b[0m in \x1b[0;36m<module>\x1b[1;34m()\x1b[0m" for _ in range(12)]
    error = {"ename": "ValueError", "evalue": _make_line(chance), "output_type": "error", "traceback": trace}
    outputs = [stream_output(lines), {**table, "execution_count": 1}, *([error] if chance.random() < 0.2 else [])]
    return code(_make_source(chance), *outputs, count=chance.randint(1, 99))


def _make_numbers(chance: random.Random) -> Cell:
    """Return a cell with a chart and its data, in the form that plotting libraries for browsers store."""
    points = [round(chance.gauss(100, 40), 6) for _ in range(chance.randint(200, 4000))]
    chart = {
        "application/vnd.plotly.v1+json": {"data": [{"type": "scatter", "x": list(range(len(points))), "y": points}]}
    }
    shown = {"data": chart, "metadata": {}, "output_type": "display_data"}
    return code(_make_source(chance), shown, count=chance.randint(1, 99))


def _make_mixture(chance: random.Random) -> Cell:
    return chance.choices((_make_picture, _make_text, lambda each: markdown(f"## {_make_line(each)}")), (35, 50, 15))[
        0
    ](chance)


_CELLS: dict[Kind, Callable[[random.Random], Cell]] = {
    "mixture": _make_mixture,
    "text": _make_text,
    "numbers": _make_numbers,
}
