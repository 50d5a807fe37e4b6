"""Read the last poll for changes, and decide whether polls are late."""

from datetime import UTC, datetime, timedelta

from notebook_archive_cli.running.schedules import find_due_start
from notebook_archive_cli.session import Session

# Polls that fail for less than this time are not reported. The next poll that succeeds finds the same changes.
_LATE = timedelta(hours=1)


def read_last_poll(session: Session) -> datetime | None:
    """Return when the last poll that succeeded was made, or None if there was none.

    Makes one call. May raise CommandError, an error of boto3 or an ArchiveError.
    """
    last = session.polls.read_last()
    return datetime.fromtimestamp(last.polled_at / 1000, UTC) if last and last.polled_at else None


def is_poll_late(session: Session, last: datetime, now: datetime) -> bool:
    """Return whether no poll has succeeded since `last`, although one had to start more than an hour ago."""
    stack = session.stack
    schedule = {
        "ScheduleExpression": stack.parameter("ChangePoll"),
        "ScheduleExpressionTimezone": stack.parameter("ScheduleTimezone"),
    }
    due = find_due_start(schedule, last)
    return due is not None and due + _LATE < now
