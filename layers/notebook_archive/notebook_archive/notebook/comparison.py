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
