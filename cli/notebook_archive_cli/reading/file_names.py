"""Make file names that Linux, macOS and Windows accept."""

import re
import unicodedata

# Maximum number of bytes of a part of a path. File systems allow 255, and Windows 260 characters for a whole path.
MAX_NAME_BYTES = 100
_RESERVED_CHARACTERS = re.compile(r'[<>:"/\\|?*]')
# Windows reserves these names, also with an extension.
_RESERVED_NAMES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|\Z)")


def make_safe_name(text: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a text as a part of a path, at most `max_bytes` long in UTF-8.

    Characters that a file system reserves, or that cannot be printed, become `_`. The name does not begin with a dot or
    a hyphen, and does not end with a dot or a space. It is `untitled` if nothing is left.
    """
    normal = unicodedata.normalize("NFC", text)
    printable = "".join(each if each.isprintable() else "_" for each in normal)
    name = _RESERVED_CHARACTERS.sub("_", printable).encode(errors="replace")[:max_bytes].decode(errors="ignore")
    name = name.strip().rstrip(". ")
    if name.startswith((".", "-", "~")):
        name = f"_{name[1:]}"
    if _RESERVED_NAMES.match(name):
        name = f"_{name[1:]}"
    return name or "untitled"


def find_digits(resource_key: str) -> str:
    """Return all digits of a snapshot's key, or those of the content of a copy or an altered snapshot."""
    stem = resource_key.rpartition("/")[2].removeprefix("snapshot-").rpartition(".")[0]
    return stem.partition(".")[2] or stem.partition("-")[2] or stem
