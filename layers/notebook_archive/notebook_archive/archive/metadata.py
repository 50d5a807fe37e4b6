"""Encode the user metadata and the tags of an archived object, and decode the metadata.

The metadata describes the object and is authoritative. The tags are for lifecycle rules, permissions and costs.

S3 stores up to 2 KB of user metadata. All names and values count, and they must be ASCII (Amazon S3 User Guide,
"Working with object metadata"). Tags may contain letters, digits, spaces and `_ . : / = + - @`. A tag's value may have
up to 256 characters (API reference, "Tag").
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

MAX_METADATA_BYTES = 2048
# Maximum number of encoded bytes of one value, so that title, name and owner fit together.
_MAX_TEXT_BYTES = 600
# The end of a value that was cut.
CUT = "..."
_MAX_TAG_LENGTH = 256
_NOT_FOR_TAGS = re.compile(r"(?i:\Aaws:)|[^\w \-.:/=+@]")
_SAFE = "!\"#$&'()*+,/:;<=>?@[]^_`{|}~ -."
_NOT_FOR_METADATA = re.compile(r"[\x00-\x1f\x7f]")


def encode_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """Return user metadata for the values. Empty values are omitted.

    `%` and characters outside ASCII are percent-encoded as UTF-8, so `decode_metadata` restores the value. Control
    characters become spaces. A value that is too long is cut between characters and ends in `...`. If all values
    together are too long, the longest is cut first. Ids are short, so they are never cut.
    """
    encoded = {name: _encode_text(value, _MAX_TEXT_BYTES) for name, value in values.items()}
    encoded = {name: value for name, value in encoded.items() if value}
    while sum(len(name) + len(value) for name, value in encoded.items()) > MAX_METADATA_BYTES:
        longest = max(encoded, key=lambda name: len(encoded[name]))
        encoded[longest] = _encode_text(values[longest], len(encoded[longest]) * 3 // 4)
    return encoded


def decode_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the values that `encode_metadata` encoded, as far as they were kept."""
    return {name: unquote(value) for name, value in metadata.items()}


def encode_tags(values: Mapping[str, str]) -> str:
    """Return the `Tagging` header for the values. Empty values are omitted.

    Characters that tags may not contain become `_`.
    """
    allowed = {name: _NOT_FOR_TAGS.sub("_", value)[:_MAX_TAG_LENGTH].strip() for name, value in values.items()}
    return urlencode({name: value for name, value in allowed.items() if value}, quote_via=quote, safe="")


def _encode_text(text: str, max_bytes: int) -> str:
    plain = _NOT_FOR_METADATA.sub(" ", text).strip()
    whole = quote(plain, safe=_SAFE, errors="replace")
    if len(whole) <= max_bytes:
        return whole
    characters = [quote(character, safe=_SAFE, errors="replace") for character in plain]
    kept, length = 0, len(CUT)
    while length + len(characters[kept]) <= max_bytes:
        length += len(characters[kept])
        kept += 1
    return "".join(characters[:kept]) + CUT
