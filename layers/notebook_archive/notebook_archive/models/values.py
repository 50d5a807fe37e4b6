"""Parse the strings and numbers that ArcGIS sends. They may be missing, have another type, or be too long."""

import re

from notebook_archive.models.graphemes import cut_text

# Maximum number of characters of a snapshot's name and of a session's strings. A longer string is cut.
MAX_TEXT = 1000
# The end of a string that was cut.
CUT = "..."
# This invisible character is part of many emoji and does not move the cursor.
_ZERO_WIDTH_JOINER = "\u200d"
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_MAX_NUMBER = 10**18


def parse_text(value: object, length: int = MAX_TEXT) -> str:
    """Return a string of at most `length` characters, or an empty string if the value is not a string.

    Lone surrogates are replaced by `?`, because UTF-8 cannot encode them.
    """
    return truncate(value, length).encode(errors="replace").decode() if isinstance(value, str) else ""


def truncate(text: str, length: int) -> str:
    """Return the string. If it has more than `length` code points, it is cut between characters and ends in `...`."""
    return text if len(text) <= length else cut_text(text, length - len(CUT)) + CUT


def replace_unprintable(text: str) -> str:
    """Replace characters that move a cursor or change the direction of text that follows. Return the text."""
    kept = (each if each.isprintable() or each == _ZERO_WIDTH_JOINER else "\N{REPLACEMENT CHARACTER}" for each in text)
    return "".join(kept)


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode a string. JSON may contain lone surrogates, which UTF-8 cannot encode."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def parse_number(value: object) -> int | None:
    """Return the whole part of a number that ArcGIS sends as a number or as a string.

    Return None for other values, for booleans, and for numbers of more than 18 digits.
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
    """Return a time in epoch milliseconds that ArcGIS sends as a number or as a string, or 0 for other values."""
    return parse_number(value) or 0
