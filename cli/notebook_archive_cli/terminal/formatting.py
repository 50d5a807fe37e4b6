"""Write tables and facts as text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from notebook_archive_cli.terminal.output import UNLIMITED_WIDTH, replace_unprintable

GAP = "  "
_DOT = " · "
_CUT = "…"
# Maximum width of a column in a pipe or a file, where texts are not cut.
MAX_PADDED_WIDTH = 46


def join_facts(facts: Iterable[str], width: int) -> str:
    """Return the facts that are not empty, with dots between them. The last are left out if the line is too narrow."""
    kept = list(filter(None, facts))
    while len(kept) > 1 and _measure(_DOT.join(kept)) > width:
        kept.pop()
    return _DOT.join(kept)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, with a text for each row.

    If the table is too wide, texts are first cut to `min_width`, unless that is 0. Then columns are left out: the one
    with the highest `rank` first, and never one with the rank 0.
    """

    name: str
    texts: Sequence[str]
    rank: int = 0
    min_width: int = 0
    is_right: bool = False

    @property
    def width(self) -> int:
        """The width of the widest text, in cells of a terminal."""
        return max(_measure(self.name), *map(_measure, self.texts)) if self.texts else _measure(self.name)

    @property
    def smallest_width(self) -> int:
        """The width that the column needs at least."""
        return min(self.width, max(self.min_width, _measure(self.name))) if self.min_width else self.width


def format_table(columns: Sequence[Column], width: int) -> str:
    """Return a table as lines of at most `width` cells, without a line feed at the end.

    Without a limit, a text longer than MAX_PADDED_WIDTH moves the rest of its line to the right, and only that.

    Large tables are fast: a table of 100,000 rows takes about a second. rich's would take most of a minute.
    """
    clean = [replace(each, texts=[*map(_clean, each.texts)]) for each in columns]
    while sum(each.smallest_width for each in clean) + len(GAP) * (len(clean) - 1) > width:
        last = max(clean, key=lambda each: each.rank)
        if last.rank == 0:
            break
        clean.remove(last)
    is_unlimited = width >= UNLIMITED_WIDTH
    widths = [min(each.width, MAX_PADDED_WIDTH) if is_unlimited else each.width for each in clean]
    excess = sum(widths) + len(GAP) * (len(clean) - 1) - width
    for number, each in enumerate(clean):
        cut = max(0, min(excess, widths[number] - each.smallest_width))
        widths[number] -= cut
        excess -= cut
    cells = [
        [_fit(text, size, is_right=each.is_right, is_cut=not is_unlimited) for text in (each.name, *each.texts)]
        for each, size in zip(clean, widths, strict=True)
    ]
    return "\n".join(GAP.join(row).rstrip() for row in zip(*cells, strict=True))


def _clean(text: str) -> str:
    return text if text.isprintable() else replace_unprintable(text)


def _measure(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fit(text: str, width: int, *, is_right: bool, is_cut: bool) -> str:
    """Return a text of this width. A longer text is cut if `is_cut` is true."""
    if is_cut and _measure(text) > width:
        from rich.cells import set_cell_size

        text = set_cell_size(text, width - 1).rstrip() + _CUT
    padding = " " * (width - _measure(text))
    return padding + text if is_right else text + padding
