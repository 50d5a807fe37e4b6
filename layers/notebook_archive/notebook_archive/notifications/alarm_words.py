"""Say in words what each alarm of the stack means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """What an alarm means, whom it concerns, and what to do.

    An alarm that is an `event` reports that something happened. A `state` lasts, so its end is reported too, in the
    words of `recovered`. `command` is what follows `notebook-archive`. `folded_into` are the kinds of reports, and the
    logical ids of alarms, whose notifications report the same failure.
    """

    failure: str
    concerns: str
    cause: str
    command: str
    more: str
    kind: Literal["event", "state"] = "event"
    recovered: str = ""
    folded_into: tuple[str, ...] = ()


# By the logical id of the alarm in template.yaml.
ALARMS: Mapping[str, AlarmWords] = {}
