"""A secret that is read anew each minute, and goes on being used for a while when Secrets Manager cannot be read."""

import logging
import time
from collections.abc import Callable

from notebook_archive.errors import SecretMissing, SecretUnreadable

FRESH_SECONDS = 60
"""After this long a secret is read again: so much later is a new key good, and an old one no more."""
KEPT_SECONDS = 15 * 60
"""For so long after it was last read a secret is used, where reading it again fails."""

_log = logging.getLogger(__name__)


class CachedSecret:
    """One secret, of which the text that was read last is remembered."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        self._name, self._read = name, read
        self._text: str | None = None
        self._was_read = self._was_tried = 0.0

    def text(self) -> str:
        """Return the text, FRESH_SECONDS old at most, or KEPT_SECONDS where Secrets Manager refuses or is silent.

        Raises SecretMissing as soon as the secret is gone, SecretUnreadable where none was read or too long ago.  A try
        that failed is repeated after FRESH_SECONDS, for each may cost the caller all the patience there is.
        """
        now = time.monotonic()
        if self._text is not None and now - self._was_tried < FRESH_SECONDS:
            return self._text
        try:
            self._text = self._read(self._name)
            self._was_read = now
        except SecretMissing:
            self._text = None
            raise
        except SecretUnreadable as error:
            if self._text is None or now - self._was_read >= KEPT_SECONDS:
                raise
            _log.warning("What was read %d s ago is used: %s", now - self._was_read, error)
        self._was_tried = now
        return self._text
