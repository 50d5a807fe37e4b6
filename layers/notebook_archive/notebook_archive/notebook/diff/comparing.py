"""Compare two notebooks."""

from collections.abc import Iterator, Sequence

from notebook_archive.errors import NotANotebook
from notebook_archive.notebook.diff.changes import CellChange, CellKind, NotebookDiff
from notebook_archive.notebook.diff.content import Cell, Notebook, read_notebook, read_outputs
from notebook_archive.notebook.diff.lines import diff_lines
from notebook_archive.notebook.diff.matching import match_cells
from notebook_archive.notebook.diff.members import compare_members, is_same
from notebook_archive.notebook.diff.outputs import compare_attachments, compare_outputs
from notebook_archive.notebook.diff.sequences import Pair, keep_rising


def diff_notebooks(before: bytes, after: bytes) -> NotebookDiff:
    """Return what differs between an earlier and a later body of a notebook.

    Sources and texts may be one string or a list of lines, and the JSON may be written in any way: this is no
    difference. Raises NotANotebook if one of the bodies is not a notebook. The message says which one.
    """
    try:
        earlier, later = _read("earlier", before), _read("later", after)
        return NotebookDiff(
            tuple(_compare_cells(earlier.cells, later.cells)),
            compare_members(earlier.others, later.others) + compare_members(earlier.metadata, later.metadata),
        )
    except RecursionError:
        raise NotANotebook("The notebooks cannot be compared. One has too many levels of brackets.") from None


def _read(which: str, body: bytes) -> Notebook:
    try:
        return read_notebook(body)
    except NotANotebook as error:
        raise NotANotebook(f"The {which} of the two notebooks cannot be compared. {error}") from None


def _compare_cells(before: Sequence[Cell], after: Sequence[Cell]) -> Iterator[CellChange]:
    for i, j, is_moved in _order_cells(len(before), len(after), match_cells(before, after)):
        earlier, later = None if i is None else before[i], None if j is None else after[j]
        yield _compare_cell(i, earlier, j, later, is_moved=is_moved)


def _order_cells(before: int, after: int, pairs: list[Pair]) -> Iterator[tuple[int | None, int | None, bool]]:
    """Yield the indexes of each cell once, in reading order, and whether the cell moved.

    Removed cells come before the added cells and the moved cells at the same place.
    """
    earlier, places = {i for i, _ in pairs}, {j: i for i, j in pairs}
    next_i = next_j = 0
    for i, j in [*keep_rising(pairs), (before, after)]:
        yield from ((removed, None, False) for removed in range(next_i, i) if removed not in earlier)
        yield from ((places.get(each), each, each in places) for each in range(next_j, j))
        if i < before:
            yield i, j, False
        next_i, next_j = i + 1, j + 1


def _compare_cell(
    before_index: int | None, before: Cell | None, after_index: int | None, after: Cell | None, *, is_moved: bool
) -> CellChange:
    earlier, later = before or Cell(), after or Cell()
    outputs, later_outputs = read_outputs(earlier.outputs), read_outputs(later.outputs)
    output_changes = compare_outputs(outputs, later_outputs)
    metadata = compare_members(earlier.metadata, later.metadata) + compare_members(earlier.others, later.others)
    attachments = compare_attachments(earlier.attachments, later.attachments)
    kind: CellKind
    if before is None:
        kind = "added"
    elif after is None:
        kind = "removed"
    elif (
        (before.source, before.cell_type) != (after.source, after.cell_type)
        or attachments
        or not all(change.is_rerun for change in metadata)
    ):
        kind = "changed"
    elif is_moved:
        kind = "moved"
    elif (
        metadata
        or before.id != after.id
        or not is_same(before.count, after.count)
        or not is_same([each.rest for each in outputs], [each.rest for each in later_outputs])
        or output_changes
    ):
        kind = "rerun"
    else:
        kind = "unchanged"
    return CellChange(
        kind,
        before_index,
        after_index,
        before.cell_type if before else None,
        after.cell_type if after else None,
        is_moved,
        _read_count(earlier),
        _read_count(later),
        diff_lines(earlier.source, later.source),
        output_changes,
        metadata,
        attachments,
    )


def _read_count(cell: Cell) -> int | None:
    return cell.count if isinstance(cell.count, int) else None
