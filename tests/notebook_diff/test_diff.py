"""Test that a diff accounts for every cell, hides no change, and reads notebooks of any shape in time."""

import json
import random
import time
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.arcgis.content import read
from local.arcgis.sample_items import make_sample_items
from local.arcgis.sample_notebooks import (
    as_documented,
    as_jupyter,
    code,
    image_output,
    markdown,
    png,
    stream_output,
)
from notebook_archive.errors import NotANotebook
from notebook_archive.notebook.diff import CellChange, LineChange, NotebookDiff, OutputChange, diff_notebooks
from notebook_archive.notebook.diff.sequences import MAX_EXACT, _match_longest, match_equal
from tests.notebook_diff.edits import EDITS, RERUNS, as_lists, edit, encode, make_original, read_source

SEEDS = st.integers(0, 2**32)


def diff(before: list[Any], after: list[Any], **members: Any) -> NotebookDiff:
    """Return the differences of two notebooks with these cells. `members` are those of the later notebook."""
    notebook = {"cells": before, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return diff_notebooks(encode(notebook), encode(notebook | {"cells": after} | members))


def diff_cell(before: Any, after: Any) -> CellChange:
    (change,) = diff([before], [after]).cells
    return change


def list_kinds(found: NotebookDiff) -> list[str]:
    return [cell.kind for cell in found.cells]


def join_lines(lines: tuple[LineChange, ...], side: str) -> str:
    return "\n".join(line.text for line in lines if line.kind in (" ", side))


def read_indexes(cells: tuple[CellChange, ...]) -> tuple[list[int], list[int]]:
    before = [cell.before_index for cell in cells if cell.before_index is not None]
    return before, [cell.after_index for cell in cells if cell.after_index is not None]


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    return [read(snapshot.content) for item in make_sample_items() for snapshot in item.snapshots]


# --- What always holds ---


@given(SEEDS, st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=60)
def test_each_cell_is_accounted_for_and_no_source_hidden(seed: int, cells: int, edits: int) -> None:
    chance = random.Random(seed)
    original = make_original(chance, cells)
    edited = edit(chance, original, edits, EDITS)
    found = diff_notebooks(encode(original), encode(edited.content))

    before, after = read_indexes(found.cells)
    assert sorted(before) == [*range(len(original["cells"]))]
    assert after == [*range(len(edited.cells))]
    for cell in found.cells:
        source = "" if cell.before_index is None else read_source(original["cells"][cell.before_index])
        later = "" if cell.after_index is None else read_source(edited.cells[cell.after_index])
        assert (join_lines(cell.lines, "-"), join_lines(cell.lines, "+")) == (source, later)
        assert cell.has_source_change == (source != later)
        if source != later or cell.before_type != cell.after_type:
            assert cell.kind in ("added", "removed", "changed")
        assert (cell.kind == "added") == (cell.before_index is None)
        assert (cell.kind == "removed") == (cell.after_index is None)
    counts = found.to_document()["counts"]
    assert sum(counts.values()) == len(found.cells)
    assert found.is_equal == (original == edited.content)


@given(SEEDS, st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=60)
def test_both_directions_mirror_each_other(seed: int, cells: int, edits: int) -> None:
    chance = random.Random(seed)
    original = make_original(chance, cells)
    later = edit(chance, original, edits, EDITS).content
    there, back = (diff_notebooks(encode(a), encode(b)) for a, b in ((original, later), (later, original)))
    for kind, opposite in (("added", "removed"), ("removed", "added")):
        indexes = [
            cell.before_index if kind == "removed" else cell.after_index for cell in there.cells if cell.kind == kind
        ]
        assert indexes == [
            cell.after_index if kind == "removed" else cell.before_index for cell in back.cells if cell.kind == opposite
        ]
    assert {(cell.before_index, cell.after_index) for cell in there.cells} == {
        (cell.after_index, cell.before_index) for cell in back.cells
    }


@given(SEEDS, st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=50)
def test_rerun_notebook_has_only_rerun_changes(seed: int, cells: int, edits: int) -> None:
    chance = random.Random(seed)
    original = make_original(chance, cells)
    found = diff_notebooks(encode(original), encode(edit(chance, original, edits, RERUNS).content))
    assert set(list_kinds(found)) <= {"rerun", "unchanged"}
    assert found.has_only_rerun_changes == (not found.is_equal)


@given(SEEDS, st.integers(0, 12))
@settings(max_examples=50)
def test_notation_of_a_notebook_is_no_difference(seed: int, cells: int) -> None:
    original = make_original(random.Random(seed), cells)
    lists = as_lists(original)
    for body in (encode(original), as_jupyter(lists), as_documented(lists), b"\xef\xbb\xbf" + encode(lists)):
        found = diff_notebooks(encode(original), body)
        assert found.is_equal
        assert not found.has_only_rerun_changes
        assert set(list_kinds(found)) <= {"unchanged"}


@given(st.text("abcd", max_size=30), st.text("abcd", max_size=30))
@settings(max_examples=100)
def test_matched_items_are_equal_and_in_order(before: str, after: str) -> None:
    pairs = match_equal(before, after)
    assert all(before[i] == after[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
@settings(max_examples=100)
def test_short_parts_get_a_longest_match(before: str, after: str) -> None:
    one, other = before * 2, after * 2
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, j in product(range(len(one)), range(len(other))):
        is_equal = one[i] == other[j]
        lengths[i + 1][j + 1] = lengths[i][j] + 1 if is_equal else max(lengths[i + 1][j], lengths[i][j + 1])
    # A part may have unique items again, at which it is cut.
    assert lengths[-1][-1] * 0.6 <= len(match_equal(one, other)) <= lengths[-1][-1]
    assert len([*_match_longest([*map(ord, one)], [*map(ord, other)])]) == lengths[-1][-1]


def test_samples_are_compared_with_each_other(samples: list[bytes]) -> None:
    readable = 0
    for before, after in pairwise(samples):
        found = diff_notebooks(before, after)
        assert read_indexes(found.cells)[1] == [*range(len(json.loads(after, strict=False)["cells"]))]
        readable += 1
    assert readable > 10


# --- Which cell is which ---


def test_edited_cell_is_found_between_added_and_removed() -> None:
    before = [markdown("# Wells"), code("import arcgis"), code("wells = gis.map('Turin')\nwells"), code("print(1)")]
    after = [
        markdown("# Wells"),
        code("wells = gis.map('Milan')\nwells"),
        code("for well in wells: pass"),
        code("print(1)"),
    ]
    found = diff(before, after)
    assert list_kinds(found) == ["unchanged", "removed", "changed", "added", "unchanged"]
    assert found.cells[2].lines == (
        LineChange("-", "wells = gis.map('Turin')"),
        LineChange("+", "wells = gis.map('Milan')"),
        LineChange(" ", "wells"),
    )


def test_moved_cell_is_one_move() -> None:
    cells = [code(f"step_{number}()") for number in range(6)]
    found = diff(cells, [*cells[1:5], cells[0], cells[5]])
    assert list_kinds(found) == ["unchanged"] * 4 + ["moved", "unchanged"]
    assert (found.cells[4].before_index, found.cells[4].after_index, found.cells[4].is_moved) == (0, 4, True)


def test_cell_that_moved_and_changed_is_found_by_its_id() -> None:
    cells = [{**code(f"step_{number}()"), "id": f"id-{number}"} for number in range(6)]
    found = diff(cells, [*cells[1:], {**cells[0], "source": "something else"}])
    assert list_kinds(found) == ["unchanged"] * 5 + ["changed"]
    assert (found.cells[-1].is_moved, found.cells[-1].before_index) == (True, 0)


@pytest.mark.parametrize("identity", [{"id": "same"}, {"id": None}, {"id": 7}, {"id": ""}])
def test_ids_that_are_no_ids_match_nothing(identity: dict[str, Any]) -> None:
    before = [{**code("alpha = 1"), **identity}, {**code("beta.gamma()"), **identity}]
    found = diff(before, [{**code("%load_ext other"), **identity}, {**code("!ls"), **identity}])
    assert list_kinds(found) == ["removed", "removed", "added", "added"]


def test_empty_cells_hold_no_neighbors_apart() -> None:
    before = [code("roads = gis.content.get('a')\nroads"), code("")]
    after = [code(""), code("roads = gis.content.get('b')\nroads")]
    assert diff(before, after).counts.changed == 1


# --- What changed in a cell ---


def test_change_of_type_is_a_change() -> None:
    change = diff_cell(markdown("# Wells"), code("# Wells"))
    assert (change.kind, change.before_type, change.after_type, change.cell_type) == (
        "changed",
        "markdown",
        "code",
        "code",
    )
    assert not change.has_source_change


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("execution_count", 7),
        ("id", "other"),
        ("metadata", {"papermill": {"duration": 1}}),
        ("metadata", {"ExecuteTime": {"end_time": "2026-01-01T00:00:00Z"}, "scrolled": True}),
        ("metadata", {"jupyter": {"outputs_hidden": True}}),
        ("outputs", [stream_output("2\n")]),
        ("outputs", [{**stream_output("1\n"), "metadata": {}}]),
    ],
)
def test_what_a_rerun_changes_is_of_its_own_kind(member: str, value: object) -> None:
    cell = {**code("x", stream_output("1\n"), count=1), "metadata": {}, "id": "one"}
    change = diff_cell(cell, {**cell, member: value})
    assert change.kind == "rerun"
    assert all(each.is_rerun for each in change.metadata)


@pytest.mark.parametrize(
    ("member", "value", "name"),
    [
        ("metadata", {"tags": ["parameters"]}, "tags"),
        ("metadata", {"slideshow": {"slide_type": "skip"}}, "slideshow.slide_type"),
        ("metadata", [], "metadata"),
        ("input", "print(1)", "input"),
    ],
)
def test_other_members_are_changes(member: str, value: object, name: str) -> None:
    cell = {**code("x"), "metadata": {"trusted": True}}
    change = diff_cell(cell, {**cell, member: value})
    assert change.kind == "changed"
    assert name in [each.name for each in change.metadata]


def test_new_result_of_unchanged_source_is_kept() -> None:
    change = diff_cell(code("x", stream_output("a\nb\n"), count=1), code("x", stream_output(["a\n", "c\n"]), count=2))
    (output,) = change.outputs
    assert (change.kind, change.before_count, change.after_count) == ("rerun", 1, 2)
    assert (output.kind, output.name, output.before_index, output.after_index) == ("changed", "stdout", 0, 0)
    assert [line for line in output.lines if line.kind != " "] == [("-", "b"), ("+", "c")]


def test_image_change_has_the_sizes_of_the_files() -> None:
    small, large = image_output(60, 60, 1), image_output(70, 70, 2)
    (output,) = diff_cell(code("plot()", small), code("plot()", large)).outputs
    assert (output.name, output.before_bytes, output.after_bytes) == (
        "image/png",
        len(png(60, 60, 1)),
        len(png(70, 70, 2)),
    )
    assert output.describe() == "image changed (11 kB → 15 kB)"
    wrapped = {
        **small,
        "data": {
            **small["data"],
            "image/png": [small["data"]["image/png"][:80] + "\n", small["data"]["image/png"][80:]],
        },
    }
    assert diff_cell(code("plot()", small), code("plot()", wrapped)).kind == "unchanged"


def test_outputs_are_matched_by_content() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["at 1", "at 2"]}
    change = diff_cell(code("x", stream_output("1\n"), error), code("x", image_output(2, 2, 1), stream_output("1\n")))
    assert [(each.kind, each.name, each.before_index, each.after_index) for each in change.outputs] == [
        ("added", "image/png", None, 0),
        ("added", "text/plain", None, 0),
        ("removed", "error", 1, None),
    ]
    assert [line.text for line in change.outputs[2].lines] == ["E: v", "at 1", "at 2"]


@pytest.mark.parametrize(
    "output", [{"output_type": "update", "text": "%s"}, {"data": {}, "text": "%s"}, {**stream_output("%s"), "id": 1}]
)
def test_no_member_of_an_output_is_left_out(output: dict[str, Any]) -> None:
    cells = [code("x", {name: value % n if value == "%s" else value for name, value in output.items()}) for n in "12"]
    assert diff_cell(*cells).kind == "rerun"


def test_numbers_are_not_booleans() -> None:
    plots = [{"data": {"application/json": {"a": [value, 2]}}, "metadata": {"a": value}} for value in (1, True, 1.0)]
    assert diff_cell(code("x", plots[0]), code("x", plots[1])).kind == "rerun"
    assert diff_cell(code("x", plots[0]), code("x", plots[2])).kind == "unchanged"
    assert diff([], [], metadata={"a": 1}).metadata


def test_pieces_of_a_stream_are_one_text() -> None:
    change = diff_cell(code("x", stream_output("a\n"), stream_output("b\n")), code("x", stream_output("a\nb\n")))
    assert change.kind == "unchanged"


def test_attachments_are_compared_by_name() -> None:
    cell = {**markdown("![](a.png)"), "attachments": {"a.png": {"image/png": "QUJD"}}}
    change = diff_cell(
        cell, {**cell, "attachments": {"a.png": {"image/png": "QUJDRA=="}, "b.png": {"image/png": "QQ=="}}}
    )
    assert change.kind == "changed"
    assert [file.describe() for file in change.attachments] == [
        "a.png changed (3 bytes → 4 bytes)",
        "b.png added (1 byte)",
    ]


def test_metadata_of_the_notebook_is_compared() -> None:
    metadata = {"kernelspec": {"name": "ir", "argv": "x" * 1000}, "widgets": {"state": {}}}
    found = diff([], [], metadata=metadata, nbformat_minor=4)
    assert [(each.kind, each.name, each.after, each.is_rerun) for each in found.metadata] == [
        ("changed", "nbformat_minor", 4, False),
        ("added", "kernelspec.name", "ir", False),
        ("added", "kernelspec.argv", "x" * 500 + "…", False),
        ("added", "widgets.state", {}, True),
    ]
    assert not found.has_only_rerun_changes
    assert not found.is_equal


# --- The document ---


def test_document_has_every_difference() -> None:
    cells = [code("a", stream_output("1\n")), markdown("gone")]
    found = diff(cells, [code("a", stream_output("2\n"), count=3), code("new\nlines")], metadata={"title": "Wells"})
    document = found.to_document()
    assert json.loads(json.dumps(document)) == document
    assert document["counts"] == {"added": 1, "removed": 1, "changed": 0, "moved": 0, "rerun": 1, "unchanged": 0}
    assert (document["isEqual"], document["hasOnlyRerunChanges"]) == (False, False)
    assert document["metadata"] == [
        {"kind": "added", "name": "title", "before": None, "after": "Wells", "isRerun": False}
    ]
    rerun, removed, added = document["cells"]
    assert (rerun["kind"], rerun["before"], rerun["after"], rerun["lines"]) == ("rerun", 0, 0, [])
    assert rerun["outputs"] == [
        {
            "kind": "changed",
            "name": "stdout",
            "before": 0,
            "after": 0,
            "beforeBytes": 2,
            "afterBytes": 2,
            "lines": ["-1", "+2", " "],
        }
    ]
    assert (removed["kind"], removed["before"], removed["after"], removed["lines"]) == ("removed", 1, None, ["-gone"])
    assert (added["type"], added["lines"]) == ("code", ["+new", "+lines"])


def test_document_is_json_also_with_values_that_are_not() -> None:
    metadata = {"a": float("nan"), "b": [float("inf")], "c": "NaN", "d": 1.5, "e": None}
    document = diff([], [], metadata=metadata).to_document()
    assert [each["after"] for each in document["metadata"]] == ["NaN", "[Infinity]", "NaN", 1.5, None]
    assert json.dumps(document, allow_nan=False)


def test_sizes_have_a_unit() -> None:
    sizes = [
        OutputChange("added", "text/html", None, 0, None, size).describe() for size in (1, 999, 999_400, 2_450_000)
    ]
    assert sizes == [f"text/html added ({size})" for size in ("1 byte", "999 bytes", "999 kB", "2.5 MB")]


# --- Bodies that nobody should send ---


def test_body_that_is_not_a_notebook_is_named() -> None:
    notebook = encode({"cells": [], "nbformat": 4})
    with pytest.raises(NotANotebook, match="The earlier of the two notebooks"):
        diff_notebooks(b"[]", notebook)
    with pytest.raises(NotANotebook, match="The later of the two notebooks"):
        diff_notebooks(notebook, encode({"worksheets": [{"cells": []}], "nbformat": 3}))


ODD_CELLS: list[Any] = [
    7, None, "text", [], {}, {"source": None}, {"source": 5}, {"source": ["a", 5]}, {"cell_type": None, "metadata": 1},
    {"cell_type": ["code"], "metadata": [], "source": "x"}, {"cell_type": "heading", "level": 2, "source": "x"},
    {"outputs": 5}, {"outputs": [5, None, {}, {"data": 5}, {"output_type": "stream", "name": None, "text": {}}]},
    {"outputs": [{"output_type": "error"}, {"data": {"image/png": 5, "text/plain": ["a", 1], "x/y+json": None}}]},
    {"attachments": 5}, {"attachments": {"a": 5, "b": {"image/png": None}}}, {"execution_count": "5"},
    {"cell_type": "code", "input": "print(1)", "prompt_number": 3, "language": "python"},
]  # fmt: skip


@pytest.mark.parametrize("cell", ODD_CELLS, ids=repr)
def test_cells_of_any_shape_are_compared(cell: Any) -> None:
    assert diff([cell], [cell]).is_equal
    assert not diff([cell], [code("print(1)")]).is_equal
    assert json.dumps(diff([cell, {}], [code("print(1)"), cell]).to_document())
    for other in ODD_CELLS:
        assert diff([cell], [other]).is_equal == (cell == other), other


def test_what_only_python_reads_is_compared() -> None:
    body = (
        b'{"cells":[{"source":"a\t\\ud800","outputs":[{"data":{"x":NaN,"text/plain":"\\udc00"}}]}],"nbformat":4,"n":%d}'
    )
    assert diff_notebooks(body % 1, body % 1).is_equal
    found = diff_notebooks(body % 1, (body % 2).replace(b"NaN", b"Infinity"))
    assert found.metadata[0].name == "n"
    assert found.cells[0].outputs[0].name == "x"
    long = body.replace(b"%d", b"1" * 5000)
    assert diff_notebooks(long, long).is_equal


def test_deep_brackets_are_refused_or_compared() -> None:
    for levels in (100, 900, 3000, 30_000):
        one, other = (
            b'{"nbformat":4,"cells":[{"outputs":[%b%d%b]}]}' % (b"[" * levels, n, b"]" * levels) for n in (1, 2)
        )
        try:
            assert list_kinds(diff_notebooks(one, other)) == ["rerun"]
        except NotANotebook:
            assert levels > 900


LINES = [f"line {number} of the cell with some more words" for number in range(30_000)]


def choose(seed: int, items: str, count: int) -> list[str]:
    return random.Random(seed).choices(items.split(), k=count)


NUMBERS = " ".join(map(str, range(2000)))
HOSTILE: dict[str, Callable[[int], list[Any]]] = {
    "equal cells": lambda side: [code(f"{side}"), *[code("x")] * (5000 + side), code(f"{side}")],
    "different cells": lambda side: [code(f"a{side}{n} = {n}") for n in range(3000)],
    "two sources": lambda side: [code(each) for each in choose(side, "a b", 5000)],
    "reversed cells": lambda side: [code(f"a{n}") for n in range(5000)][:: 1 - 2 * side],
    "cells of the same words": lambda side: [code(" ".join(choose(n + side, NUMBERS, 60))) for n in range(0, 1200, 2)],
    "empty cells": lambda side: [{}] * (10_000 + side),
    "reversed lines": lambda side: [code("\n".join(LINES[:: 1 - 2 * side]))],
    "two lines": lambda side: [code("\n".join(["x"] * 300 + choose(side, "a b", 30_000)))],
    "long lines": lambda side: [code("x" * 5_000_000 + f"{side}")],
    "outputs": lambda side: [code("x", *(image_output(1, 1, n % 50 + side) for n in range(2000 + side)))],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_notebooks_take_little_time(name: str) -> None:
    before, after = (encode({"metadata": {}, "nbformat": 4, "cells": HOSTILE[name](side)}) for side in (0, 1))
    started = time.process_time()
    diff_notebooks(before, after)
    # The slowest takes half a second on a quiet machine. A method that takes quadratic time needs minutes.
    assert time.process_time() - started < 10


def test_time_of_an_exact_match_is_bounded() -> None:
    chance = random.Random(1)
    before, after = ([chance.randrange(3) for _ in range(MAX_EXACT)] for _ in range(2))
    started = time.process_time()
    match_equal(before, after)
    assert time.process_time() - started < 2
