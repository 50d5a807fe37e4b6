"""The limits of a page: bytes, because a response has a maximum size, and seconds, because a person waits."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from markupsafe import Markup

from notebook_archive.models import format_size
from notebook_archive.pages.rendering.images import Images

# After this time, Markdown and code are shown as plain text, and HTML is not shown.
RENDER_SECONDS = 6.0
# Maximum number of bytes that the template puts around a cell or an output.
_FRAME_BYTES = 200
# Bytes reserved for notes when nothing else fits.
_NOTE_BYTES = 20_000
# Bytes that images may not use, so that the text after them fits.
_TEXT_BYTES = 500_000


class Budget:
    """The bytes and the time that are left for a page."""

    def __init__(self, left: int, clock: Callable[[], float] = monotonic) -> None:
        self.left = left
        self._clock = clock
        self._end = clock() + RENDER_SECONDS

    @property
    def has_time(self) -> bool:
        """True if there is time left for slow rendering."""
        return self._clock() < self._end

    @property
    def is_full(self) -> bool:
        """True if only a last note fits."""
        return self.left < _NOTE_BYTES

    def count_frame(self) -> None:
        """Count the bytes that the template puts around a cell or an output."""
        self.left -= _FRAME_BYTES

    def get_room(self, reserve: int = _NOTE_BYTES) -> int:
        """Return how many bytes a part may have."""
        return self.left - reserve

    def make_images(self, attachments: Mapping[str, Any] | None = None) -> Images:
        """Return the images of a text. They may use the bytes that are left for images."""
        return Images(self.get_room(_TEXT_BYTES), attachments)

    def add(self, part: Markup, what: str = "", amount: int = 0) -> Markup:
        """Count a part and return it, or a note that it was left out because the page is full."""
        return self._add(part, self.get_room(), what, amount)

    def add_image(self, part: Markup) -> Markup:
        """Count an image and return it, or a note in its place."""
        return self._add(part, self.get_room(_TEXT_BYTES), "Image", len(part) * 3 // 4)

    def _add(self, part: Markup, room: int, what: str, amount: int) -> Markup:
        taken = len(part) if part.isascii() else len(part.encode())
        if what and taken > room:
            return self.add(
                make_note(f"{what} of {format_size(amount)} left out: the page is full. The download has all of it.")
            )
        self.left -= taken + 1
        return part


def make_note(text: str) -> Markup:
    """Return a note that the page shows in place of a part."""
    return Markup('<p class="note">{}</p>').format(text)
