"""Notebooks to measure with: made in pieces, so that one of any size can be written; the same in every run."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from local.arcgis.organisation import RUNTIME
from local.arcgis.sample_notebooks import Cell, as_jupyter, code, markdown, notebook, printed

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


def pieces(kind: Kind, size: int, seed: int = 1) -> Iterator[bytes]:
    """Yield a notebook of `size` bytes or a cell more, as Jupyter writes it."""
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


def body(kind: Kind, size: int, seed: int = 1) -> bytes:
    """Return such a notebook whole."""
    return b"".join(pieces(kind, size, seed))


def write(path: Path, kind: Kind, size: int, seed: int = 1) -> None:
    """Write such a notebook into a file."""
    with path.open("wb") as file:
        file.writelines(pieces(kind, size, seed))


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(4, 14)))


def _source(chance: random.Random) -> list[str]:
    return [
        f'{chance.choice(_WORDS)}_{n} = layer.query(where="{_line(chance)} > {n}")\n'
        for n in range(chance.randint(3, 25))
    ]


def _picture(chance: random.Random) -> Cell:
    """A plot: half of the bytes of the mixture are these."""
    data = base64.b64encode(chance.randbytes(chance.randint(8_000, 80_000))).decode() + "\n"
    output: dict[str, Any] = {"image/png": data, "text/plain": ["<Figure size 1200x800 with 1 Axes>"]}
    shown = {"data": output, "metadata": {"needs_background": "light"}, "output_type": "display_data"}
    return code(_source(chance), shown, count=chance.randint(1, 99))


def _text(chance: random.Random) -> Cell:
    """What a loop printed, a table as HTML and as text, a traceback in colours."""
    lines = [f"{n:>6}\t{_line(chance)}\n" for n in range(chance.randint(20, 400))]
    rows = [
        f'    <tr>\n      <th class="row">{n}</th>\n      <td>{_line(chance)}</td>\n    </tr>\n'
        for n in range(chance.randint(5, 120))
    ]
    table = {"data": {"text/html": rows, "text/plain": lines[:60]}, "metadata": {}, "output_type": "execute_result"}
    trace = [f"\x1b[0;31m{_line(chance)}\x1b[0m in \x1b[0;36m<module>\x1b[1;34m()\x1b[0m" for _ in range(12)]
    error = {"ename": "ValueError", "evalue": _line(chance), "output_type": "error", "traceback": trace}
    outputs = [printed(lines), {**table, "execution_count": 1}, *([error] if chance.random() < 0.2 else [])]
    return code(_source(chance), *outputs, count=chance.randint(1, 99))


def _numbers(chance: random.Random) -> Cell:
    """A chart that carries its data, as plotting libraries for browsers leave it."""
    points = [round(chance.gauss(100, 40), 6) for _ in range(chance.randint(200, 4000))]
    chart = {
        "application/vnd.plotly.v1+json": {"data": [{"type": "scatter", "x": list(range(len(points))), "y": points}]}
    }
    shown = {"data": chart, "metadata": {}, "output_type": "display_data"}
    return code(_source(chance), shown, count=chance.randint(1, 99))


def _mixture(chance: random.Random) -> Cell:
    return chance.choices((_picture, _text, lambda each: markdown(f"## {_line(each)}")), (35, 50, 15))[0](chance)


_CELLS: dict[Kind, Callable[[random.Random], Cell]] = {"mixture": _mixture, "text": _text, "numbers": _numbers}
