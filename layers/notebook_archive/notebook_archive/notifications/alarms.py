"""Describe a change of an alarm, and the end of an execution that left no report."""

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta

from notebook_archive.executions.caught_error import describe_caught_error
from notebook_archive.models import replace_unprintable
from notebook_archive.notifications.alarm_words import AlarmWords
from notebook_archive.notifications.incoming import AlarmChange, ExecutionEnd
from notebook_archive.notifications.notification import Notification, Stack, format_time
from notebook_archive.notifications.records import Kind, Record
from notebook_archive.notifications.remedies import choose_command, choose_page, name_reason

_NOUNS: Mapping[Kind, tuple[str, str]] = {
    "run": ("archive run", "every notebook of the organization"),
    "verification": ("verification", "every archived version"),
    "restore": ("bulk restore", "the notebooks of this restore"),
}
_ENDS = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "was aborted"}
_CAUSES = {
    "TIMED_OUT": "It took longer than seven days.",
    "ABORTED": "Somebody stopped the execution.",
}


def describe_alarm(
    change: AlarmChange, words: AlarmWords, since: datetime, hours: int, record: Record, stack: Stack
) -> Notification:
    """Return the notification that an alarm went off. `hours` is AlarmAfterHours."""
    failure = words.failure.replace("AlarmAfterHours", str(hours))
    return Notification(
        key=record.key,
        subject=failure,
        what=f"{failure}.",
        since=since,
        concerns=(words.concerns,),
        cause=f"{words.cause} (alarm {change.alarm})",
        remedy=words.remedy,
        command=stack.command(words.command),
        more=words.more,
    )


def describe_recovery(
    change: AlarmChange, words: AlarmWords, since: datetime, record: Record, stack: Stack
) -> Notification:
    """Return the notification that an alarm returned to OK. `since` is when it went off."""
    return Notification(
        key=record.key,
        subject=f"Over: {words.recovered}",
        what=f"{words.recovered}. The alarm had gone off at {format_time(since)}.",
        since=change.at,
        concerns=(words.concerns,),
        cause=f"The alarm returned to OK. (alarm {change.alarm})",
        remedy=f"{words.left or 'There is nothing to do.'} The command shows the state of the archive.",
        command=stack.command("status"),
        more=words.more,
    )


def describe_end(end: ExecutionEnd, record: Record, stack: Stack) -> Notification:
    """Return the notification that an execution ended without a report."""
    noun, concerns = _NOUNS[end.kind]
    run, how = record.name, _ENDS[end.status]
    restart = {"run": "run", "verification": "verify", "restore": f"restore --resume {shlex.quote(run)}"}[end.kind]
    subject, cause = f"{noun.capitalize()} {how}", _CAUSES.get(end.status, "")
    remedy, command = "Start it again. What was done is kept, and is not done twice.", stack.command(restart)
    more = "docs/operations.md, No report"
    if end.status == "FAILED":
        problem = describe_caught_error({"Error": end.error, "Cause": end.cause})
        subject += f": {name_reason(problem['reason'])}"
        cause = replace_unprintable(f"{problem['message']} ({problem['reason']})")
        sentence, command = choose_command(problem, run, stack)
        remedy, more = f"{problem['remedy']}\n{sentence}", choose_page(problem["reason"])
    return Notification(
        key=record.key,
        subject=subject,
        what=f"The {noun} {run} {how}, and wrote no report.",
        since=end.at,
        concerns=(concerns,),
        cause=cause,
        remedy=remedy,
        command=command,
        more=more,
    )


def find_fold_start(change: AlarmChange, words: AlarmWords, alarm_after_hours: int) -> datetime:
    """Return the time since which another notification may have reported the failure of this alarm."""
    return change.at - timedelta(hours=words.fold_hours or alarm_after_hours)
