"""Read the schedules of the stack, and compute when they start something."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A schedule that starts nothing within this many days is reported without a time. Leap days are 8 years apart at most.
_MAX_DAYS = 8 * 366 + 1
_UNIT_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
_AT = re.compile(r"at\((.+)\)")
# `*`, `5`, `MON-FRI`, `0/15`, `*/15`, `1-10/2`.
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")


def find_due_start(schedule: Mapping[str, Any], after: datetime) -> datetime | None:
    """Return when a schedule had to start something after the last start, or None like `find_next_start`.

    The interval of `rate(...)` counts from the last start, because an update of the schedule may move its times.
    """
    changed: datetime = schedule.get("LastModificationDate") or after
    return find_next_start({**schedule, "StartDate": max(after, changed)}, max(after, changed))


def find_next_start(schedule: Mapping[str, Any], after: datetime) -> datetime | None:
    """Return the first time after a moment at which a schedule starts something.

    `schedule` is what EventBridge Scheduler returns for it, with an expression `cron(...)`, `rate(...)` or `at(...)`.
    Return None if there is no such time, or if the expression has a form that is not computed here (`L`, `W`, `#`).
    A local time that the clocks skip in spring starts nothing, and one that they repeat in autumn starts once.
    """
    expression = schedule["ScheduleExpression"]
    try:
        zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
        if match := _RATE.fullmatch(expression):
            first: datetime = schedule.get("StartDate") or schedule["CreationDate"]
            seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
            past = (after - first).total_seconds()
            return first + timedelta(seconds=max(0, math.floor(past / seconds) + 1) * seconds)
        if match := _AT.fullmatch(expression):
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=zone)
            return moment if moment > after else None
        match = _CRON.fullmatch(expression)
        return _find_next_of_cron(match[1].split(), zone, after) if match else None
    except (ValueError, KeyError, ZoneInfoNotFoundError):
        return None


def _find_next_of_cron(fields: Sequence[str], zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the next time of the six fields of a cron expression of AWS, or None.

    Raises ValueError for forms that are not computed here.
    """
    minute, hour, day, month, weekday, year = fields
    times = [
        time(each_hour, each_minute)
        for each_hour in sorted(_read_field(hour, 0, 23))
        for each_minute in sorted(_read_field(minute, 0, 59))
    ]
    months, days, years = _read_field(month, 1, 12, _MONTHS, 1), _read_field(day, 1, 31), _read_field(year, 1970, 2199)
    weekdays = _read_field(weekday, 1, 7, _DAYS, 1)
    first = after.astimezone(zone).date()
    for each in (first + timedelta(days=number) for number in range(_MAX_DAYS)):
        if each.year in years and each.month in months and each.day in days and each.isoweekday() % 7 + 1 in weekdays:
            for moment in (_localize(each, clock, zone) for clock in times):
                if moment and moment > after:
                    return moment
    return None


def _localize(day: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """Return a local time as a moment, or None if the clocks skip it."""
    moment = datetime.combine(day, clock, zone)
    return moment if moment.astimezone(UTC).astimezone(zone).time() == clock else None


def _read_field(text: str, first: int, last: int, names: Sequence[str] = (), offset: int = 0) -> set[int]:
    """Return the numbers that a field of a cron expression selects. `names` begin with the number `offset`."""
    if text == "?":
        return set(range(first, last + 1))
    numbers = {name: number for number, name in enumerate(names, offset)}

    def read(word: str) -> int:
        return numbers[word.upper()] if word.upper() in numbers else int(word)

    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(part)
        begin = first if match[1] == "*" else read(match[1])
        end = read(match[2]) if match[2] else last if match[1] == "*" or match[3] else begin
        found.update(range(begin, end + 1, int(match[3] or 1)))
    return found
