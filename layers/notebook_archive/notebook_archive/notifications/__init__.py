"""Report each failure to people in one notification.

- `notify` decides whether an event becomes a notification, and sends it.
- `incoming` parses the events. `alarm_words` says what each alarm means, and `alarms` describes its changes and the
  ends of executions. `reports` describes what a report says, and `remedies` chooses the command. `digest` summarizes
  everything.
- `records` keeps what was reported, in the bucket of the ledger.
- `formats` writes a message for e-mail and for chat, and `topics` publishes it.
"""

from notebook_archive.notifications.alarm_words import ALARMS, AlarmWords
from notebook_archive.notifications.incoming import AlarmChange, Completed, DigestDue, ExecutionEnd
from notebook_archive.notifications.notification import Digest, Notification, Stack
from notebook_archive.notifications.notify import Decision, Notifier, notify
from notebook_archive.notifications.records import Record, Records
from notebook_archive.notifications.topics import Publisher, Topic

__all__ = [
    "ALARMS",
    "AlarmChange",
    "AlarmWords",
    "Completed",
    "Decision",
    "Digest",
    "DigestDue",
    "ExecutionEnd",
    "Notification",
    "Notifier",
    "Publisher",
    "Record",
    "Records",
    "Stack",
    "Topic",
    "notify",
]
