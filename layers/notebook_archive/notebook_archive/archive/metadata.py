"""What an archived snapshot carries beside its bytes: user metadata, which is the truth, and tags, which are for rules
and cost.

S3 keeps 2 KB of user metadata, counted as the bytes of all names and values, in ASCII (Amazon S3 User Guide, "Working
with object metadata").  Tags allow letters, digits, spaces and ``_ . : / = + - @``, values of up to 256 characters
(API reference, "Tag").
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

METADATA_BYTES = 2048
_MAX_TEXT_BYTES = 600
"""Encoded bytes of any one text, so that title, name and owner fit together."""
CUT = "..."
"""Ends a text that was cut."""
_TAG_VALUE = 256
_NOT_FOR_TAGS = re.compile(r"(?i:\Aaws:)|[^\w \-.:/=+@]")
_SAFE = "!\"#$&'()*+,/:;<=>?@[]^_`{|}~ -."
_NOT_FOR_METADATA = re.compile(r"[\x00-\x1f\x7f]")


def encode_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """Return user metadata for the values, empty ones left out.

    Text beyond ASCII is percent-encoded as UTF-8, as is ``%`` itself, so ``urllib.parse.unquote`` gives it back;
    control characters become spaces.  A text too long is cut between characters and ends in ``...``; the longest is
    cut first, the ids never.
    """
    encoded = {name: _encoded(value, _MAX_TEXT_BYTES) for name, value in values.items()}
    encoded = {name: value for name, value in encoded.items() if value}
    while sum(len(name) + len(value) for name, value in encoded.items()) > METADATA_BYTES:
        longest = max(encoded, key=lambda name: len(encoded[name]))
        encoded[longest] = _encoded(values[longest], len(encoded[longest]) * 3 // 4)
    return encoded


def encode_tags(values: Mapping[str, str]) -> str:
    """Return the ``Tagging`` header for the values, empty ones left out; characters that tags do not have become
    ``_``."""
    fit = {name: _NOT_FOR_TAGS.sub("_", value)[:_TAG_VALUE].strip() for name, value in values.items()}
    return urlencode({name: value for name, value in fit.items() if value}, quote_via=quote, safe="")


def _encoded(text: str, longest: int) -> str:
    plain = _NOT_FOR_METADATA.sub(" ", text).strip()
    whole = quote(plain, safe=_SAFE, errors="replace")
    if len(whole) <= longest:
        return whole
    characters = [quote(character, safe=_SAFE, errors="replace") for character in plain]
    kept, length = 0, len(CUT)
    while length + len(characters[kept]) <= longest:
        length += len(characters[kept])
        kept += 1
    return "".join(characters[:kept]) + CUT
