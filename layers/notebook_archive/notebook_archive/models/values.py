"""Parse the texts and numbers that ArcGIS sends, which may be missing, of another type, or too long."""

import re

# Maximum characters of a snapshot's name and of a session's texts; the rest is cut.
MAX_TEXT = 1000
# Ends a text that was cut.
CUT = "..."
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_MAX_NUMBER = 10**18


def parse_text(value: object, length: int = MAX_TEXT) -> str:
    """Return a text of at most `length` characters, or an empty text if the value is not a text.

    Halves of surrogate pairs cannot be encoded, so they become `?`.
    """
    return truncate(value, length).encode(errors="replace").decode() if isinstance(value, str) else ""


def truncate(text: str, length: int) -> str:
    """Return the text, or its beginning and `...` if it has more characters than `length`."""
    return text if len(text) <= length else text[: length - len(CUT)] + CUT


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded: JSON may hold halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def parse_number(value: object) -> int | None:
    """Return a whole number that ArcGIS sends as a number or as text, or None.

    Fractions are cut off. Numbers of more than 18 digits are None, and so are booleans.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value.partition(".")[0])
    if isinstance(value, int | float) and not isinstance(value, bool) and -_MAX_NUMBER < value < _MAX_NUMBER:
        return int(value)  # a comparison with NaN is false
    return None


def parse_count(value: object) -> int | None:
    """Return a number of bytes or entries, or None if the value is not a number or is negative."""
    number = parse_number(value)
    return number if number is not None and number >= 0 else None


def parse_epoch_milliseconds(value: object) -> int:
    """Return a time that ArcGIS sends as a number or as text, in epoch milliseconds; 0 for anything else."""
    return parse_number(value) or 0
