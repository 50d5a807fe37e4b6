"""Evaluate the metric math that the dashboard uses, as CloudWatch documents it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. A value that one of two time
series does not have counts as 0. Only functions that the dashboard uses are here.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from tests.operations.metrics import Point

# The values of a time series, by the start of their period in seconds since 1970. A period without a value is left out.
type Series = dict[int, float]

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max, "Average": fmean}
_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Window:
    """A range of time that is divided into periods. `length` is that of a period in seconds."""

    starts: tuple[int, ...]
    length: int

    @classmethod
    def between(cls, start: datetime, end: datetime, length: int) -> "Window":
        """Return a window of periods that begin at a multiple of their length. The last one contains `end`."""
        first = int(start.timestamp()) // length * length
        return cls(tuple(range(first, int(end.timestamp()) + 1, length)), length)

    @classmethod
    def one_period(cls, start: datetime, end: datetime) -> "Window":
        """Return a window with one period, as for a widget with `setPeriodToTimeRange`."""
        return cls((int(start.timestamp()),), round((end - start) / timedelta(seconds=1)))

    def aggregate(self, points: Iterable[Point], statistic: str) -> Series:
        """Return the statistic of the values in each period."""
        values: dict[int, list[float]] = {}
        for point in points:
            number = (int(point.at.timestamp()) - self.starts[0]) // self.length
            if 0 <= number < len(self.starts):
                values.setdefault(self.starts[number], []).append(point.value)
        return {start: float(_STATISTICS[statistic](each)) for start, each in sorted(values.items())}


def evaluate(expression: str, series: Callable[[str], Series], window: Window) -> Series:
    """Return the time series of an expression. `series` returns that of an id.

    Raises NotImplementedError for anything else than the documented functions that the dashboard uses, and ValueError
    if the result is a number and not a time series, which CloudWatch refuses.
    """
    result = _evaluate(ast.parse(expression, mode="eval").body, series, window)
    if not isinstance(result, dict):
        raise ValueError(f"the result of this expression is not a time series: {expression}")  # noqa: TRY004
    return result


def _evaluate(node: ast.expr, series: Callable[[str], Series], window: Window) -> Series | float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return series(name)
        case ast.BinOp(left=left, op=symbol, right=right):
            return _combine(symbol, _evaluate(left, series, window), _evaluate(right, series, window))
        case ast.Compare(left=left, ops=[symbol], comparators=[right]):
            return _combine(symbol, _evaluate(left, series, window), _evaluate(right, series, window))
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Name(id="REPEAT")]):
            return _repeat(_expect_series(_evaluate(filled, series, window)), window)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, [_evaluate(each, series, window) for each in arguments], window)
    raise NotImplementedError(ast.unparse(node))


def _combine(symbol: ast.AST, left: Series | float, right: Series | float) -> Series | float:
    if type(symbol) not in _OPERATORS:
        raise NotImplementedError(type(symbol).__name__)
    combine = _OPERATORS[type(symbol)]
    if isinstance(left, float) and isinstance(right, float):
        return float(combine(left, right))
    times = sorted({time for side in (left, right) if isinstance(side, dict) for time in side})
    return {time: float(combine(_value(left, time), _value(right, time))) for time in times}


def _value(side: Series | float, time: int) -> float:
    """Return the value at this time. A missing value counts as 0."""
    return side.get(time, 0.0) if isinstance(side, dict) else side


def _repeat(filled: Series, window: Window) -> Series:
    """Return the series with the last value before each gap in it. Before the first value, nothing is filled in."""
    result: Series = {}
    last: float | None = None
    for start in window.starts:
        last = filled.get(start, last)
        if last is not None:
            result[start] = last
    return result


def _call(name: str, arguments: list[Series | float], window: Window) -> Series | float:
    match name, arguments:
        case "IF", [condition, value]:
            # Without a third argument, nothing is returned where the condition is false or has no value.
            return {time: _value(value, time) for time, is_true in _expect_series(condition).items() if is_true}
        case "FLOOR", [value]:
            return {time: float(math.floor(each)) for time, each in _expect_series(value).items()}
        case "EPOCH", [_]:
            return {start: float(start) for start in window.starts}
        case "TIME_SERIES", [float() as number]:
            return dict.fromkeys(window.starts, number)
    raise NotImplementedError(f"{name} with {len(arguments)} arguments")


def _expect_series(value: Series | float) -> Series:
    if not isinstance(value, dict):
        raise NotImplementedError("a number in the place of a time series")
    return value
