"""The images of a notebook: outputs, attachments, and `data:` URLs in its texts."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from notebook_archive.notebook.cells import join_text

# The image types that are shown unchanged, in order of preference.
RASTER_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# The first bytes of each type in base64.
_SIGNATURES = {"image/png": "iVBORw0KGgo", "image/jpeg": "/9j/", "image/gif": "R0lGOD", "image/webp": "UklGR"}
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SPACE = re.compile(r"[ \t\r\n]+")
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]{20,}={0,2})")
_PLACEHOLDER = re.compile(r"attachment:data-url-([0-9]{1,9})(?![0-9])")


class Images:
    """The images of one text. Each image is found by its address in the text.

    `data:` URLs may be megabytes long, so placeholders replace them before the text is parsed. The URL is put back if
    an image uses its placeholder and the page has enough bytes left.
    """

    def __init__(self, room: int, attachments: Mapping[str, Any] | None = None) -> None:
        self._room = room
        self._attachments = attachments or {}
        self._urls: list[str] = []

    def extract_data_urls(self, text: str) -> str:
        """Return the text with placeholders for its `data:` URLs."""
        return _DATA_URL.sub(self._replace_data_url, text) if "data:image/" in text else text

    def restore_text(self, html: str) -> str:
        """Replace each placeholder that is not the address of an image with the beginning of its URL."""
        if not self._urls:
            return html
        return _PLACEHOLDER.sub(lambda match: f"{self._get_url(int(match[1]))[:60]}…", html)

    def find_url(self, source: str) -> str | None:
        """Return the `data:` URL for an image's address.

        Returns an empty string if the image does not fit, or None if the address is unknown.
        """
        if placeholder := _PLACEHOLDER.fullmatch(source):
            url = self._get_url(int(placeholder[1])) or None
        elif source.startswith("attachment:"):
            url = self._find_attachment(unquote(source.removeprefix("attachment:")))
        else:
            url = None
        if url is None:
            return None
        self._room -= len(url)
        return url if self._room > 0 else ""

    def _replace_data_url(self, match: re.Match[str]) -> str:
        url = make_data_url(match[1], match[2])
        if url is None:
            return match[0][:60]
        self._urls.append(url)
        return f"attachment:data-url-{len(self._urls) - 1}"

    def _get_url(self, number: int) -> str:
        return self._urls[number] if number < len(self._urls) else ""

    def _find_attachment(self, name: str) -> str | None:
        bundle = self._attachments.get(name)
        if not isinstance(bundle, dict):
            return None
        return next((url for kind in RASTER_TYPES if (url := make_data_url(kind, bundle.get(kind)))), None)


def make_data_url(kind: str, value: object) -> str | None:
    """Return a `data:` URL, or None if the value is not base64 that begins like an image of this type."""
    text = _SPACE.sub("", join_text(value))
    if not text.startswith(_SIGNATURES[kind]) or not _BASE64.fullmatch(text):
        return None
    return f"data:{kind};base64,{text}"
