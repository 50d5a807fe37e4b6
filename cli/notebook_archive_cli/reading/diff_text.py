"""Show the differences of two versions in a terminal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from notebook_archive.models import format_size
from notebook_archive.notebook.diff import CellChange, LineChange, MetadataChange, NotebookDiff
from notebook_archive_cli.reading.notebook_text import make_safe_line
from notebook_archive_cli.terminal.formatting import join_facts
from notebook_archive_cli.terminal.output import format_count, replace_unprintable
from notebook_archive_cli.terminal.units import format_time

# Number of unchanged lines that are shown before and after changed ones.
CONTEXT_LINES = 3
# In longer lines, the words that changed are not searched.
MAX_EMPHASIS_CHARACTERS = 400
# Lines that have less in common than this are shown without emphasis.
_MIN_LIKENESS = 0.4
MAX_VALUE_CHARACTERS = 60
_WORDS = re.compile(r"\w+|\s+|.")
_MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "rerun": "=", "unchanged": " "}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan", "rerun": "dim", "unchanged": "dim"}
_LINE_STYLES = {"+": "green", "-": "red", " ": "dim"}
_INDENT = "    "


def render_diff(
    diff: NotebookDiff, before: Mapping[str, Any], after: Mapping[str, Any], width: int, *, has_reruns: bool, utc: bool
) -> Iterator[RenderableType]:
    """Yield the differences cell by cell, and a summary. `has_reruns` includes what only a rerun changed."""
    yield from _render_header(before, after, width, utc=utc)
    metadata = [change for change in diff.metadata if has_reruns or not change.is_rerun]
    if metadata:
        yield ""
        yield Text("~ notebook metadata", style=_STYLES["changed"], no_wrap=True)
        yield from _render_metadata(metadata, has_reruns=has_reruns)
    shown = () if diff.is_equal else diff.cells
    for is_folded, cells in groupby(shown, lambda cell: _is_folded(cell, has_reruns=has_reruns)):
        yield ""
        if is_folded:
            yield Text(_describe_folded([*cells]), style="dim", no_wrap=True)
            continue
        for number, cell in enumerate(cells):
            if number:
                yield ""
            yield from _render_cell(cell, has_reruns=has_reruns)
    yield ""
    yield from render_summary(diff, has_reruns=has_reruns)


def render_stat(
    diff: NotebookDiff, before: Mapping[str, Any], after: Mapping[str, Any], width: int, *, has_reruns: bool, utc: bool
) -> Iterator[RenderableType]:
    """Yield which versions are compared, and the summary."""
    yield from _render_header(before, after, width, utc=utc)
    yield from render_summary(diff, has_reruns=has_reruns)


def render_summary(diff: NotebookDiff, *, has_reruns: bool) -> Iterator[str]:
    """Yield how many cells differ, and what is hidden."""
    counts = diff.counts
    if diff.is_equal:
        yield f"The versions are equal ({format_count(counts.unchanged, 'cell')})."
        return
    if diff.has_only_rerun_changes:
        yield "Only a rerun differs: no source changed."
    named = {
        "added": counts.added,
        "removed": counts.removed,
        "changed": counts.changed,
        "moved": counts.moved,
        "rerun": counts.rerun if has_reruns else 0,
    }
    parts = [f"{number:,} {name}" for name, number in named.items() if number]
    unchanged = counts.unchanged + (0 if has_reruns else counts.rerun)
    yield f"Cells: {', '.join([*parts, f'{unchanged:,} unchanged'])}."
    hidden = [format_count(counts.rerun, "cell")] if counts.rerun else []
    hidden += ["the notebook's metadata"] if any(change.is_rerun for change in diff.metadata) else []
    if hidden and not has_reruns:
        yield f"Hidden: what only a rerun changed, in {' and '.join(hidden)}. --all shows it."


def _render_header(
    before: Mapping[str, Any], after: Mapping[str, Any], width: int, *, utc: bool
) -> Iterator[RenderableType]:
    titles = list(dict.fromkeys((before["title"] or before["itemId"], after["title"] or after["itemId"])))
    yield Text(replace_unprintable(" → ".join(titles)), style="bold", no_wrap=True)
    for mark, version in (("-", before), ("+", after)):
        facts = (
            format_time(version["contentAt"], is_utc=utc),
            format_size(version["bytes"]),
            replace_unprintable(version["name"]),
            version["resourceKey"],
        )
        yield Text(f"{mark} {join_facts(facts, width - 2)}", style=_LINE_STYLES[mark], no_wrap=True)


def _is_folded(cell: CellChange, *, has_reruns: bool) -> bool:
    return cell.kind == "unchanged" or (cell.kind == "rerun" and not has_reruns)


def _describe_folded(cells: Sequence[CellChange]) -> str:
    rerun = sum(cell.kind == "rerun" for cell in cells)
    note = f", {rerun:,} of them run again" if rerun else ""
    return f"  … {format_count(len(cells), 'cell')} unchanged{note}"


def _render_cell(cell: CellChange, *, has_reruns: bool) -> Iterator[RenderableType]:
    yield Text(f"{_MARKS[cell.kind]} {_describe_cell(cell)}", style=_STYLES[cell.kind], no_wrap=True)
    if cell.has_source_change:
        yield from _render_lines(cell.lines)
    elif cell.kind == "moved" and cell.lines:
        yield Text(f"{_INDENT}  {make_safe_line(cell.lines[0].text)}", style="dim", no_wrap=True)
    changes = [change.describe() for change in cell.attachments]
    if cell.kind != "moved" or has_reruns:
        changes += [change.describe() for change in cell.outputs]
    for text in changes:
        yield f"{_INDENT}{replace_unprintable(text)}"
    if cell.kind in ("changed", "moved", "rerun"):
        yield from _render_metadata(cell.metadata, has_reruns=has_reruns)


def _describe_cell(cell: CellChange) -> str:
    index = cell.before_index if cell.after_index is None else cell.after_index
    types = list(dict.fromkeys(filter(None, (cell.before_type, cell.after_type))))
    kind = str(cell.kind) if cell.kind != "rerun" else "run again"
    moved = f", moved from [{cell.before_index + 1}]" if cell.is_moved and cell.before_index is not None else ""
    if cell.kind == "moved":
        kind, moved = moved.removeprefix(", "), ""
    return f"[{(index or 0) + 1}] {replace_unprintable(' → '.join(types))[:60]} {kind}{moved}"


def _render_metadata(changes: Sequence[MetadataChange], *, has_reruns: bool) -> Iterator[RenderableType]:
    for change in changes:
        if change.is_rerun and not has_reruns:
            continue
        values = [_format_value(value) for value in (change.before, change.after) if value is not None]
        yield f"{_INDENT}{replace_unprintable(change.name)} {change.kind}: {' → '.join(values)}"


def _format_value(value: object) -> str:
    text = replace_unprintable(value if isinstance(value, str) else repr(value))
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def _render_lines(lines: Sequence[LineChange]) -> Iterator[RenderableType]:
    """Yield the changed lines with some lines around them, and how many lines are left out between."""
    changed = [number for number, line in enumerate(lines) if line.kind != " "]
    shown = {
        number
        for at in changed
        for number in range(max(0, at - CONTEXT_LINES), min(len(lines), at + CONTEXT_LINES + 1))
    }
    for is_shown, numbers in groupby(range(len(lines)), shown.__contains__):
        found = [lines[number] for number in numbers]
        if is_shown:
            yield from _render_shown_lines(found)
        else:
            yield Text(f"{_INDENT}… {format_count(len(found), 'line')} unchanged", style="dim", no_wrap=True)


def _render_shown_lines(lines: Sequence[LineChange]) -> Iterator[Text]:
    """Yield the lines. In as many removed as added lines, the words that changed are emphasized."""
    blocks = [(kind, [*group]) for kind, group in groupby(lines, lambda line: line.kind)]
    for number, (kind, block) in enumerate(blocks):
        other_kind = {"-": "+", "+": "-"}.get(kind)
        neighbor = number + 1 if kind == "-" else number - 1
        other = blocks[neighbor][1] if 0 <= neighbor < len(blocks) and blocks[neighbor][0] == other_kind else []
        for place, line in enumerate(block):
            pair = other[place].text if len(other) == len(block) else ""
            yield _make_line(line, pair)


def _make_line(line: LineChange, pair: str) -> Text:
    shown = make_safe_line(line.text)
    text = Text(f"{_INDENT}{line.kind} ", style=_LINE_STYLES[line.kind], no_wrap=True)
    if not pair or max(len(shown), len(pair)) > MAX_EMPHASIS_CHARACTERS:
        return text.append(shown)
    words, others = _WORDS.findall(shown), _WORDS.findall(make_safe_line(pair))
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    if matcher.ratio() < _MIN_LIKENESS:
        return text.append(shown)
    for tag, start, end, _, _ in matcher.get_opcodes():
        text.append("".join(words[start:end]), style="" if tag == "equal" else "reverse")
    return text
