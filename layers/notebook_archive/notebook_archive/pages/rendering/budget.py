"""What a page may take: bytes, because an answer is limited, and seconds, because somebody waits."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from markupsafe import Markup

from notebook_archive.pages.rendering.pictures import Pictures

SECONDS = 6.0
"""After which Markdown and code are shown as plain text, and HTML is not shown."""
_FRAME = 200
"""Bytes that the template puts around a cell or an output, at most."""
_KEPT = 20_000
"""Bytes that are left for notes when nothing else fits."""
_PICTURES_KEEP = 500_000
"""Bytes that pictures leave for the text after them."""


class Budget:
    """Counts down the bytes of a page."""

    def __init__(self, left: int, clock: Callable[[], float] = monotonic) -> None:
        self.left = left
        self._clock = clock
        self._end = clock() + SECONDS

    @property
    def in_time(self) -> bool:
        """Whether there is time left for what takes time."""
        return self._clock() < self._end

    @property
    def spent(self) -> bool:
        """Whether nothing but a last note fits."""
        return self.left < _KEPT

    def frame(self) -> None:
        """Count what the template puts around a cell, or around an output."""
        self.left -= _FRAME

    def room(self, keep: int = _KEPT) -> int:
        """Return how many bytes a part may have."""
        return self.left - keep

    def pictures(self, attachments: Mapping[str, Any] | None = None) -> Pictures:
        """Return the pictures of a text, for which there is as much room as for others."""
        return Pictures(self.room(_PICTURES_KEEP), attachments)

    def admit(self, part: Markup, what: str = "", amount: int = 0) -> Markup:
        """Return the part, or a note that it is left out because the page is full."""
        return self._admit(part, self.room(), what, amount)

    def admit_picture(self, part: Markup) -> Markup:
        """Return an image, or a note in its place."""
        return self._admit(part, self.room(_PICTURES_KEEP), "Image", len(part) * 3 // 4)

    def _admit(self, part: Markup, room: int, what: str, amount: int) -> Markup:
        taken = len(part) if part.isascii() else len(part.encode())
        if what and taken > room:
            return self.admit(note(f"{what} of {size(amount)} left out: the page is full. The download has all of it."))
        self.left -= taken + 1
        return part


def note(text: str) -> Markup:
    """Return a remark of the page's own."""
    return Markup('<p class="note">{}</p>').format(text)


def size(number: int) -> str:
    """Return a number of bytes or characters as people say it."""
    if number < 1000:
        return f"{number} bytes"
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"
