"""Compare two bodies that may be the same notebook, written differently."""

import json


def is_same_notebook(one: bytes, other: bytes) -> bool:
    """Return whether two bodies are equal as JSON, in spite of the order of keys, indentation and escapes.

    Both are read whole, so they should be small. Control characters inside strings are allowed, because ArcGIS sends
    them.
    """
    try:
        return bool(json.loads(one, strict=False) == json.loads(other, strict=False))
    except (ValueError, RecursionError):
        return False
