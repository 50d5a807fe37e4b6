"""Compare two bodies that may contain the same notebook in different JSON notations."""

import json


def is_same_notebook(one: bytes, other: bytes) -> bool:
    """Return whether two bodies are equal as JSON. The order of keys, indentation and escapes do not matter.

    Both bodies are parsed in memory, so they should be small. Control characters inside strings are allowed, because
    ArcGIS sends them.
    """
    try:
        return bool(json.loads(one, strict=False) == json.loads(other, strict=False))
    except (ValueError, RecursionError):
        return False


def has_same_cells(one: bytes, other: bytes) -> bool:
    """Return whether two notebooks have equal cells, with their outputs and attachments, as `is_same_notebook` does.

    The metadata of the notebooks may differ.
    """
    try:
        return bool(json.loads(one, strict=False)["cells"] == json.loads(other, strict=False)["cells"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
