"""Define a notification: what a person needs to know about one failure, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about one failure, or about the end of one.

    `key` names the failure, so that it is reported once. `subject` says what failed, `what` says the same in a sentence,
    and `since` is when that became known. `concerns` names owners and notebooks, one on a line. `command` is one line,
    ready to be pasted. `more` says where to read more.
    """

    key: str
    subject: str
    what: str
    since: datetime
    concerns: tuple[str, ...]
    cause: str
    command: str
    more: str
