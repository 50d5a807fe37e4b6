"""Parse the events that may become notifications."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change of an alarm's state: the event `CloudWatch Alarm State Change`. `alarm` is its logical id."""

    alarm: str
    state: Literal["ALARM", "OK"]
    at: datetime


@dataclass(frozen=True, slots=True)
class ExecutionEnd:
    """The end of an execution that did not succeed: the event `Step Functions Execution Status Change`."""

    state_machine: str
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    error: str
    cause: str
    started_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Completed:
    """A report that was written: an event of this stack, such as `ArchiveRunCompleted`."""

    detail_type: str
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class DigestDue:
    """The schedule of the digest."""

    at: datetime


type Incoming = AlarmChange | ExecutionEnd | Completed | DigestDue
