"""Mask what Python's JSON accepts and msgspec refuses, so that msgspec can check the rest.

The masked text is as long as the text. It is JSON for msgspec exactly if the text is JSON for Python.
"""

import re
from collections.abc import Iterable, Iterator

# Stand-ins for escaped backslashes and quotes. No byte of them occurs in UTF-8.
_BACKSLASH, _QUOTE = b"\xfe\xfe", b"\xff\xff"
_BOM = b"\xef\xbb\xbf"
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# The same as HIGH(?!LOW)|(?<!HIGH)LOW. With a common start, the search is ten times as fast.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!%b)|(?<!%b\\u[dD])[c-fC-F][0-9a-fA-F]{2})" % (_LOW, _HIGH)
)
_BEGUN_ESCAPE = rb"\\(?:u[0-9a-fA-F]{0,3})?"
# What may go on in the next piece: a pair of surrogates, an escape, or the name of a number. A name must not be sought
# inside an escape, as `dfoo` in `\udddfoo`. So it begins with a character that no escape contains.
_UNFINISHED = re.compile(rb"(?:%b(?:%b)?|%b|-?I[a-z]{0,7}|NaN?|[-N])\Z" % (_HIGH, _BEGUN_ESCAPE, _BEGUN_ESCAPE))
_MAX_UNFINISHED = 11
_CONTROLS = re.compile(rb"[\x00-\x1f]")
_CONTROLS_TO_SPACES = bytes(max(byte, 0x20) for byte in range(256))
# NaN and infinities become objects. Brackets keep `1NaN`, `-NaN` and `{NaN:1}` invalid, and like a number, an object is
# neither an integer nor a list. Only as metadata an object would pass. So masked numbers begin with a tab inside the
# bracket, and every other tab outside strings becomes a space.
MASKED_NUMBER_START = b"{\t"
_NUMBERS = ((b"-Infinity", b"{\t\t\t\t\t\t\t}"), (b"Infinity", b"{\t\t\t\t\t\t}"), (b"NaN", b"{\t}"))


def mask(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the masked text of a UTF-8 text that comes in pieces.

    Masked are a byte order mark, NaN and infinities, and inside strings control characters and lone surrogates. The
    byte order mark must be whole in the first piece.
    """
    in_string, waiting = False, b""
    for number, piece in enumerate(pieces):
        text = waiting + piece
        if number == 0 and text.startswith(_BOM):
            text = b"   " + text.removeprefix(_BOM)
        text = text.replace(b"\\\\", _BACKSLASH).replace(b'\\"', _QUOTE)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _MAX_UNFINISHED))
        waiting = unfinished[0] if unfinished else b""
        text = text[: len(text) - len(waiting)]
        yield _mask_piece(text, in_string=in_string)
        in_string ^= text.count(b'"') % 2 == 1
    yield _mask_piece(waiting, in_string=in_string)


def _mask_piece(text: bytes, *, in_string: bool) -> bytes:
    parts = _LONE_SURROGATE.sub(rb"\\ufffd", text).split(b'"')
    outside, strings = (parts[1::2], parts[0::2]) if in_string else (parts[0::2], parts[1::2])
    if _CONTROLS.search(b"".join(strings)):
        strings = [string.translate(_CONTROLS_TO_SPACES) for string in strings]
    bare = b"".join(outside)
    for original, masked in ((b"\t", b" "), *_NUMBERS):
        if original in bare:
            outside = [part.replace(original, masked) for part in outside]
    parts[0::2], parts[1::2] = (strings, outside) if in_string else (outside, strings)
    return b'"'.join(parts).replace(_BACKSLASH, b"\\\\").replace(_QUOTE, b'\\"')
