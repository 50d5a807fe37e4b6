"""Retry failed requests: how often, with which pauses, and until when.

An ArcGISUnavailable is retried. `envelopes` decides which codes of ArcGIS raise it, and `transport` which statuses of
HTTP do.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from notebook_archive.clock import Deadline
from notebook_archive.errors import ArcGISUnavailable, NotANotebook, PermissionDenied

# Maximum number of attempts for one request. A retry is skipped if its pause would end after the deadline.
MAX_ATTEMPTS = 4
# Maximum number of attempts for a request that was denied, or that returned an incomplete notebook.
MAX_ATTEMPTS_IF_REFUSED = 2
BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Retries:
    """Retries requests. `sleep` waits for the given seconds. `jitter` returns a random number from 0 to 1."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def run[T](self, attempt: Callable[[], T], deadline: Deadline) -> T:
        """Return what `attempt` returns. After ArcGISUnavailable, it is called again, up to MAX_ATTEMPTS times in all.

        The pause is the time in the `Retry-After` header. Without this header, pauses grow exponentially with full
        jitter. If a pause would end after the deadline, the error is raised at once.

        After PermissionDenied, `attempt` is called once more, because ArcGIS Online is known to throttle with a 403.
        After NotANotebook, it is also called once more, because HTTP does not detect every truncated body.
        """
        for failed in range(1, MAX_ATTEMPTS + 1):
            try:
                return attempt()
            except (ArcGISUnavailable, PermissionDenied, NotANotebook) as error:
                pause = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**failed) * self.jitter()
                max_attempts = MAX_ATTEMPTS_IF_REFUSED
                if isinstance(error, ArcGISUnavailable):
                    max_attempts = MAX_ATTEMPTS
                    pause = pause if error.retry_after is None else error.retry_after
                if failed >= max_attempts or pause >= deadline.remaining():
                    raise
                self.sleep(pause)
        raise AssertionError  # the last attempt returned or raised


def parse_retry_after(header: str) -> float | None:
    """Return the seconds to wait according to a `Retry-After` header (RFC 9110, 10.2.3), or None if it is not valid."""
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
