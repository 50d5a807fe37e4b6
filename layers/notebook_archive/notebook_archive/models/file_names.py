"""Make file names that Linux, macOS and Windows accept, for downloads and for the command."""

import re
import unicodedata
from urllib.parse import quote

from notebook_archive.models.graphemes import find_boundary, replace_invisible

# Maximum number of bytes of a part of a path. File systems allow 255, and Windows 260 characters for a whole path.
MAX_NAME_BYTES = 100
_RESERVED_CHARACTERS = re.compile(r'[<>:"/\\|?*]')
# Windows reserves these names, also with an extension.
_RESERVED_NAMES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|\Z)")
# Characters that a quoted string in a header should not contain, because browsers read them in different ways.
_NOT_IN_HEADERS = re.compile(r'[^ -~]|["%\\]')
# Characters that RFC 8187 allows without encoding, in addition to letters, digits and `-._~`.
_UNENCODED = "!#$&+^`|"


def make_safe_name(text: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a text as a part of a path, at most `max_bytes` long in UTF-8.

    Characters that a file system reserves, or that cannot be printed, become `_`. The name does not begin with a dot or
    a hyphen, and does not end with a dot or a space. It is `untitled` if nothing is left.
    """
    normal = unicodedata.normalize("NFC", text).encode(errors="replace").decode()
    name = _cut_bytes(_RESERVED_CHARACTERS.sub("_", replace_invisible(normal, "_")), max_bytes)
    name = name.strip().rstrip(". ")
    if name.startswith((".", "-", "~")):
        name = f"_{name[1:]}"
    if _RESERVED_NAMES.match(name):
        name = f"_{name[1:]}"
    return name or "untitled"


def make_download_name(title: str, day: str) -> str:
    """Return the name under which a browser saves a notebook, such as `Flood model 2026-11-22.ipynb`.

    `day` may be empty.
    """
    return f"{' '.join(filter(None, (make_safe_name(title), day)))}.ipynb"


def format_attachment(file_name: str) -> str:
    """Return the header `Content-Disposition` of a download, as RFC 6266 defines it.

    A name that is not plain ASCII is there twice: encoded as RFC 8187 defines it, which all browsers read, and for
    other programs with `_` for each other character. Accents are removed first.
    """
    plain = unicodedata.normalize("NFKD", file_name)
    plain = _NOT_IN_HEADERS.sub("_", "".join(each for each in plain if not unicodedata.combining(each)))
    encoded = "" if plain == file_name else f"; filename*=UTF-8''{quote(file_name, safe=_UNENCODED)}"
    return f'attachment; filename="{plain}"{encoded}'


def find_digits(resource_key: str) -> str:
    """Return all digits of a snapshot's key, or those of the content of a copy or an altered snapshot."""
    stem = resource_key.rpartition("/")[2].removeprefix("snapshot-").rpartition(".")[0]
    return stem.partition(".")[2] or stem.partition("-")[2] or stem


def _cut_bytes(text: str, max_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return text[: find_boundary(text, len(encoded[:max_bytes].decode(errors="ignore")))]
