"""Calculate the time between two rotations from a secret's rotation rules."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

HOUR = 3600.0
DAY = 24 * HOUR
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# The years that are searched for the longest and the shortest wait. In twelve years, each month begins at least once
# with each weekday.
FIRST_YEAR, YEARS = 2024, 12

_RATE = re.compile(r"rate\(\s*([0-9]{1,4}) (hour|day)s?\s*\)")
_CRON = re.compile(r"cron\(\s*0 (\S+) (\S+) (\S+) (\S+) \*\s*\)")


def calculate_max_wait(rules: Mapping[str, Any]) -> float | None:
    """Return the maximum number of seconds between two rotations, or None if the rules do not define it.

    `rules` are the RotationRules that DescribeSecret returns. A rotation takes place at any time within its window, so
    the window's length is added to the time between the starts of two windows. The Secrets Manager User Guide describes
    the accepted expressions in "Rotation schedules". In a cron expression, the minutes are 0 and the year is `*`.
    """
    expression, hours = str(rules.get("ScheduleExpression") or ""), str(rules.get("Duration") or "").removesuffix("h")
    window = int(hours) * HOUR if hours.isdecimal() else None
    if rate := _RATE.fullmatch(expression):
        by_hour = rate[2] == "hour"
        between = int(rate[1]) * (HOUR if by_hour else DAY)
        return between + (window or (HOUR if by_hour else DAY)) if between else None
    if cron := _CRON.fullmatch(expression):
        try:
            return _calculate_cron_wait(*cron.groups(), window=window)
        except ValueError:
            return None
    days = rules.get("AutomaticallyAfterDays")  # set instead of an expression, or calculated from it by AWS
    return (days + 1) * DAY if isinstance(days, int) and days > 0 else None


def calculate_min_wait(expression: str) -> float | None:
    """Return the minimum number of seconds between the starts of two windows.

    Return None if the expression has an unknown form.
    """
    if rate := _RATE.fullmatch(expression):
        return int(rate[1]) * (HOUR if rate[2] == "hour" else DAY) or None
    cron = _CRON.fullmatch(expression)
    try:
        starts = _list_window_starts(*cron.groups()) if cron else []
    except ValueError:
        return None
    return min((later - earlier for earlier, later in pairwise(starts)), default=None)


def _calculate_cron_wait(hours: str, days: str, months: str, weekdays: str, *, window: float | None) -> float | None:
    starts = _list_window_starts(hours, days, months, weekdays)
    if len(starts) < 2:
        return None
    at = sorted(_expand(hours, 0, 23))
    # If no duration is set, the window is one hour for a schedule in hours. For a schedule in days, it ends with the
    # day.
    length = window or (HOUR if len(at) > 1 else DAY - at[0] * HOUR)
    return max(later - earlier for earlier, later in pairwise(starts)) + length


def _list_window_starts(hours: str, days: str, months: str, weekdays: str) -> list[float]:
    """Return the start times of all windows, in seconds since day 0 of `date.toordinal`."""
    at = sorted(_expand(hours, 0, 23))
    return [day.toordinal() * DAY + hour * HOUR for day in _list_days(days, months, weekdays) for hour in at]


def _list_days(days: str, months: str, weekdays: str) -> Iterator[date]:
    """Yield the days of the searched years that match the fields."""
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
    """Return whether the day matches one part of the weekday field.

    Sunday is 1. `SUN#1` is the first Sunday of a month, and `SUNL` is the last. `L` alone is Saturday.
    """
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
    """Return the numbers that a field names. Raises ValueError if the field has an unknown form."""

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
