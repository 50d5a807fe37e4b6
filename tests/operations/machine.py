"""Execute a state machine's definition: the states and the fields that the template's state machines use."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

type Json = Any


class TaskFailed(Exception):
    """A task ended with an error: its name and its cause, as Step Functions reports them."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error, self.cause = error, cause


@dataclass(frozen=True)
class Ended:
    """How an execution ended."""

    status: str
    output: Json = None
    error: str = ""
    cause: str = ""


@dataclass
class Machine:
    """A state machine's definition. `invoke` invokes a function, or raises TaskFailed. `read` reads a line's object."""

    definition: Mapping[str, Any]
    invoke: Callable[[str, Json], Json]
    read: Callable[[str], Iterable[str]]

    def execute(self, name: str, given: Json, started_at: datetime) -> Ended:
        """Execute with that name and input."""
        moment = started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        context = {"Execution": {"Name": name, "Input": given, "StartTime": moment}}
        return self._execute(self.definition, given, context)

    def _execute(self, definition: Mapping[str, Any], given: Json, context: Json) -> Ended:
        name, value = definition["StartAt"], given
        while True:
            state = definition["States"][name]
            try:
                output = self._enter(state, value, context)
            except TaskFailed as failure:
                catch = next(iter(state.get("Catch", ())), None)
                if catch is None:
                    return Ended("FAILED", error=failure.error, cause=failure.cause)
                value = _place(value, catch.get("ResultPath", "$"), {"Error": failure.error, "Cause": failure.cause})
                name = catch["Next"]
                continue
            match state["Type"]:
                case "Succeed":
                    return Ended("SUCCEEDED", value)
                case "Fail":
                    cause = _read(state["CausePath"], value, context)
                    return Ended("FAILED", error=_format(state["ErrorPath"], value, context), cause=cause)
                case "Choice":
                    name = _choose(state, value, context)
                case _:
                    value = output
                    if state.get("End"):
                        return Ended("SUCCEEDED", value)
                    name = state["Next"]

    def _enter(self, state: Mapping[str, Any], value: Json, context: Json) -> Json:
        """Return the output of a state. Raises TaskFailed after the last attempt."""
        given = _fill(state["Parameters"], value, context) if "Parameters" in state else value
        match state["Type"]:
            case "Task":
                result = {"Payload": self._attempt(state, given)}
            case "Pass":
                result = given
            case "Map":
                self._map(state, value, context)
                return value
            case _:
                return value
        selected = _fill(state["ResultSelector"], result, context) if "ResultSelector" in state else result
        placed = _place(value, state.get("ResultPath", "$"), selected)
        return _read(state.get("OutputPath", "$"), placed, context)

    def _attempt(self, state: Mapping[str, Any], given: Json) -> Json:
        """Invoke the function, and again after errors that the state retries. Pauses take no time here."""
        attempts: dict[int, int] = {}
        while True:
            try:
                return self.invoke(given["FunctionName"], given["Payload"])
            except TaskFailed as failure:
                rules = enumerate(state.get("Retry", ()))
                number, rule = next(
                    ((at, each) for at, each in rules if failure.error in each["ErrorEquals"]), (-1, {"MaxAttempts": 0})
                )
                attempts[number] = attempts.get(number, 0) + 1
                if attempts[number] > rule["MaxAttempts"]:
                    raise

    def _map(self, state: Mapping[str, Any], value: Json, context: Json) -> None:
        key = _fill(state["ItemReader"]["Parameters"], value, context)["Key"]
        for line in self.read(key):
            inner = context | {"Map": {"Item": {"Value": json.loads(line)}}}
            item = _fill(state["ItemSelector"], value, inner)
            self._execute(state["ItemProcessor"], item, inner)


def _fill(template: Json, value: Json, context: Json) -> Json:
    """Return a payload template with the values of its paths."""
    if not isinstance(template, dict):
        return template
    filled = {}
    for name, each in template.items():
        path = name.removesuffix(".$")
        filled[path] = _read(each, value, context) if path != name else _fill(each, value, context)
    return filled


def _read(path: str, value: Json, context: Json) -> Json:
    source = context if path.startswith("$$") else value
    for name in path.lstrip("$").split("."):
        source = source[name] if name else source
    return source


def _place(value: Json, path: str | None, result: Json) -> Json:
    """Return the input with a result at that path. Without a path, the result is dropped."""
    if path is None:
        return value
    name = path.lstrip("$.")
    return {**value, name: result} if name else result


def _format(call: str, value: Json, context: Json) -> str:
    """Return what an intrinsic function `States.Format('X.{}', $.path)` returns."""
    pattern, path = call.removeprefix("States.Format('").removesuffix(")").split("', ")
    return pattern.replace("{}", str(_read(path, value, context)))


def _choose(state: Mapping[str, Any], value: Json, context: Json) -> str:
    for choice in state["Choices"]:
        found = _read(choice["Variable"], value, context)
        if (
            ("NumericGreaterThan" in choice and found > choice["NumericGreaterThan"])
            or ("StringEquals" in choice and found == choice["StringEquals"])
            or (choice.get("IsNull") and found is None)
        ):
            return str(choice["Next"])
    return str(state["Default"])
