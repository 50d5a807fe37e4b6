"""Make notebooks, and edit them as people do. Every edit remembers which cell of the original a cell was."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from local.arcgis.organisation import RUNTIME
from local.arcgis.sample_notebooks import Cell, Notebook, code, image_output, markdown, notebook, stream_output

type Edit = Callable[[random.Random, Edited], None]

_NAMES = ("parcels", "rivers", "gauges", "roads", "heights", "basins", "stations", "wells", "towns", "zones")
_LINES = (
    "{0} = gis.content.get('{n:032x}').layers[0]",
    "{0}_table = {0}.query(where='height > {n}').sdf",
    "{0}_map = gis.map('{1}')",
    "{0}_map.add_layer({0}, options={{'opacity': 0.{n}}})",
    "print({0}_table.groupby('{1}').size())",
    "for feature in {0}.query(out_fields='{1}'):",
    "    total += feature.attributes['{1}'] * {n}",
    "{0}_buffer = create_buffers({0}, distances=[{n}], units='Meters')",
    "{0}_table.to_csv('/arcgis/home/{1}_{n}.csv')",
    "import {0}.{1} as {1}",
    "",
)
_TEXTS = (
    "## {0} and {1}",
    "Select the {0} within {n} meters of the {1}.",
    "The result is **not** checked against the {1} of {n}.",
    "- [{0}](https://www.example.com/{1}/{n})",
)


@dataclass
class Edited:
    """A notebook and, for each of its cells, the index of the original cell, or None for a new one."""

    content: Notebook
    origins: list[int | None]

    @property
    def cells(self) -> list[Cell]:
        """The cells of the notebook."""
        cells: list[Cell] = self.content["cells"]
        return cells


def make_original(chance: random.Random, cells: int) -> Notebook:
    """Return a notebook like those that people write in ArcGIS."""
    has_ids = chance.random() < 0.5
    made = [_make_cell(chance) for _ in range(cells)]
    content = notebook(*made, runtime=RUNTIME, minor=5 if has_ids else 2)
    for cell in content["cells"] if has_ids else []:
        cell["id"] = f"{chance.getrandbits(32):08x}"
    return content


def edit(chance: random.Random, original: Notebook, edits: int, kinds: Sequence[Edit]) -> Edited:
    """Return the notebook after some edits of these kinds."""
    content = copy.deepcopy(original)
    edited = Edited(content, [*range(len(content["cells"]))])
    for change in chance.choices(kinds, k=edits):
        change(chance, edited)
    return edited


def as_lists(content: Notebook) -> Notebook:
    """Return the notebook with sources and printed texts as lists of lines, as Jupyter writes them."""
    copied = copy.deepcopy(content)
    for cell in copied["cells"]:
        for holder, name in [(cell, "source"), *((output, "text") for output in cell.get("outputs", ()))]:
            if isinstance(holder.get(name), str):
                holder[name] = holder[name].splitlines(keepends=True)
    return copied


def read_source(cell: Cell) -> str:
    """Return the source of a cell as one text."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _make_line(chance: random.Random, templates: tuple[str, ...]) -> str:
    return chance.choice(templates).format(*chance.sample(_NAMES, 2), n=chance.randrange(1, 999))


def _make_cell(chance: random.Random) -> Cell:
    if chance.random() < 0.3:
        return markdown("\n\n".join(_make_line(chance, _TEXTS) for _ in range(chance.randint(1, 4))))
    source = "\n".join(_make_line(chance, _LINES) for _ in range(chance.choice((0, 1, 1, 2, 4, 8, 15))))
    cell = code(source, count=chance.randint(1, 99))
    _run(chance, cell)
    return cell


def _run(chance: random.Random, cell: Cell) -> None:
    """Give a code cell new results."""
    cell["execution_count"] = chance.randint(1, 999)
    cell["metadata"]["ExecuteTime"] = {"end_time": f"2026-01-01T00:00:{chance.random():.6f}Z"}
    cell["outputs"] = []
    if chance.random() < 0.5:
        cell["outputs"].append(stream_output(f"{chance.random()}\ndone\n"))
    if chance.random() < 0.2:
        cell["outputs"].append(image_output(chance.randint(2, 5), 4, chance.randrange(1000)))


def _insert(chance: random.Random, edited: Edited) -> None:
    place = chance.randint(0, len(edited.cells))
    cell = _make_cell(chance)
    if edited.content["nbformat_minor"] >= 5:
        cell["id"] = f"{chance.getrandbits(32):08x}"
    edited.cells.insert(place, cell)
    edited.origins.insert(place, None)


def _delete(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        place = chance.randrange(len(edited.cells))
        del edited.cells[place], edited.origins[place]


def _delete_several(chance: random.Random, edited: Edited) -> None:
    place = chance.randint(0, len(edited.cells))
    del edited.cells[place : place + 3], edited.origins[place : place + 3]


def _duplicate(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        place = chance.randrange(len(edited.cells))
        cell = {name: value for name, value in copy.deepcopy(edited.cells[place]).items() if name != "id"}
        if edited.content["nbformat_minor"] >= 5:
            cell["id"] = f"{chance.getrandbits(32):08x}"
        edited.cells.insert(place + 1, cell)
        edited.origins.insert(place + 1, None)


def _move(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        place, target = chance.randrange(len(edited.cells)), chance.randrange(len(edited.cells))
        edited.cells.insert(target, edited.cells.pop(place))
        edited.origins.insert(target, edited.origins.pop(place))


def _change_lines(chance: random.Random, edited: Edited) -> None:
    """Change one to three lines of a cell: insert, delete or replace a line, or change a word."""
    if not edited.cells:
        return
    cell = chance.choice(edited.cells)
    templates = _TEXTS if cell["cell_type"] == "markdown" else _LINES
    lines = read_source(cell).split("\n")
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(lines))
        how = chance.randrange(4)
        if how == 0:
            lines.insert(place, _make_line(chance, templates))
        elif how == 1 and len(lines) > 1:
            del lines[place]
        elif how == 2:
            lines[place] = _make_line(chance, templates)
        else:
            words = lines[place].split(" ")
            words[chance.randrange(len(words))] = chance.choice(_NAMES)
            lines[place] = " ".join(words)
    cell["source"] = "\n".join(lines)


def _rewrite(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        chance.choice(edited.cells)["source"] = _make_cell(chance)["source"]


def _split(chance: random.Random, edited: Edited) -> None:
    """Split a cell. The half with more lines counts as the cell."""
    if not edited.cells:
        return
    place = chance.randrange(len(edited.cells))
    cell = edited.cells[place]
    lines = read_source(cell).split("\n")
    if len(lines) > 1:
        cut = chance.randrange(1, len(lines))
        other = {**copy.deepcopy(cell), "source": "\n".join(lines[cut:])}
        if "id" in other:
            other["id"] = f"{chance.getrandbits(32):08x}"
        cell["source"] = "\n".join(lines[:cut])
        edited.cells.insert(place + 1, other)
        edited.origins.insert(place + (1 if cut >= len(lines) - cut else 0), None)


def _merge(chance: random.Random, edited: Edited) -> None:
    if len(edited.cells) > 1:
        place = chance.randrange(len(edited.cells) - 1)
        one, other = edited.cells[place], edited.cells[place + 1]
        is_one_longer = len(one["source"]) >= len(other["source"])
        one["source"] = f"{read_source(one)}\n\n{read_source(other)}"
        del edited.cells[place + 1], edited.origins[place + (1 if is_one_longer else 0)]


def _change_type(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        cell = chance.choice(edited.cells)
        made = markdown(cell["source"]) if cell["cell_type"] == "code" else code(cell["source"])
        kept = {name: cell[name] for name in ("id",) if name in cell}
        cell.clear()
        cell.update(kept | made)


def _run_all(chance: random.Random, edited: Edited) -> None:
    for cell in edited.cells:
        if cell["cell_type"] == "code":
            _run(chance, cell)


def _run_one(chance: random.Random, edited: Edited) -> None:
    cells = [cell for cell in edited.cells if cell["cell_type"] == "code"]
    if cells:
        _run(chance, chance.choice(cells))


def _tag(chance: random.Random, edited: Edited) -> None:
    if edited.cells:
        chance.choice(edited.cells)["metadata"]["tags"] = [chance.choice(_NAMES)]


def _change_kernel(chance: random.Random, edited: Edited) -> None:
    edited.content["metadata"]["kernelspec"] = {"name": chance.choice(_NAMES), "display_name": "Other", "language": "R"}


EDITS: tuple[Edit, ...] = (
    _insert,
    _insert,
    _delete,
    _delete_several,
    _duplicate,
    _move,
    _change_lines,
    _change_lines,
    _change_lines,
    _rewrite,
    _split,
    _merge,
    _change_type,
    _run_all,
    _run_one,
    _tag,
    _change_kernel,
)
# What only running a notebook again does.
RERUNS: tuple[Edit, ...] = (_run_all, _run_one)


def encode(content: Any) -> bytes:
    """Return a notebook as ArcGIS sends it."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
