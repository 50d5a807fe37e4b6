"""Compare two bodies that may contain the same notebook in different JSON notations."""

import json
from typing import Any


def is_same_notebook(one: bytes, other: bytes) -> bool:
    """Return whether two bodies are equal as JSON. The order of keys, indentation and escapes do not matter.

    The number 1 is equal to 1.0, because JSON writers choose between the two, but not to true. Both bodies are parsed
    in memory, so they should be small. Control characters inside strings are allowed, because ArcGIS sends them.
    """
    try:
        return _normalize(_parse(one)) == _normalize(_parse(other))
    except (ValueError, RecursionError):
        return False


def has_same_cells(one: bytes, other: bytes) -> bool:
    """Return whether two notebooks have equal cells, with their outputs and attachments, as `is_same_notebook` does.

    The metadata of the notebooks may differ.
    """
    try:
        return _normalize(_parse(one)["cells"]) == _normalize(_parse(other)["cells"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def _parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(body, strict=False, parse_float=_parse_float)


def _parse_float(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _normalize(value: object) -> str:
    """Return the JSON of a value in one notation. Python's own comparison would take 1 and true for equal."""
    return json.dumps(value, sort_keys=True)
