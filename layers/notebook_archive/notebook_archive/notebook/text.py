"""A notebook's text, taken apart without being parsed: where it may be cut, and what is left without its strings."""

import re
from collections.abc import Iterator

_KEPT = 80
"""Bytes; longer strings leave the skeleton.  The names among the facts are shorter."""
_LOOKS = 500
"""Closing brackets looked at for a cut between cells."""

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


def cuts_between_cells(text: bytes, start: int) -> Iterator[int]:
    """Yield the places after a comma that may stand between two cells, the last first, from ``start`` on."""
    place = len(text)
    for _ in range(_LOOKS):
        place = text.rfind(b"}", start, place)
        if place < 0:
            return
        if match := _BETWEEN_CELLS.match(text, place):
            yield match.end()


def plain_escapes(text: bytes) -> tuple[bytes, bytes] | None:
    """Return the text with plain escapes, and the end of it that is the beginning of one; None if one is none of
    JSON's.

    Each is replaced by one of the same length that means nothing here, so the quotes that are left are the strings'
    own. Outside of strings a backslash stays, which the grammar refuses.
    """
    if b"\\" not in text:
        return text, b""
    text = text.replace(rb"\\", rb"\/").replace(rb"\"", rb"\/")
    cut = _CUT_ESCAPE.search(text, max(0, len(text) - 5))
    text, rest = (text[: cut.start()], text[cut.start() :]) if cut else (text, b"")
    if _BAD_ESCAPE.search(text):
        return None
    return text.replace(rb"\u", rb"\/"), rest


def skeleton(parts: list[bytes]) -> tuple[bytes, bytes]:
    """Return the text whose parts stand outside and inside of strings in turn, without what is inside, and its
    brackets.

    Short strings stay, with control characters blanked.  Python's NaN and infinities become numbers.
    """
    outside, inside = parts[0::2], parts[1::2]
    bare = b"".join(outside)
    if b"N" in bare or b"I" in bare:
        for literal in (b"-Infinity", b"Infinity", b"NaN"):
            outside = [part.replace(literal, b" 0 ") for part in outside]
    kept = [string if len(string) <= _KEPT else b"" for string in inside]
    if _CONTROL.search(b"".join(kept)):
        kept = [string.translate(_CONTROLS_BLANKED) for string in kept]
    joined = [b""] * len(parts)
    joined[0::2], joined[1::2] = outside, kept
    return b'"'.join(joined), bare.translate(None, _NOT_BRACKETS)


def still_open(before: bytes, brackets: bytes, deepest: int) -> bytes | None:
    """Return the containers that are open after the brackets, given those before; None where they do not match.

    Each turn takes a level away, so of brackets nested deeper than ``deepest`` more are left than that.
    """
    for _ in range(deepest):
        length = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) == length:
            break
    residue, stack = _RESIDUE.fullmatch(brackets), bytearray(before)
    if not residue or any(not stack or CLOSING[stack.pop()] != bracket for bracket in residue[1]):
        return None
    return bytes(stack + residue[2])
