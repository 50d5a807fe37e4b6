"""Test the metric math of the dashboard with the examples of CloudWatch's documentation."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.metric_math import Series, Window, evaluate
from tests.operations.metrics import Point

START = datetime(2026, 11, 22, tzinfo=UTC)
WINDOW = Window.between(START, START + timedelta(hours=3), 3600)


def series(*values: float | None) -> Series:
    """Return a time series with these values in the periods of the window, or without a value where it is None."""
    return {start: value for start, value in zip(WINDOW.starts, values, strict=True) if value is not None}


METRICS = {
    "metric1": series(30, 20, 0, 0),
    "metric2": series(20, None, 20, None),
    "late": series(None, 5, None, None),
    "empty": series(None, None, None, None),
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 >= 30", series(1, 0, 0, 0)),
        ("metric1 + metric2", series(50, 20, 20, 0)),
        ("metric2 * 2", series(40, None, 40, None)),
        ("IF(metric1 > 15, metric1)", series(30, 20, None, None)),
        ("IF(metric1 > 0, metric2)", series(20, 0, None, None)),
        ("FILL(metric2, REPEAT)", series(20, 20, 20, 20)),
        ("FILL(late, REPEAT)", series(None, 5, 5, 5)),
        ("FILL(empty, REPEAT)", {}),
        ("EPOCH(late) - EPOCH(empty)", series(0, 0, 0, 0)),
        ("FLOOR(metric1 / 8)", series(3, 2, 0, 0)),
        ("TIME_SERIES(3 + 0.5)", series(3.5, 3.5, 3.5, 3.5)),
    ],
)
def test_expression_has_the_documented_result(expression: str, expected: Series) -> None:
    assert evaluate(expression, METRICS.__getitem__, WINDOW) == expected


def test_a_number_is_not_a_result() -> None:
    with pytest.raises(ValueError, match="not a time series"):
        evaluate("1 + 2", METRICS.__getitem__, WINDOW)


def test_unknown_function_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="RATE"):
        evaluate("RATE(metric1)", METRICS.__getitem__, WINDOW)


def test_values_are_aggregated_by_period() -> None:
    points = [
        Point("N", "M", {}, START + timedelta(minutes=minute), value) for minute, value in ((1, 2), (59, 4), (61, 8))
    ]
    assert WINDOW.aggregate(points, "Average") == series(3, 8, None, None)
    week = Window.one_period(START - timedelta(days=1), START + timedelta(days=6))
    assert list(week.aggregate(points, "Sum").values()) == [14]
