"""How long a token has to last: the rules by which Secrets Manager rotates a secret, read."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

HOUR = 3600.0
DAY = 24 * HOUR
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIRST_YEAR, YEARS = 2024, 12
"""Looked through for the longest wait: in twelve years, each month begins with each weekday."""

_RATE = re.compile(r"rate\(\s*([0-9]{1,4}) (hour|day)s?\s*\)")
_CRON = re.compile(r"cron\(\s*0 (\S+) (\S+) (\S+) (\S+) \*\s*\)")


def longest_wait(rules: Mapping[str, Any]) -> float | None:
    """Return the most seconds that lie between two rotations by these rules; None where they do not say.

    ``rules`` is RotationRules as DescribeSecret answers them.  A rotation takes place at any time within its window, so
    the window's length is added to the time between two windows.  The forms are those of the Secrets Manager User
    Guide, "Rotation schedules": minutes are 0 and the year is ``*``.
    """
    expression, hours = str(rules.get("ScheduleExpression") or ""), str(rules.get("Duration") or "").removesuffix("h")
    window = int(hours) * HOUR if hours.isdecimal() else None
    if rate := _RATE.fullmatch(expression):
        by_hour = rate[2] == "hour"
        between = int(rate[1]) * (HOUR if by_hour else DAY)
        return between + (window or (HOUR if by_hour else DAY)) if between else None
    if cron := _CRON.fullmatch(expression):
        try:
            return _longest_of_cron(*cron.groups(), window=window)
        except ValueError:
            return None
    days = rules.get("AutomaticallyAfterDays")  # worked out from the expression by AWS, or given in place of one
    return (days + 1) * DAY if isinstance(days, int) and days > 0 else None


def shortest_wait(expression: str) -> float | None:
    """Return the fewest seconds from one window to the next; None where the expression is of no known form."""
    if rate := _RATE.fullmatch(expression):
        return int(rate[1]) * (HOUR if rate[2] == "hour" else DAY) or None
    cron = _CRON.fullmatch(expression)
    try:
        opened = _opened(*cron.groups()) if cron else []
    except ValueError:
        return None
    return min((later - earlier for earlier, later in pairwise(opened)), default=None)


def _longest_of_cron(hours: str, days: str, months: str, weekdays: str, *, window: float | None) -> float | None:
    opened = _opened(hours, days, months, weekdays)
    if len(opened) < 2:
        return None
    at = sorted(_expand(hours, 0, 23))
    # A schedule in hours has windows of an hour, one in days has them to the end of the day.
    length = window or (HOUR if len(at) > 1 else DAY - at[0] * HOUR)
    return max(later - earlier for earlier, later in pairwise(opened)) + length


def _opened(hours: str, days: str, months: str, weekdays: str) -> list[float]:
    """Return when windows open, in seconds from a day long ago."""
    at = sorted(_expand(hours, 0, 23))
    return [day.toordinal() * DAY + hour * HOUR for day in _days(days, months, weekdays) for hour in at]


def _days(days: str, months: str, weekdays: str) -> Iterator[date]:
    """Yield the days of some years that the expression names."""
    in_months = _expand(months, 1, 12, MONTHS)
    day = date(FIRST_YEAR, 1, 1)
    while day.year < FIRST_YEAR + YEARS:
        if day.month in in_months and _is_day(day, days) and _is_weekday(day, weekdays):
            yield day
        day += timedelta(days=1)


def _is_day(day: date, field: str) -> bool:
    last = (day + timedelta(days=1)).day == 1
    return any(last if part == "L" else day.day in _expand(part, 1, 31) for part in field.split(","))


def _is_weekday(day: date, field: str) -> bool:
    return any(_is_one_weekday(day, part) for part in field.split(","))


def _is_one_weekday(day: date, part: str) -> bool:
    """Sunday is 1.  ``SUN#1`` is the first of a month, ``SUNL`` the last, ``L`` alone a Saturday."""
    number = day.isoweekday() % 7 + 1
    if part == "L":
        return number == 7
    name, hash_sign, nth = part.partition("#")
    if hash_sign:
        return number in _expand(name, 1, 7, WEEKDAYS) and (day.day - 1) // 7 + 1 == int(nth)
    if part.endswith("L"):
        return number in _expand(part[:-1], 1, 7, WEEKDAYS) and (day + timedelta(days=7)).month != day.month
    return number in _expand(part, 1, 7, WEEKDAYS)


def _expand(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """Return the numbers that a field names; raise ValueError where it is of no known form."""

    def number(text: str) -> int:
        value = names.index(text) + 1 if text in names else int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in ("*", "?") or (slash and not span):
            start, end = low, high
        else:
            start = number(first)
            end = number(last) if dash else high if slash else start
        found.update(range(start, end + 1, int(step) if slash else 1))
    return found
