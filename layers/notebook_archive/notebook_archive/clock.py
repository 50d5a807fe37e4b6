"""Define the deadline of an invocation, and format times."""

import time
from datetime import UTC, datetime
from typing import Self


class Deadline:
    """The time at which an operation must stop waiting. It is measured in seconds on the monotonic clock."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def before(cls, remaining_milliseconds: int, reserve_seconds: float) -> Self:
        """Return a deadline that is `reserve_seconds` before the end of a Lambda invocation.

        The function needs the reserved seconds for its last writes.
        """
        return cls(max(0.0, remaining_milliseconds / 1000 - reserve_seconds))

    def remaining(self) -> float:
        """Return the number of seconds until the deadline. It is negative after the deadline."""
        return self._end - time.monotonic()


def format_moment(milliseconds: int) -> str:
    """Return an epoch time in milliseconds as ISO 8601 in UTC with `Z`.

    Return an empty string for 0 and for times that `datetime` cannot represent.
    """
    try:
        text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return ""
    return text.replace("+00:00", "Z") if milliseconds else ""
