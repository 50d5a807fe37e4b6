"""Format times and durations for people."""

from datetime import UTC, datetime

from notebook_archive_cli.terminal.output import format_count

# A duration is given in the first unit that makes its number smaller than the limit.
_UNITS = (("second", 1, 120), ("minute", 60, 120), ("hour", 3_600, 72))
_DAY_SECONDS = 86_400


def format_time(text: str, *, is_utc: bool = False) -> str:
    """Return a time in ISO 8601 as `2026-11-28 05:27 CET`: in the local zone, or in UTC.

    Return a text that is not such a time, or is empty, as it is.
    """
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC if is_utc else None)
    except (OverflowError, ValueError):
        return text
    return f"{moment:%Y-%m-%d %H:%M %Z}"


def format_duration(seconds: float) -> str:
    """Return a duration in one unit, such as `90 seconds`, `2 minutes`, `36 hours` or `12 days`."""
    for unit, length, limit in _UNITS:
        if round(seconds / length) < limit:
            return format_count(round(seconds / length), unit)
    return format_count(round(seconds / _DAY_SECONDS), "day")
