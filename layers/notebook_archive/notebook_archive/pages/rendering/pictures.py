"""Pictures that a notebook holds: outputs, attachments, and ``data:`` URLs in its texts."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from notebook_archive.pages.rendering.cells import text_of

RASTER = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""The kinds that are shown as they are, the best first."""
_BEGINNINGS = {"image/png": "iVBORw0KGgo", "image/jpeg": "/9j/", "image/gif": "R0lGOD", "image/webp": "UklGR"}
"""The first bytes of each kind in base64."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SPACE = re.compile(r"[ \t\r\n]+")
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]{20,}={0,2})")
_STAND_IN = re.compile(r"attachment:data-url-([0-9]{1,9})(?![0-9])")


class Pictures:
    """The pictures of one text, by the address under which it speaks of them.

    ``data:`` URLs are taken out of the text before it is parsed, because they may be of megabytes, and put back where
    an image asks for them, as long as there is room.
    """

    def __init__(self, room: int, attachments: Mapping[str, Any] | None = None) -> None:
        self._room = room
        self._attachments = attachments or {}
        self._taken: list[str] = []

    def take_out(self, text: str) -> str:
        """Return the text with stand-ins for its ``data:`` URLs."""
        return _DATA_URL.sub(self._stand_in, text) if "data:image/" in text else text

    def put_back(self, html: str) -> str:
        """Return the HTML with the beginnings of those URLs that turned out to be text and not an image's address."""
        if not self._taken:
            return html
        return _STAND_IN.sub(lambda match: f"{self._url(int(match[1]))[:60]}…", html)

    def __call__(self, source: str) -> str | None:
        """Return the ``data:`` URL for an image's address: empty if there is no room for it, None if it is unknown."""
        if stand_in := _STAND_IN.fullmatch(source):
            url = self._url(int(stand_in[1])) or None
        elif source.startswith("attachment:"):
            url = self._attached(unquote(source.removeprefix("attachment:")))
        else:
            url = None
        if url is None:
            return None
        self._room -= len(url)
        return url if self._room > 0 else ""

    def _stand_in(self, match: re.Match[str]) -> str:
        url = picture_url(match[1], match[2])
        if url is None:
            return match[0][:60]
        self._taken.append(url)
        return f"attachment:data-url-{len(self._taken) - 1}"

    def _url(self, number: int) -> str:
        return self._taken[number] if number < len(self._taken) else ""

    def _attached(self, name: str) -> str | None:
        bundle = self._attachments.get(name)
        if not isinstance(bundle, dict):
            return None
        return next((url for kind in RASTER if (url := picture_url(kind, bundle.get(kind)))), None)


def picture_url(kind: str, value: object) -> str | None:
    """Return a ``data:`` URL for base64 that begins as a picture of that kind does, or None."""
    text = _SPACE.sub("", text_of(value))
    if not text.startswith(_BEGINNINGS[kind]) or not _BASE64.fullmatch(text):
        return None
    return f"data:{kind};base64,{text}"
