"""Time: the deadline of an invocation, and moments as text."""

import time
from datetime import UTC, datetime
from typing import Self


class Deadline:
    """A moment after which no more waiting is done.  Seconds, on the monotonic clock."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def before(cls, remaining_milliseconds: int, reserve_seconds: float) -> Self:
        """Return a deadline that leaves ``reserve_seconds`` of a Lambda invocation's remaining time for its last
        writes."""
        return cls(max(0.0, remaining_milliseconds / 1000 - reserve_seconds))

    def remaining(self) -> float:
        """Return the seconds that are left, negative once it has passed."""
        return self._end - time.monotonic()


def format_moment(milliseconds: int) -> str:
    """Return an epoch time in milliseconds as ISO 8601 in UTC with ``Z``, empty for 0 and for times that no calendar
    has."""
    try:
        text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return ""
    return text.replace("+00:00", "Z") if milliseconds else ""
