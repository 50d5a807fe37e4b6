"""Read the times that a person types."""

import re
from datetime import UTC, date, datetime, time, timedelta

import click

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def format_end(text: str, *, utc: bool) -> str:
    """Return a time in UTC, in the form `2026-11-22T22:59:59.999Z`. A day stands for its last moment.

    Days, and times without a zone, are those of the local time zone, or of UTC with `utc`. Raises UsageError.
    """
    try:
        if _DAY.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time()) - timedelta(milliseconds=1)
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC) if utc else moment.astimezone()
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(
            f"--at {text} is neither a day, such as 2026-11-22, nor a time, such as 2026-11-22T06:00."
        ) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
