"""A secret that is read again every minute, and is still used for a while if Secrets Manager does not answer."""

import logging
import time
from collections.abc import Callable

from notebook_archive.errors import SecretMissing, SecretUnreadable

# A text is read again when it is this old. So a new key is accepted, and an old one refused, after at most this time.
REFRESH_SECONDS = 60
# If reading fails, the last text is used until it is this old.
MAX_STALE_SECONDS = 15 * 60

_log = logging.getLogger(__name__)


class CachedSecret:
    """The text of one secret, kept in memory."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        """`read` returns the text of the secret of that name."""
        self._name, self._read = name, read
        self._text: str | None = None
        self._read_at = self._tried_at = 0.0

    def read(self) -> str:
        """Return the text, at most REFRESH_SECONDS old, or MAX_STALE_SECONDS if it cannot be read again.

        Raises SecretMissing as soon as the secret is deleted, and SecretUnreadable if it cannot be read and there is no
        recent text. A failed attempt is repeated only after REFRESH_SECONDS, because each may take all the time that
        the caller has.
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
            _log.warning("What was read %d s ago is used: %s", now - self._read_at, error)
        self._tried_at = now
        return self._text
