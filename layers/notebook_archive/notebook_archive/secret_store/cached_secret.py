"""Cache a secret. It is read again every minute, and an older value is used if Secrets Manager does not answer."""

import logging
import time
from collections.abc import Callable

from notebook_archive.errors import SecretMissing, SecretUnreadable

# Age at which a value is read again. After at most this time, a new key is accepted and an old key is refused.
REFRESH_SECONDS = 60
# If reading fails, the last value is used up to this age.
MAX_STALE_SECONDS = 15 * 60

_log = logging.getLogger(__name__)


class CachedSecret:
    """The value of one secret, cached in memory."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        """`read` returns the value of the secret with the given name."""
        self._name, self._read = name, read
        self._text: str | None = None
        self._read_at = self._tried_at = 0.0

    def read(self) -> str:
        """Return the value. It is at most REFRESH_SECONDS old, or MAX_STALE_SECONDS if the secret cannot be read again.

        Raises SecretMissing if a read finds that the secret was deleted. Raises SecretUnreadable if the secret cannot
        be read and the last value is too old. If there is a value to return, a failed read is repeated only after
        REFRESH_SECONDS, because each read may take all of the caller's time.
        """
        now = time.monotonic()
        if self._text is not None and now - self._tried_at < REFRESH_SECONDS:
            return self._text
        try:
            self._text = self._read(self._name)
            self._read_at = now
        except SecretMissing:
            self._text = None
            raise
        except SecretUnreadable as error:
            if self._text is None or now - self._read_at >= MAX_STALE_SECONDS:
                raise
            _log.warning("Using the secret's value of %d s ago: %s", now - self._read_at, error)
        self._tried_at = now
        return self._text
