"""Test when schedules start something."""

from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_archive_cli.running.schedules import find_due_start, find_next_start


def make_schedule(expression: str, zone: str = "UTC") -> dict[str, Any]:
    return {
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "CreationDate": datetime(2026, 1, 1, 0, 10, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("cron(0 2 * * ? *)", "UTC", "2026-11-28T02:00Z", "2026-11-29T02:00Z"),
        ("cron(0 2 * * ? *)", "Europe/Berlin", "2026-11-28T00:30Z", "2026-11-28T01:00Z"),
        ("cron(0 2 ? * MON-FRI *)", "UTC", "2026-11-28T03:00Z", "2026-11-30T02:00Z"),  # from Saturday to Monday
        ("cron(0 2 ? * 1,7 *)", "UTC", "2026-11-23T03:00Z", "2026-11-28T02:00Z"),
        ("cron(0/20 8-9 1 JAN,jul ? 2027)", "UTC", "2026-11-28T03:00Z", "2027-01-01T08:00Z"),
        ("cron(*/20 8-9 * * ? *)", "UTC", "2026-11-28T08:25Z", "2026-11-28T08:40Z"),
        ("cron(0 2 29 2 ? *)", "UTC", "2026-11-28T03:00Z", "2028-02-29T02:00Z"),
        # The clocks in Berlin skip 02:30 on 2027-03-28, and repeat it on 2026-10-25.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-27T12:00Z", "2027-03-29T00:30Z"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
        ("rate(12 hours)", "UTC", "2026-11-28T02:00Z", "2026-11-28T12:10Z"),
        ("rate(1 day)", "UTC", "2025-11-28T02:00Z", "2026-01-01T00:10Z"),
        ("at(2026-12-01T02:00:00)", "America/New_York", "2026-11-28T02:00Z", "2026-12-01T07:00Z"),
    ],
)
def test_next_start(expression: str, zone: str, after: str, expected: str) -> None:
    found = find_next_start(make_schedule(expression, zone), datetime.fromisoformat(after))
    assert found == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "expression",
    ["cron(0 2 L * ? *)", "cron(0 2 ? * 2#1 *)", "cron(0 2 * *)", "cron(0 2 30 2 ? *)", "at(2026-01-01T02:00:00)", "x"],
)
def test_start_that_is_not_computed_is_none(expression: str) -> None:
    assert find_next_start(make_schedule(expression), datetime(2026, 11, 28, tzinfo=UTC)) is None


def test_start_is_due_after_the_last_start_and_the_last_change() -> None:
    last = datetime(2026, 11, 28, 2, 5, tzinfo=UTC)
    assert find_due_start(make_schedule("rate(6 hours)"), last) == datetime(2026, 11, 28, 8, 5, tzinfo=UTC)
    changed = {"LastModificationDate": datetime(2026, 11, 29, 13, tzinfo=UTC)}
    schedule = make_schedule("cron(0 12 * * ? *)") | changed
    assert find_due_start(schedule, last) == datetime(2026, 11, 30, 12, tzinfo=UTC)
