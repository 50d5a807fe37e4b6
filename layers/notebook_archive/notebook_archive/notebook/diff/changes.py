"""What a comparison of two notebooks finds. Texts may contain control characters and escape sequences."""

from collections import Counter
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple

from notebook_archive.models import format_size

type CellKind = Literal["added", "removed", "changed", "moved", "rerun", "unchanged"]
type ChangeKind = Literal["added", "removed", "changed"]


class LineChange(NamedTuple):
    """A line: `kind` is " " if both sides have it, "-" if only the earlier one has it, "+" if only the later one."""

    kind: Literal[" ", "-", "+"]
    text: str


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """A member of the metadata, or any other member that is neither source, output nor attachment.

    `name` is its path, as `kernelspec.name`. `before` and `after` are JSON values, and None if the member is missing.
    If the text of a value has more than 500 characters, they are its beginning. `is_rerun` says whether running the
    notebook, or looking at it, changes this member.
    """

    kind: ChangeKind
    name: str
    before: object
    after: object
    is_rerun: bool


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One form of one output.

    `name` is `stdout`, `stderr`, `error`, or a media type such as `image/png`. `before_index` and `after_index` are
    positions in the cell's outputs, or None. The sizes are those of the decoded image, of the text in UTF-8, or of the
    JSON, in bytes, or None. `lines` are the lines of a text. They are empty for other media types and for long texts.
    """

    kind: ChangeKind
    name: str
    before_index: int | None
    after_index: int | None
    before_bytes: int | None
    after_bytes: int | None
    lines: tuple[LineChange, ...] = ()

    def describe(self) -> str:
        """Return what happened, in words: `image changed (12 kB → 14 kB)`, `stdout added (340 bytes)`."""
        name = "image" if self.name.startswith("image/") else self.name
        return _describe(name, self.kind, self.before_bytes, self.after_bytes)


@dataclass(frozen=True, slots=True)
class AttachmentChange:
    """A file attached to a cell, by its name. The sizes are those of the decoded file, in bytes, or None."""

    kind: ChangeKind
    name: str
    before_bytes: int | None
    after_bytes: int | None

    def describe(self) -> str:
        """Return what happened, in words: `map.png changed (12 kB → 14 kB)`."""
        return _describe(self.name, self.kind, self.before_bytes, self.after_bytes)


@dataclass(frozen=True, slots=True)
class CellChange:
    """What happened to one cell.

    `kind` is the first of these that fits:

    - `added` and `removed`: only one of the notebooks has the cell.
    - `changed`: source, type, attachments or metadata changed. The cell may have moved too.
    - `moved`: the cell is at another place among the cells that both notebooks have.
    - `rerun`: only what running the notebook or looking at it changes: outputs, execution counts, times, folded or
      scrolled state, and ids. A changed result of unchanged source is of this kind too, because results follow from
      source and data. `outputs` has it for those who want to see it.
    - `unchanged`: nothing changed.

    Indexes count from 0 and are None on the side that does not have the cell. `lines` are all lines of the source, of
    every kind of cell: those of kind " " and "-" are the earlier source, joined with line feeds, and those of kind " "
    and "+" are the later one. An empty source has no line.
    """

    kind: CellKind
    before_index: int | None
    after_index: int | None
    before_type: str | None
    after_type: str | None
    is_moved: bool
    before_count: int | None
    after_count: int | None
    lines: tuple[LineChange, ...]
    outputs: tuple[OutputChange, ...]
    metadata: tuple[MetadataChange, ...]
    attachments: tuple[AttachmentChange, ...]

    @property
    def cell_type(self) -> str:
        """The later type, or the earlier one if the cell was removed: `code`, `markdown` or `raw`, usually."""
        return (self.before_type if self.after_type is None else self.after_type) or ""

    @property
    def has_source_change(self) -> bool:
        """Whether a line of the source was added or removed."""
        return any(line.kind != " " for line in self.lines)


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of cells of each kind."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0
    rerun: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class NotebookDiff:
    """The differences of two notebooks.

    `cells` has each cell of both notebooks once, in the order of the later notebook. Removed cells stand where they
    were. `metadata` has the changed members of the notebook's metadata, and `nbformat`.
    """

    cells: tuple[CellChange, ...]
    metadata: tuple[MetadataChange, ...]

    @property
    def counts(self) -> Counts:
        """The number of cells of each kind."""
        numbers: Counter[str] = Counter(cell.kind for cell in self.cells)
        return Counts(**{kind.name: numbers[kind.name] for kind in fields(Counts)})

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.metadata and all(cell.kind == "unchanged" for cell in self.cells)

    @property
    def has_only_rerun_changes(self) -> bool:
        """Whether something differs, but only by what running the notebook or looking at it changes."""
        return (
            not self.is_equal
            and all(change.is_rerun for change in self.metadata)
            and all(cell.kind in ("rerun", "unchanged") for cell in self.cells)
        )

    def to_document(self) -> dict[str, Any]:
        """Return the differences as JSON: `isEqual`, `hasOnlyRerunChanges`, `counts`, `metadata` and `cells`.

        Each cell has `kind`, `before` and `after` (its indexes), `type`, `beforeType`, `afterType`, `isMoved`,
        `beforeExecutionCount`, `afterExecutionCount`, `lines`, `outputs`, `metadata` and `attachments`. All members are
        always there. `lines` are texts that begin with " ", "-" or "+". They are empty for a cell whose source did not
        change.
        """
        return {
            "isEqual": self.is_equal,
            "hasOnlyRerunChanges": self.has_only_rerun_changes,
            "counts": asdict(self.counts),
            "metadata": [_write_metadata(change) for change in self.metadata],
            "cells": [_write_cell(cell) for cell in self.cells],
        }


def _describe(name: str, kind: ChangeKind, *sizes: int | None) -> str:
    return f"{name} {kind} ({' → '.join(format_size(size) for size in sizes if size is not None)})"


def _write_cell(cell: CellChange) -> dict[str, Any]:
    return {
        "kind": cell.kind,
        "before": cell.before_index,
        "after": cell.after_index,
        "type": cell.cell_type,
        "beforeType": cell.before_type,
        "afterType": cell.after_type,
        "isMoved": cell.is_moved,
        "beforeExecutionCount": cell.before_count,
        "afterExecutionCount": cell.after_count,
        "lines": _write_lines(cell.lines) if cell.has_source_change else [],
        "outputs": [_write_output(change) for change in cell.outputs],
        "metadata": [_write_metadata(change) for change in cell.metadata],
        "attachments": [
            {"kind": file.kind, "name": file.name, "beforeBytes": file.before_bytes, "afterBytes": file.after_bytes}
            for file in cell.attachments
        ],
    }


def _write_output(change: OutputChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "before": change.before_index,
        "after": change.after_index,
        "beforeBytes": change.before_bytes,
        "afterBytes": change.after_bytes,
        "lines": _write_lines(change.lines),
    }


def _write_metadata(change: MetadataChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "isRerun": change.is_rerun,
    }


def _write_lines(lines: tuple[LineChange, ...]) -> list[str]:
    return [f"{line.kind}{line.text}" for line in lines]
