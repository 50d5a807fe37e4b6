"""Test that alarms are evaluated as CloudWatch documents it, with the examples of its documentation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.evaluator import (
    Alarm,
    State,
    StateChange,
    Treatment,
    decide_state,
    describe_change,
    evaluate_alarms,
    read_alarms,
)
from tests.operations.metrics import Point
from tests.template.rendered import EVERYTHING, render

_START = datetime(2026, 11, 29, tzinfo=UTC)
_ALARM = Alarm(
    "CpuAlarm", "-", "AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}, "Average", timedelta(minutes=5), 3, 3, 50.0,
    "GreaterThanThreshold", "missing",
)  # fmt: skip
_TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
# A state that no evaluation returns, so that it shows that the old one was kept.
_KEPT: State = "KEPT"  # type: ignore[assignment]
_INSUFFICIENT: State = "INSUFFICIENT_DATA"


def _read(drawn: str) -> list[float | None]:
    """Return data points that are drawn as in CloudWatch's documentation, the newest at the right."""
    return [{"0": 0.0, "X": 100.0, "-": None}[each] for each in drawn.split()]


# The tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html. The alarm
# has three evaluation periods, and CloudWatch retrieves five data points. The states are those of `missing`, `ignore`,
# `breaching` and `notBreaching`.
@pytest.mark.parametrize(
    ("drawn", "to_alarm", "states"),
    [
        ("0 - X - X", 3, ("OK", "OK", "OK", "OK")),
        ("0 - - - -", 3, ("OK", "OK", "OK", "OK")),
        ("- - - - -", 3, (_INSUFFICIENT, _KEPT, "ALARM", "OK")),
        ("0 X X - X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", 3, ("ALARM", _KEPT, "ALARM", "OK")),
        ("0 - X - X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", 2, ("ALARM", _KEPT, "ALARM", "OK")),
        # From the section about premature transitions: the next data point may be good.
        ("- - - - X", 3, (_INSUFFICIENT, _KEPT, "ALARM", "OK")),
        ("- - - X -", 3, (_INSUFFICIENT, _KEPT, "ALARM", "OK")),
        ("- - - X 0", 3, ("OK", "OK", "OK", "OK")),
    ],
)
def test_documented_example_has_its_state(drawn: str, to_alarm: int, states: Sequence[State]) -> None:
    for treatment, expected in zip(_TREATMENTS, states, strict=True):
        alarm = replace(_ALARM, to_alarm=to_alarm, missing=treatment)
        assert decide_state(alarm, _read(drawn), _KEPT) == expected, treatment


def test_last_row_of_premature_example_for_breaching() -> None:
    """One data point and two that are filled in are three, so this alarm starts although the newest one is good."""
    assert decide_state(replace(_ALARM, to_alarm=2, missing="breaching"), _read("- - - X 0"), "OK") == "ALARM"


def test_alarm_starts_and_ends_as_in_the_documented_graph() -> None:
    """Three of three periods: it starts after three values above the threshold, and a single one starts nothing."""
    values = [1, 1, 4, 4, 5, 2, 2, 2, 4, 2]
    alarm = replace(_ALARM, threshold=3.0, period=timedelta(minutes=1))
    points = [_point(alarm, number, value) for number, value in enumerate(values)]
    assert _evaluate(alarm, points, minutes=10) == [("OK", 1), ("ALARM", 5), ("OK", 6)]


def test_periods_end_at_the_minute_of_the_evaluation() -> None:
    """In the documented event, a period of five minutes begins at 16:59, so values of 17:01 and 16:59 are in it."""
    alarm = replace(_ALARM, statistic="Sum", threshold=1.5, periods=1, to_alarm=1, missing="notBreaching")
    points = [_point(alarm, 9, 1), _point(alarm, 11, 1)]
    assert _evaluate(alarm, points, minutes=15, extra=0) == [("OK", 0), ("ALARM", 12), ("OK", 15)]


def test_long_period_can_go_off_twice_for_one_failure() -> None:
    """CloudWatch evaluates the last data points again after the metric has stopped, as it documents in a note."""
    alarm = replace(_ALARM, statistic="Sum", threshold=0.5, periods=1, to_alarm=1, missing="notBreaching")
    points = [_point(alarm, 0, 1), _point(alarm, 3, 0)]
    assert [state for state, _ in _evaluate(alarm, points)] == ["OK", "ALARM", "OK", "ALARM", "OK", "ALARM", "OK"]
    by_minute = replace(alarm, period=timedelta(minutes=1), periods=15)
    assert [state for state, _ in _evaluate(by_minute, points)] == ["OK", "ALARM", "OK"]


def test_old_data_point_is_evaluated_while_it_is_in_range() -> None:
    """An alarm of one period lasts longer than it, because CloudWatch looks back for a data point that exists."""
    alarm = replace(_ALARM, periods=1, to_alarm=1, missing="notBreaching")
    assert _evaluate(alarm, [_point(alarm, 7, 100)], minutes=60) == [("OK", 0), ("ALARM", 8), ("OK", 23)]
    assert _evaluate(alarm, [_point(alarm, 7, 100)], minutes=60, extra=0) == [("OK", 0), ("ALARM", 8), ("OK", 13)]


def test_alarm_of_several_days_is_evaluated_every_hour() -> None:
    hour = timedelta(hours=1)
    alarm = replace(
        _ALARM, period=hour, periods=48, to_alarm=48, missing="breaching", comparison="LessThanThreshold", threshold=1
    )
    changes = _evaluate(alarm, [_point(alarm, 125, 1)], minutes=60 * 60)
    assert changes == [("ALARM", 0), ("OK", 180), ("ALARM", (3 + 50) * 60)]


@pytest.mark.parametrize(
    ("statistic", "expected"), [("Sum", 10), ("Maximum", 6), ("Minimum", 1), ("Average", 2.5), ("SampleCount", 4)]
)
def test_statistic_summarizes_the_values_of_a_period(statistic: str, expected: float) -> None:
    """The alarm starts at a threshold of exactly this value."""
    for over, states in ((0.0, ["ALARM"]), (0.1, ["OK"])):
        alarm = replace(
            _ALARM, statistic=statistic, threshold=expected + over, periods=1, to_alarm=1, missing="notBreaching",
            comparison="GreaterThanOrEqualToThreshold",
        )  # fmt: skip
        points = [_point(alarm, -minute, value) for minute, value in ((5, 1), (4, 2), (2, 1), (1, 6))]
        assert [state for state, _ in _evaluate(alarm, points, minutes=0)] == states


def test_values_of_other_dimensions_are_another_metric() -> None:
    alarm = replace(_ALARM, periods=1, to_alarm=1, missing="notBreaching")
    others = [replace(_point(alarm, 1, 100), dimensions=each) for each in ({}, {"InstanceId": "i-2"})]
    others.append(replace(_point(alarm, 1, 100), dimensions={**alarm.dimensions, "Zone": "a"}))
    assert _evaluate(alarm, others) == [("OK", 0)]


@given(
    st.lists(st.tuples(st.integers(-60, 90), st.integers(0, 1))),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(_TREATMENTS),
    st.sampled_from([1, 2, 5]),
)
def test_no_change_is_missed_between_the_evaluated_minutes(
    values: list[tuple[int, int]], periods: int, to_alarm: int, missing: Treatment, minutes: int
) -> None:
    """Most minutes are left out, because nothing can change in them. Evaluating each minute has the same result."""
    alarm = replace(
        _ALARM, period=timedelta(minutes=minutes), periods=periods, to_alarm=min(periods, to_alarm), missing=missing,
        threshold=0,
    )  # fmt: skip
    points = [_point(alarm, minute, value) for minute, value in values]
    state: State = "INSUFFICIENT_DATA"
    expected = []
    for minute in range(121):
        after = _state_at(alarm, points, minute, state)
        if after != state:
            expected.append((after, minute))
            state = after
    assert _evaluate(alarm, points, minutes=120) == expected


def test_change_becomes_the_documented_event() -> None:
    change = StateChange(_ALARM, "OK", "ALARM", datetime(2026, 11, 29, 17, 4, tzinfo=UTC))
    event = describe_change(change, "notebook-archive", "eu-west-1", "123456789012")
    name = "notebook-archive-CpuAlarm-1A2B3C4D5E6F"
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert event["resources"] == [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"]
    assert event["time"] == "2026-11-29T17:04:00Z"
    detail = event["detail"]
    assert (detail["alarmName"], detail["state"]["value"], detail["previousState"]["value"]) == (name, "ALARM", "OK")
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"]["name"] == "CPUUtilization"
    assert (metric["metricStat"]["period"], metric["metricStat"]["stat"]) == (300, "Average")


def test_every_alarm_of_the_template_can_be_evaluated() -> None:
    """CloudWatch allows seven days for all periods together, or a day if a period is shorter than an hour."""
    rendered = render(EVERYTHING)
    alarms = read_alarms(rendered)
    assert {alarm.name for alarm in alarms} == {
        name for name, each in rendered["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    for alarm in alarms:
        longest = timedelta(days=7) if alarm.period >= timedelta(hours=1) else timedelta(days=1)
        assert alarm.period * alarm.periods <= longest
        assert 1 <= alarm.to_alarm <= alarm.periods


@pytest.mark.parametrize("good", [1, 3, 14, 20, 200])
def test_one_failure_sets_off_each_alarm_once(good: int) -> None:
    """One bad value, and a good one some minutes later. The alarms of the webhook need more than one value.

    SQS sends the metrics of a queue every minute. A reader hides messages for two minutes.
    """
    for alarm in read_alarms(render(EVERYTHING)):
        if alarm.name not in ("WebhookRefusedAlarm", "WebhookFloodAlarm") and alarm.missing != "breaching":
            bad = [_point(alarm, minute, alarm.threshold + 1) for minute in range(10, 10 + alarm.to_alarm)]
            points = [*bad, _point(alarm, 10 + alarm.to_alarm + good, 0)]
            if alarm.namespace == "AWS/SQS":
                hidden = (100, 101)
                points = [_point(alarm, at, 0 if at in hidden else alarm.threshold) for at in range(10, 200)]
                points += [_point(alarm, at, 0) for at in range(200, 200 + good + 5)]
            states = [state for state, _ in _evaluate(alarm, points, minutes=600)]
            assert states.count("ALARM") == 1, alarm.name
            assert states[-1] == "OK"


def _point(alarm: Alarm, minute: int, value: float) -> Point:
    at = _START + timedelta(minutes=minute, seconds=20)
    return Point(alarm.namespace, alarm.metric, alarm.dimensions, at, value)


def _state_at(alarm: Alarm, points: Sequence[Point], minute: int, state: State) -> State:
    """Return the state after an evaluation in that minute, without what the evaluator knows about minutes."""
    ages = [(minute - 1 - (point.at - _START) // timedelta(minutes=1), point.value) for point in points]
    length = alarm.period // timedelta(minutes=1)
    datapoints: list[float | None] = []
    for number in reversed(range(alarm.periods + 2)):
        values = [value for age, value in ages if number * length <= age < (number + 1) * length]
        datapoints.append(sum(values) / len(values) if values else None)
    return decide_state(alarm, datapoints, state)


def _evaluate(alarm: Alarm, points: Sequence[Point], minutes: int = 30, extra: int = 2) -> list[tuple[State, int]]:
    """Return each new state of the alarm, and the minute of its evaluation."""
    changes = evaluate_alarms([alarm], points, _START, _START + timedelta(minutes=minutes), extra)
    return [(change.after, (change.at - _START) // timedelta(minutes=1)) for change in changes]
