"""Evaluate the alarms of the template over a timeline of metric values, as CloudWatch documents it.

The rules are those of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html:

- An alarm is evaluated every minute, and its periods end at that minute. If all its periods together are longer than a
  day, it is evaluated every hour.
- CloudWatch retrieves more data points than `EvaluationPeriods`: the evaluation range. It evaluates the most recent
  data points that exist. Only if there are fewer than `EvaluationPeriods`, it fills in missing ones as
  `TreatMissingData` says.
"""

import json
import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any, Literal

from tests.operations.metrics import Point

type State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
type Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

# In the documented examples, CloudWatch retrieves 5 data points for 3 evaluation periods. It does not document other
# numbers.
EXTRA_PERIODS = 2
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": fmean,
    "SampleCount": len,
}


@dataclass(frozen=True)
class Alarm:
    """The properties of an alarm that decide its state."""

    name: str
    description: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period: timedelta
    periods: int
    to_alarm: int
    threshold: float
    comparison: str
    missing: Treatment

    @classmethod
    def from_properties(cls, name: str, properties: Mapping[str, Any]) -> "Alarm":
        """Return the alarm with these properties of AWS::CloudWatch::Alarm. Metric math is not supported."""
        periods = int(properties["EvaluationPeriods"])
        return cls(
            name,
            properties["AlarmDescription"],
            properties["Namespace"],
            properties["MetricName"],
            {each["Name"]: each["Value"] for each in properties["Dimensions"]},
            properties["Statistic"],
            timedelta(seconds=int(properties["Period"])),
            periods,
            int(properties.get("DatapointsToAlarm", periods)),
            float(properties["Threshold"]),
            properties["ComparisonOperator"],
            properties.get("TreatMissingData", "missing"),
        )

    def is_about(self, point: Point) -> bool:
        """Return whether a value belongs to this alarm's metric. A metric is identified by all of its dimensions."""
        return (point.namespace, point.metric, point.dimensions) == (self.namespace, self.metric, self.dimensions)

    def is_breaching(self, value: float) -> bool:
        match self.comparison:
            case "GreaterThanThreshold":
                return value > self.threshold
            case "GreaterThanOrEqualToThreshold":
                return value >= self.threshold
            case "LessThanThreshold":
                return value < self.threshold
            case "LessThanOrEqualToThreshold":
                return value <= self.threshold
        raise NotImplementedError(self.comparison)


@dataclass(frozen=True)
class StateChange:
    """A change of an alarm's state, and when the alarm was evaluated."""

    alarm: Alarm
    before: State
    after: State
    at: datetime


def read_alarms(rendered: Mapping[str, Any]) -> list[Alarm]:
    """Return the alarms of a rendered template. The name of each is its logical id."""
    return [
        Alarm.from_properties(name, resource["Properties"])
        for name, resource in rendered["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]


def evaluate_alarms(
    alarms: Iterable[Alarm], points: Sequence[Point], start: datetime, end: datetime, extra: int = EXTRA_PERIODS
) -> list[StateChange]:
    """Return all changes of the alarms' states from `start` to `end`, in the order of time.

    Each alarm begins in the state INSUFFICIENT_DATA. `extra` is the number of periods that the evaluation range has
    more than the alarm.
    """
    changes = [change for alarm in alarms for change in _evaluate_alarm(alarm, points, start, end, extra)]
    return sorted(changes, key=lambda change: (change.at, change.alarm.name))


def _evaluate_alarm(
    alarm: Alarm, points: Sequence[Point], start: datetime, end: datetime, extra: int
) -> Iterable[StateChange]:
    own = sorted((point for point in points if alarm.is_about(point)), key=lambda point: point.at)
    state: State = "INSUFFICIENT_DATA"
    for at in _list_evaluations(alarm, own, start, end, extra):
        after = decide_state(alarm, _collect_datapoints(alarm, own, at, extra), state)
        if after != state:
            yield StateChange(alarm, state, after, at)
            state = after


def _list_evaluations(
    alarm: Alarm, points: Iterable[Point], start: datetime, end: datetime, extra: int
) -> list[datetime]:
    """Return the times of the evaluations that may have another result than the one before.

    Between them, each value stays in the same period, so the result stays the same.
    """
    step = _HOUR if alarm.period * alarm.periods > _DAY else _MINUTE
    times = {_round_up(start, step)}
    for at in {point.at for point in points}:
        first = _round_down(at, _MINUTE) + _MINUTE
        times |= {_round_up(first + alarm.period * number, step) for number in range(alarm.periods + extra + 1)}
    return sorted(time for time in times if start <= time <= end)


def _collect_datapoints(alarm: Alarm, points: Sequence[Point], at: datetime, extra: int) -> list[float | None]:
    """Return the data points of the evaluation range, the oldest first. A missing one is None.

    `points` are in the order of time.
    """
    number = alarm.periods + extra
    values: list[list[float]] = [[] for _ in range(number)]
    first = bisect_left(points, at - number * alarm.period, key=lambda point: point.at)
    for point in points[first:]:
        # A value belongs to the minute in which it was sent.
        age = at - _round_down(point.at, _MINUTE) - _MINUTE
        index = age // alarm.period
        if age < timedelta():
            break
        if index < number:
            values[number - 1 - index].append(point.value)
    return [_STATISTICS[alarm.statistic](each) if each else None for each in values]


def decide_state(alarm: Alarm, datapoints: Sequence[float | None], state: State) -> State:
    """Return the state after an evaluation. `datapoints` are those of the evaluation range; `state` is the old one."""
    real = [value for value in datapoints if value is not None]
    breaching = [alarm.is_breaching(value) for value in real]
    filled = alarm.periods - len(real)
    if filled <= 0:
        return "ALARM" if sum(breaching[-alarm.periods :]) >= alarm.to_alarm else "OK"
    if alarm.missing in ("breaching", "notBreaching"):
        bad = sum(breaching) + (filled if alarm.missing == "breaching" else 0)
        return "ALARM" if bad >= alarm.to_alarm else "OK"
    if sum(breaching) >= alarm.to_alarm:
        return "ALARM"
    if not all(breaching):
        return "OK"
    if alarm.missing == "ignore":
        return state
    return "ALARM" if real and _is_old_enough(alarm, datapoints) else "INSUFFICIENT_DATA"


def _is_old_enough(alarm: Alarm, datapoints: Sequence[float | None]) -> bool:
    """Return whether the oldest data point is as old as those that the alarm needs.

    Until then, the next data point may be good, and the alarm would have started too early.
    """
    first = next(index for index, value in enumerate(datapoints) if value is not None)
    return len(datapoints) - first >= alarm.to_alarm


def describe_change(change: StateChange, stack: str, region: str, account: str) -> dict[str, Any]:
    """Return the change as the event that CloudWatch sends to the default event bus.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html. In CloudWatch, the
    name of an alarm is the stack's name, the logical id, and 12 characters that CloudFormation chooses.
    """
    alarm = change.alarm
    name = f"{stack}-{alarm.name}-1A2B3C4D5E6F"
    metric = {"namespace": alarm.namespace, "name": alarm.metric, "dimensions": dict(alarm.dimensions)}
    stat = {"metric": metric, "period": int(alarm.period.total_seconds()), "stat": alarm.statistic}
    moment = change.at.strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {moment}")),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": account,
        "time": f"{moment}Z",
        "region": region,
        "resources": [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {
                "description": alarm.description,
                "metrics": [{"id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "metricStat": stat, "returnData": True}],
            },
            "previousState": {"reason": "-", "timestamp": f"{moment}.000+0000", "value": change.before},
            "state": {
                "reason": "Threshold Crossed",
                "reasonData": json.dumps({"version": "1.0", "period": stat["period"], "threshold": alarm.threshold}),
                "timestamp": f"{moment}.000+0000",
                "value": change.after,
            },
        },
    }


def _round_down(time: datetime, step: timedelta) -> datetime:
    return time - (time - datetime.min.replace(tzinfo=UTC)) % step


def _round_up(time: datetime, step: timedelta) -> datetime:
    return -((-(time - datetime.min.replace(tzinfo=UTC))) // step) * step + datetime.min.replace(tzinfo=UTC)
