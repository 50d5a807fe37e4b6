"""The deadline of an invocation, and times as text."""

import time
from datetime import UTC, datetime
from typing import Self


class Deadline:
    """The moment until which an operation may wait. In seconds, on the monotonic clock."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def before(cls, remaining_milliseconds: int, reserve_seconds: float) -> Self:
        """Return a deadline that leaves `reserve_seconds` of a Lambda invocation for its last writes."""
        return cls(max(0.0, remaining_milliseconds / 1000 - reserve_seconds))

    def remaining(self) -> float:
        """Return the seconds that are left. The number is negative after the deadline."""
        return self._end - time.monotonic()


def format_moment(milliseconds: int) -> str:
    """Return an epoch time in milliseconds as ISO 8601 in UTC with `Z`.

    Return an empty text for 0 and for times outside of the calendar.
    """
    try:
        text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return ""
    return text.replace("+00:00", "Z") if milliseconds else ""
