"""Compare two texts line by line."""

from notebook_archive.notebook.diff.changes import LineChange
from notebook_archive.notebook.diff.sequences import match_equal


def diff_lines(before: str, after: str) -> tuple[LineChange, ...]:
    """Return all lines of both texts, each once. An empty text has no lines.

    Only line feeds end a line, so the texts can be put together again from the lines.
    """
    earlier, later = _split(before), _split(after)
    if before == after:
        return tuple([LineChange(" ", line) for line in earlier])
    lines: list[LineChange] = []
    i = j = 0
    for next_i, next_j in match_equal(earlier, later):
        if next_i > i or next_j > j:
            lines += _make_changes(earlier[i:next_i], later[j:next_j])
        lines.append(LineChange(" ", earlier[next_i]))
        i, j = next_i + 1, next_j + 1
    lines += _make_changes(earlier[i:], later[j:])
    return tuple(lines)


def _make_changes(removed: list[str], added: list[str]) -> list[LineChange]:
    return [*(LineChange("-", line) for line in removed), *(LineChange("+", line) for line in added)]


def _split(text: str) -> list[str]:
    """Return the lines without their line feeds."""
    return text.split("\n") if text else []
