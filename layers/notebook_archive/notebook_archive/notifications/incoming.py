"""Parse the events that may become notifications."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from notebook_archive.archive import RunId
from notebook_archive.errors import SettingsInvalid
from notebook_archive.events import DetailType
from notebook_archive.events.details import SOURCE
from notebook_archive.notifications.records import Kind

# CloudFormation names an alarm with the stack's name, the logical id, and letters and digits of its own.
_ALARM = re.compile(r"([A-Za-z0-9]+)-[A-Za-z0-9]+")
_STATES = ("ALARM", "OK")
_ENDS = ("FAILED", "TIMED_OUT", "ABORTED")
_REPORTS: Mapping[str, Kind] = {
    DetailType.ARCHIVE_RUN_COMPLETED: "run",
    DetailType.ARCHIVE_VERIFICATION_COMPLETED: "verification",
    DetailType.ARCHIVE_RESTORE_COMPLETED: "restore",
    DetailType.RESTORE_TEST_COMPLETED: "restore-test",
}


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change of an alarm's state: the event `CloudWatch Alarm State Change`. `alarm` is its logical id."""

    alarm: str
    state: Literal["ALARM", "OK"]
    at: datetime


@dataclass(frozen=True, slots=True)
class ExecutionEnd:
    """The end of an execution that did not succeed: the event `Step Functions Execution Status Change`."""

    kind: Kind
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    error: str
    cause: str
    started_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Completed:
    """A report that was written: an event of this stack, such as `ArchiveRunCompleted`."""

    kind: Kind
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class DigestDue:
    """The time at which a digest is due."""

    at: datetime


@dataclass(frozen=True, slots=True)
class LastingAlarmsDue:
    """The time at which folded alarms that are still on are looked for."""

    at: datetime


type Incoming = AlarmChange | ExecutionEnd | Completed | DigestDue | LastingAlarmsDue


def parse_event(event: Mapping[str, Any], stack: str, machines: Mapping[str, Kind], bucket: str) -> Incoming | None:
    """Return what an event says, or None for an event that is not about this stack.

    `machines` maps the ARN of each state machine to what it does. `bucket` is that of the archive: other stacks may
    send events about their reports to the same bus.
    """
    if "digest" in event:
        return DigestDue(_parse_time(event["digest"]))
    if "lastingAlarms" in event:
        return LastingAlarmsDue(_parse_time(event["lastingAlarms"]))
    source, kind, detail = event.get("source"), str(event.get("detail-type")), event.get("detail") or {}
    if source == "aws.cloudwatch" and kind == "CloudWatch Alarm State Change":
        return _parse_alarm(event, detail, stack)
    if source == "aws.states" and kind == "Step Functions Execution Status Change":
        return _parse_end(event, detail, machines)
    if source == SOURCE and kind in _REPORTS:
        return _parse_completed(event, detail, _REPORTS[kind], bucket)
    return None


def _parse_alarm(event: Mapping[str, Any], detail: Mapping[str, Any], stack: str) -> AlarmChange | None:
    name, state = str(detail.get("alarmName", "")), detail.get("state", {})
    match = _ALARM.fullmatch(name.removeprefix(f"{stack}-")) if name.startswith(f"{stack}-") else None
    if match is None or state.get("value") not in _STATES:
        return None
    return AlarmChange(match[1], state["value"], _parse_time(state.get("timestamp") or event.get("time")))


def _parse_completed(event: Mapping[str, Any], detail: Mapping[str, Any], kind: Kind, bucket: str) -> Completed | None:
    """Return None also for an event without a run id, which this application does not send."""
    try:
        RunId.parse(str(detail.get("runId")))
    except SettingsInvalid:
        return None
    return Completed(kind, detail, _parse_time(event.get("time"))) if detail.get("bucket") == bucket else None


def _parse_end(
    event: Mapping[str, Any], detail: Mapping[str, Any], machines: Mapping[str, Kind]
) -> ExecutionEnd | None:
    kind, status = machines.get(str(detail.get("stateMachineArn"))), detail.get("status")
    if kind is None or status not in _ENDS:
        return None
    stopped = detail.get("stopDate")
    return ExecutionEnd(
        kind=kind,
        name=str(detail["name"]),
        status=status,
        error=str(detail.get("error") or ""),
        cause=str(detail.get("cause") or ""),
        started_at=_parse_milliseconds(detail["startDate"]),
        at=_parse_milliseconds(stopped) if stopped else _parse_time(event.get("time")),
    )


def _parse_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _parse_time(value: object) -> datetime:
    """Return a time of an event. EventBridge always sends one, so a missing one is now."""
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.now(UTC)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
