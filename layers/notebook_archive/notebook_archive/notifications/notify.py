"""Decide whether an event becomes a notification, and send it once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from notebook_archive.notifications.notification import Notification


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an event.

    *sent*: `notification` was sent now. *folded*: another notification reports the same failure. *known*: the same event
    was handled before. *quiet*: nothing failed, or nothing new.
    """

    outcome: Literal["sent", "folded", "known", "quiet"]
    key: str
    message: str
    notification: Notification | None = None


def notify(event: Mapping[str, Any], notifier: object) -> Decision:
    """Send the notification that an event calls for, if any, and return what became of the event."""
    raise NotImplementedError
