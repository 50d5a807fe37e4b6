"""Compare metadata and other members of a notebook, a cell or its outputs."""

from collections.abc import Iterator

from msgspec import UNSET

from notebook_archive.notebook.diff.changes import ChangeKind, MetadataChange
from notebook_archive.notebook.diff.content import Members, write_json

# What Jupyter, papermill, Colab, Kaggle and extensions write when somebody runs, opens, folds or scrolls.
RERUN_MEMBERS = frozenset(
    (
        "ExecuteTime",
        "_cell_guid",
        "_uuid",
        "collapsed",
        "execution",
        "executionInfo",
        "heading_collapsed",
        "hidden",
        "id",
        "jupyter",
        "outputId",
        "papermill",
        "prompt_number",
        "scrolled",
        "signature",
        "toc",
        "trusted",
        "varInspector",
        "widgets",
    )
)
MAX_VALUE_CHARACTERS = 500
# Deeper members are compared as one value.
_MAX_LEVELS = 4


def compare_members(before: object, after: object) -> tuple[MetadataChange, ...]:
    """Return the changed members of two objects. A member that is missing is None."""
    earlier, later = {} if before is None else before, {} if after is None else after
    if isinstance(earlier, dict) and isinstance(later, dict):
        return tuple(_compare(earlier, later, ()))
    return () if is_same(earlier, later) else (_make_change(("metadata",), earlier, later),)


def is_same(before: object, after: object) -> bool:
    """Return whether two JSON values are equal. 1 is equal to 1.0, but not to true.

    NaN is equal to itself, because the parser always uses the same one.
    """
    return before is after or (before == after and _has_same_booleans(before, after))


def _has_same_booleans(before: object, after: object) -> bool:
    """Return whether two values that Python takes for equal have their booleans at the same places. 1 is not true."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(_has_same_booleans(value, after[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        # A plot has long lists of numbers.
        types = {*map(type, before), *map(type, after)}
        return types.isdisjoint((bool, dict, list)) or all(map(_has_same_booleans, before, after))
    return isinstance(before, bool) == isinstance(after, bool)


def _compare(before: Members, after: Members, path: tuple[str, ...]) -> Iterator[MetadataChange]:
    for name in dict.fromkeys((*before, *after)):
        earlier, later = before.get(name, UNSET), after.get(name, UNSET)
        if is_same(earlier, later):
            continue
        inner, later_inner = {} if earlier is UNSET else earlier, {} if later is UNSET else later
        is_deep = len(path) < _MAX_LEVELS and bool(inner or later_inner)
        if is_deep and isinstance(inner, dict) and isinstance(later_inner, dict):
            yield from _compare(inner, later_inner, (*path, name))
        else:
            yield _make_change((*path, name), earlier, later)


def _make_change(path: tuple[str, ...], before: object, after: object) -> MetadataChange:
    kind: ChangeKind = "added" if before is UNSET else "removed" if after is UNSET else "changed"
    return MetadataChange(kind, ".".join(path), _cut(before), _cut(after), path[0] in RERUN_MEMBERS)


def _cut(value: object) -> object:
    """Return a value, or its JSON text if it is long or contains NaN. Cut long text. A missing value is None."""
    if value is UNSET:
        return None
    text = value if isinstance(value, str) else write_json(value)
    if len(text) > MAX_VALUE_CHARACTERS:
        return f"{text[:MAX_VALUE_CHARACTERS]}…"
    return text if "NaN" in text or "Infinity" in text else value
