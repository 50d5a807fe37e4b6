"""Take the text of a notebook apart without parsing it: find where to cut it, and remove its strings."""

import re
from collections.abc import Iterator

# Maximum bytes of a string in a skeleton. Longer strings are removed. The texts among the facts are shorter.
_MAX_STRING_BYTES = 80
# Maximum closing brackets that are examined to find a cut between cells.
_MAX_CANDIDATES = 500

_BAD_ESCAPE = re.compile(rb"\\[^/bfnrtu]|\\u(?![0-9A-Fa-f]{4})")
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_BETWEEN_CELLS = re.compile(
    rb'\}[ \t\r\n]*,(?=[ \t\r\n]*\{[ \t\r\n]*"(?:attachments|cell_type|execution_count|id|metadata|source)")'
)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_CONTROLS_BLANKED = bytes(max(byte, 0x20) for byte in range(256))
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_RESIDUE = re.compile(rb"([\]}]*)([\[{]*)")
CLOSING = {ord("["): ord("]"), ord("{"): ord("}")}


def find_cuts_between_cells(text: bytes, start: int) -> Iterator[int]:
    """Yield positions from `start` on, after a comma that may separate two cells. The last position comes first."""
    place = len(text)
    for _ in range(_MAX_CANDIDATES):
        place = text.rfind(b"}", start, place)
        if place < 0:
            return
        if match := _BETWEEN_CELLS.match(text, place):
            yield match.end()


def replace_escapes(text: bytes) -> tuple[bytes, bytes] | None:
    """Return the text with harmless escapes, and the incomplete escape at its end, or None if an escape is not JSON's.

    Each escape is replaced by one of the same length that cannot be a quote. So each remaining quote begins or ends
    a string. A backslash outside of a string stays, and the grammar rejects it.
    """
    if b"\\" not in text:
        return text, b""
    text = text.replace(rb"\\", rb"\/").replace(rb"\"", rb"\/")
    cut = _CUT_ESCAPE.search(text, max(0, len(text) - 5))
    text, rest = (text[: cut.start()], text[cut.start() :]) if cut else (text, b"")
    if _BAD_ESCAPE.search(text):
        return None
    return text.replace(rb"\u", rb"\/"), rest


def build_skeleton(parts: list[bytes]) -> tuple[bytes, bytes]:
    """Return the text without its long strings, and its brackets.

    The parts are alternately outside and inside of strings. In short strings, spaces replace control characters.
    Python's NaN and infinities become numbers.
    """
    outside, inside = parts[0::2], parts[1::2]
    bare = b"".join(outside)
    if b"N" in bare or b"I" in bare:
        for literal in (b"-Infinity", b"Infinity", b"NaN"):
            outside = [part.replace(literal, b" 0 ") for part in outside]
    kept = [string if len(string) <= _MAX_STRING_BYTES else b"" for string in inside]
    if _CONTROL.search(b"".join(kept)):
        kept = [string.translate(_CONTROLS_BLANKED) for string in kept]
    joined = [b""] * len(parts)
    joined[0::2], joined[1::2] = outside, kept
    return b'"'.join(joined), bare.translate(None, _NOT_BRACKETS)


def close_brackets(before: bytes, brackets: bytes, max_depth: int) -> bytes | None:
    """Return the containers that are open after the brackets, given those before, or None if they do not match.

    Each round removes at least one level of pairs. If pairs remain after `max_depth` rounds, they do not match.
    """
    for _ in range(max_depth):
        length = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) == length:
            break
    residue, stack = _RESIDUE.fullmatch(brackets), bytearray(before)
    if not residue or any(not stack or CLOSING[stack.pop()] != bracket for bracket in residue[1]):
        return None
    return bytes(stack + residue[2])
