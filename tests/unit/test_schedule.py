"""Test that the longest and the shortest time between two rotations are calculated from the rotation rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_archive.secret_store import calculate_max_wait, calculate_min_wait

HOUR, DAY = 3600, 24 * 3600


@pytest.mark.parametrize(
    ("expression", "duration", "seconds"),
    [
        # Default rotation windows: one hour for a rate in hours, and until the end of the day for a rate in days.
        ("rate(4 hours)", "", 5 * HOUR),
        ("rate(12 hours)", "", 13 * HOUR),
        ("rate(12 hours)", "3h", 15 * HOUR),
        ("rate(1 day)", "", 2 * DAY),
        ("rate(10 days)", "", 11 * DAY),
        ("rate(10 days)", "2h", 10 * DAY + 2 * HOUR),
        # Examples from the Secrets Manager User Guide, "Rotation schedules".
        ("cron(0 /8 * * ? *)", "", 9 * HOUR),
        ("cron(0 8/8 * * ? *)", "", 17 * HOUR),  # 8:00, 16:00, and the next day 8:00
        ("cron(0 4/12 * * ? *)", "", 13 * HOUR),
        ("cron(0 2/10 * * ? *)", "", 11 * HOUR),  # 2:00, 12:00, 22:00, and the next day 2:00
        ("cron(0 10 * * ? *)", "", DAY + 14 * HOUR),
        ("cron(0 10 * * ? *)", "1h", DAY + HOUR),
        ("cron(0 18 ? * SAT *)", "1h", 7 * DAY + HOUR),
        ("cron(0 8 ? * MON-FRI *)", "1h", 3 * DAY + HOUR),
        ("cron(0 8 ? * 2-6 *)", "1h", 3 * DAY + HOUR),
        ("cron(0 8 1 * ? *)", "1h", 31 * DAY + HOUR),
        ("cron(0 17 L * ? *)", "1h", 31 * DAY + HOUR),
        ("cron(0 16 1,15 * ? *)", "1h", 17 * DAY + HOUR),
        ("cron(0 8 1/7 * ? *)", "1h", 7 * DAY + HOUR),
        ("cron(0 0 ? * SUN#1 *)", "1h", 35 * DAY + HOUR),
        ("cron(0 0 ? * FRIL *)", "1h", 35 * DAY + HOUR),
        ("cron(0 1 ? 1/3 SUN#1 *)", "1h", 98 * DAY + HOUR),
        ("cron(0 0 1 JAN,JUL ? *)", "1h", 184 * DAY + HOUR),
        ("cron(0 0 ? * L *)", "1h", 7 * DAY + HOUR),
        ("cron(0 0 29 2 ? *)", "", 1462 * DAY),
    ],
)
def test_max_wait_includes_the_rotation_window(expression: str, duration: str, seconds: int | None) -> None:
    rules: dict[str, Any] = {"ScheduleExpression": expression}
    assert calculate_max_wait(rules | ({"Duration": duration} if duration else {})) == seconds


def test_days_are_used_if_the_expression_is_invalid() -> None:
    assert calculate_max_wait({"AutomaticallyAfterDays": 1}) == 2 * DAY
    assert calculate_max_wait({"AutomaticallyAfterDays": 7, "ScheduleExpression": "at(noon)"}) == 8 * DAY
    # AWS calculates the days from the expression and rounds them, so the expression is more precise.
    assert calculate_max_wait({"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(4 hours)"}) == 5 * HOUR


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(0 hours)",
        "rate(12 minutes)",
        "rate(-1 days)",
        "rate(many days)",
        "cron(0 25 * * ? *)",
        "cron(0 10 * * ?)",
        "cron(30 10 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * XYZ ? *)",
        "cron(0 10 ? * MON#X *)",
        "cron(0 1/0 * * ? *)",
        "cron(0 20-10 * * ? *)",
        "every day",
    ],
)
def test_invalid_rules_give_no_wait(expression: str) -> None:
    assert calculate_max_wait({"ScheduleExpression": expression}) is None
    assert calculate_max_wait({}) is None
    assert calculate_min_wait(expression) is None


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(4 hours)", 4 * HOUR),
        ("rate(1 day)", DAY),
        ("cron(0 1/8 * * ? *)", 8 * HOUR),
        ("cron(0 0/10 * * ? *)", 4 * HOUR),  # 20:00, and the next day 0:00
        ("cron(0 1,3 * * ? *)", 2 * HOUR),
        ("cron(0 8 1,15 * ? *)", 14 * DAY),
    ],
)
def test_min_wait_is_the_shortest_time_between_windows(expression: str, seconds: int) -> None:
    assert calculate_min_wait(expression) == seconds


@given(st.text("0123456789(),-*/?LW# SUNMOTAcronrate", max_size=40), st.text("0123456789h", max_size=3))
def test_any_expression_gives_a_wait_or_none(expression: str, duration: str) -> None:
    wait = calculate_max_wait({"ScheduleExpression": expression, "Duration": duration})
    assert wait is None or wait > 0
