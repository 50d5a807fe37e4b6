"""Decide whether an event becomes a notification, and send it once."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from notebook_archive.archive import Archive, RunId
from notebook_archive.errors import ArchiveError, NotificationRefused, RunIdTaken
from notebook_archive.notifications.alarm_words import ALARMS, AlarmWords
from notebook_archive.notifications.alarms import describe_alarm, describe_end, describe_recovery, find_fold_start
from notebook_archive.notifications.digest import make_digest, read_report
from notebook_archive.notifications.formats import Message
from notebook_archive.notifications.incoming import (
    AlarmChange,
    Completed,
    DigestDue,
    ExecutionEnd,
    LastingAlarmsDue,
    parse_event,
)
from notebook_archive.notifications.notification import Stack
from notebook_archive.notifications.records import Kind, Record, Records
from notebook_archive.notifications.reports import (
    Report,
    describe_from_event,
    describe_restore,
    describe_restore_test,
    describe_run,
    describe_unprotected,
    describe_verification,
    list_unprotected_ids,
)
from notebook_archive.notifications.topics import Publisher, Topic

_log = logging.getLogger(__name__)

# An event that is judged by itself.
type _Event = AlarmChange | ExecutionEnd | Completed | DigestDue

# How far back the beginning of a series of failed runs is looked for.
_SERIES_DAYS = 31
# CloudWatch and Step Functions have different clocks, and a report comes some seconds before the end of its execution.
_CLOCKS = timedelta(minutes=10)
_NOUNS: Mapping[Kind, str] = {
    "run": "Archive run",
    "verification": "Verification",
    "restore": "Bulk restore",
    "restore-test": "Restore test",
}
_GOOD = frozenset(("complete", "passed"))
# The records that show whether a report covered an alarm. Other coverages are the logical ids of alarms.
_RECORDED_AS: Mapping[str, Kind] = {
    "run": "run",
    "unprotected": "run",
    "verification": "verification",
    "restore": "restore",
    "restore-test": "restore-test",
}


@dataclass(frozen=True, slots=True)
class Notifier:
    """What notifying needs. `machines` maps the ARN of each state machine to what it does.

    `alarm_after_hours` and `only_changes` are the parameters AlarmAfterHours and DigestContent.
    """

    archive: Archive
    records: Records
    publisher: Publisher
    topics: Sequence[Topic]
    stack: Stack
    machines: Mapping[str, Kind]
    alarm_after_hours: int
    only_changes: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an event.

    *sent*: `notification` was sent now. *folded*: another notification reports the same failure. *known*: the same
    failure was reported before. *quiet*: nothing failed, nothing is new, or the event is not about this stack.
    """

    outcome: Literal["sent", "folded", "known", "quiet"]
    key: str
    reason: str
    notification: Message | None = None


@dataclass(frozen=True, slots=True)
class _Judgment:
    """The record of an event, and the message to send. Without a message, `reason` says why there is none.

    One that is not final writes no record, so a later event about the same is judged again.
    """

    record: Record
    message: Message | None
    reason: str = ""
    is_folded: bool = False
    is_final: bool = True


def notify(event: Mapping[str, Any], notifier: Notifier) -> list[Decision]:
    """Send the message that an event calls for, if any, and return what became of the event.

    The time to look for lasting alarms is several events: each alarm that was folded and is still on is judged as if it
    went off at this time. CloudWatch reports only changes of an alarm. Without this, a folded alarm would be silent for
    as long as it is on, even when the failure that it was folded into is over.

    A message that was sent is recorded, so that the same event sends nothing again. If the records cannot be read or
    written, messages are sent nevertheless. Raises NotificationRefused if a topic did not accept the message, after all
    topics have been attempted. A later attempt sends the message only to the topics that did not accept it.
    """
    incoming = parse_event(event, notifier.stack.name, notifier.machines, notifier.archive.bucket_name)
    match incoming:
        case None:
            return [Decision("quiet", "", "The event is not about this stack.")]
        case LastingAlarmsDue():
            lasting = (name for name, words in ALARMS.items() if words.kind == "state")
            changes = [AlarmChange(alarm, "ALARM", incoming.at) for alarm in lasting]
            return [_decide(change, notifier) for change in changes if _was_folded(change, notifier.records)]
        case _:
            return [_decide(incoming, notifier)]


def _decide(incoming: _Event, notifier: Notifier) -> Decision:
    kind, name = _identify(incoming)
    earlier = _find_record(kind, name, notifier.records)
    wanted = [each for each in notifier.topics if not earlier or each.arn not in earlier.topics]
    if earlier and (not wanted or not earlier.topics):
        return Decision("known", earlier.key, "This was handled before.")
    judgment = _judge(incoming, kind, name, notifier)
    if judgment.message is None:
        if judgment.is_final:
            _write_record(judgment.record, notifier.records)
        outcome: Literal["folded", "quiet"] = "folded" if judgment.is_folded else "quiet"
        return Decision(outcome, judgment.record.key, judgment.reason)
    _send(judgment.message, judgment.record, wanted, earlier.topics if earlier else (), notifier)
    return Decision("sent", judgment.record.key, "", judgment.message)


def _identify(incoming: _Event) -> tuple[Kind, str]:
    """Return the kind and the name of what an event is about. An execution and its report have the same."""
    match incoming:
        case Completed():
            return incoming.kind, incoming.detail["runId"]
        case ExecutionEnd():
            # msgspec encodes no subclass of str
            return incoming.kind, str(RunId.from_execution(incoming.name, incoming.started_at.isoformat()))
        case AlarmChange():
            return "alarm", f"{incoming.at:%Y-%m-%d/%H%M%S}-{incoming.alarm}-{incoming.state}"
        case DigestDue():
            return "digest", f"{incoming.at:%Y-%m-%d/%H%M%S}"


def _judge(incoming: _Event, kind: Kind, name: str, notifier: Notifier) -> _Judgment:
    match incoming:
        case AlarmChange():
            return _judge_alarm(incoming, Record(kind, name, incoming.at, state=incoming.state), notifier)
        case DigestDue():
            digest, record, is_changed = make_digest(incoming.at, notifier.archive, notifier.records, notifier.stack)
            if notifier.only_changes and not is_changed:
                return _Judgment(record, None, "Nothing differs from the last digest.")
            return _Judgment(record, digest)
        case Completed():
            report = read_report(kind, name, notifier.archive)
            return _judge_report(report, incoming.detail, Record(kind, name, incoming.at), notifier)
        case ExecutionEnd():
            report = None
            if incoming.status == "FAILED" and incoming.error != RunIdTaken.__name__:
                report = read_report(kind, name, notifier.archive)
            record = Record(kind, name, incoming.at, covers=(kind,), state=incoming.status, is_full=True)
            if report is None or report["status"] in _GOOD:
                return _Judgment(record, describe_end(incoming, record, notifier.stack))
            return _judge_report(report, report, Record(kind, name, incoming.at), notifier)


def _judge_alarm(change: AlarmChange, record: Record, notifier: Notifier) -> _Judgment:
    words = ALARMS.get(change.alarm)
    if words is None:
        return _Judgment(record, None, f"{change.alarm} is not an alarm that is reported.")
    if change.state == "OK":
        last = _find_last_alarm(change, notifier.records) if words.kind == "state" else None
        if last is None or last.state != "ALARM" or not last.topics:
            return _Judgment(record, None, "The alarm itself was not reported, so its end is not either.")
        return _Judgment(record, describe_recovery(change, words, last.at, record, notifier.stack))
    record = msgspec.structs.replace(record, covers=(change.alarm,))
    hours = notifier.alarm_after_hours
    if other := _find_covering(change, words, find_fold_start(change, words, hours), notifier.records):
        return _Judgment(record, None, f"The notification about {other} reports the same failure.", is_folded=True)
    since = _find_last_success(change, words, notifier.records)
    return _Judgment(record, describe_alarm(change, words, since, hours, record, notifier.stack))


def _judge_report(report: Report | None, detail: Report, record: Record, notifier: Notifier) -> _Judgment:
    """Judge a report, or its event if the report cannot be read.

    Everybody who may use the bus can send the event, so the report decides. An event of success without a report is no
    proof of it.
    """
    kind, status = record.kind, (report or detail)["status"]
    is_good, is_full = status in _GOOD, (report or detail).get("scope") != "chosen"
    record = msgspec.structs.replace(record, state=status, is_full=is_full, covers=() if is_good else (kind,))
    if report is None:
        if is_good:
            return _Judgment(record, None, "Nothing failed, says the event. The report cannot be read.", is_final=False)
        return _Judgment(record, describe_from_event(detail, record, _NOUNS[kind], notifier.stack))
    if kind == "run":
        return _judge_run(report, record, notifier)
    if is_good:
        return _Judgment(record, None, "Nothing failed.")
    describe = {
        "verification": describe_verification,
        "restore": describe_restore,
        "restore-test": describe_restore_test,
    }[kind]
    return _Judgment(record, describe(report, record, notifier.stack))


def _judge_run(report: Report, record: Record, notifier: Notifier) -> _Judgment:
    ids = list_unprotected_ids(report)
    covers = (*record.covers, *(("unprotected",) if ids else ()))
    record = msgspec.structs.replace(record, unprotected=ids, covers=covers)
    if record.state not in _GOOD:
        since = _find_first_failure(record, notifier.records)
        return _Judgment(record, describe_run(report, record, since, notifier.stack))
    # The message about a run that was not complete names what failed, and not each notebook without protection.
    complete = (each for each in _list_earlier_runs(record, notifier.records) if each.state in _GOOD)
    last = next(complete, None)
    new = set(ids) - set(last.unprotected if last else ())
    if new and record.is_full:
        return _Judgment(record, describe_unprotected(report, record, new, notifier.stack))
    return _Judgment(record, None, "Nothing failed, and there are no new unprotected notebooks.")


def _find_first_failure(record: Record, records: Records) -> datetime:
    """Return the time of the first run over all notebooks in the series of failures that ends with this one."""
    failures = itertools.takewhile(lambda each: each.state not in _GOOD, _list_earlier_runs(record, records))
    return min((each.at for each in failures), default=record.at)


def _list_earlier_runs(record: Record, records: Records) -> Iterator[Record]:
    """Yield the records of earlier runs over all notebooks, the latest first."""
    try:
        for each in records.list_latest("run", record.at - timedelta(days=_SERIES_DAYS)):
            if each.is_full and each.at < record.at and each.name != record.name:
                yield each
    except ArchiveError as error:
        _log.warning("The records of notifications cannot be read", extra={"error": str(error)})


def _find_covering(change: AlarmChange, words: AlarmWords, start: datetime, records: Records) -> str:
    """Return what reported the failure of an alarm between `start` and the alarm, or an empty string.

    A failure over chosen notebooks does not explain why an alarm still awaits a success over everything. If the records
    cannot be read, an alarm about an execution is assumed to be reported, because the end of the execution is an event
    too.
    """
    try:
        for coverage in words.folded_into:
            kind = _RECORDED_AS.get(coverage, "alarm")
            for record in records.list_latest(kind, start):
                is_reported = record.topics or coverage == "unprotected"
                explains = record.is_full or kind == "alarm" or not words.awaits
                if coverage in record.covers and is_reported and explains and record.at <= change.at + _CLOCKS:
                    return record.key
    except ArchiveError as error:
        _log.warning("The records of notifications cannot be read", extra={"error": str(error)})
        if words.kind == "event" and any(each in _RECORDED_AS for each in words.folded_into):
            return "the end of the execution"
    return ""


def _find_last_success(change: AlarmChange, words: AlarmWords, records: Records) -> datetime:
    """Return the time of the last success of what an alarm awaits, or else the time of the alarm."""
    if words.awaits is None:
        return change.at
    try:
        found = records.list_latest(words.awaits, change.at - timedelta(days=_SERIES_DAYS))
        good = (each.at for each in found if each.is_full and each.state in _GOOD and each.at < change.at)
        return next(good, change.at)
    except ArchiveError as error:
        _log.warning("The records of notifications cannot be read", extra={"error": str(error)})
        return change.at


def _find_last_alarm(change: AlarmChange, records: Records) -> Record | None:
    try:
        found = records.list_latest("alarm", part=f"-{change.alarm}-")
        return next((each for each in found if each.at < change.at), None)
    except ArchiveError as error:
        _log.warning("The records of notifications cannot be read", extra={"error": str(error)})
        return None


def _was_folded(change: AlarmChange, records: Records) -> bool:
    last = _find_last_alarm(change, records)
    return last is not None and last.state == "ALARM" and not last.topics


def _find_record(kind: Kind, name: str, records: Records) -> Record | None:
    try:
        return records.find(kind, name)
    except ArchiveError as error:
        _log.warning("The records of notifications cannot be read", extra={"error": str(error)})
        return None


def _send(
    message: Message, record: Record, topics: Sequence[Topic], accepted: tuple[str, ...], notifier: Notifier
) -> None:
    """Publish a message on topics, and record which of them accepted it. `accepted` are those that did before."""
    refusals: list[NotificationRefused] = []
    for topic in topics:
        try:
            notifier.publisher.publish(message, topic)
        except NotificationRefused as refusal:
            refusals.append(refusal)
        else:
            accepted = (*accepted, topic.arn)
            sent = msgspec.structs.replace(record, topics=accepted, subject=message.subject)
            _write_record(sent, notifier.records)
    if refusals:
        raise refusals[0]


def _write_record(record: Record, records: Records) -> None:
    try:
        records.write(record)
    except ArchiveError as error:
        _log.warning("A record of a notification cannot be written", extra={"error": str(error)})
