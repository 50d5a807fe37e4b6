"""Report failures to people, in words: one notification for each failure.

- `notify` decides whether an event becomes a notification, and sends it.
- `incoming` parses the events. `alarm_words` says what each alarm means.
"""

from notebook_archive.notifications.alarm_words import ALARMS, AlarmWords
from notebook_archive.notifications.incoming import AlarmChange, Completed, DigestDue, ExecutionEnd
from notebook_archive.notifications.notification import Notification
from notebook_archive.notifications.notify import Decision, notify

__all__ = [
    "ALARMS",
    "AlarmChange",
    "AlarmWords",
    "Completed",
    "Decision",
    "DigestDue",
    "ExecutionEnd",
    "Notification",
    "notify",
]
