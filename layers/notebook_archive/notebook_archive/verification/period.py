"""Decide when an object is due to be checked."""

import hashlib
from dataclasses import dataclass

DAY_MS = 86_400_000
# Number of days in which the checksums of every version are compared, and every document is read.
COMPARE_DAYS = 30
# Time from the start of a verification until the next one has read what is due, if each starts once a day.
UNTIL_NEXT_MS = DAY_MS * 5 // 4


@dataclass(frozen=True, slots=True)
class Period:
    """The times that decide what is due.

    `now` is the start of the verification and `began` the day of the first one, in epoch milliseconds. Every version is
    read whole at least once in `verify_days`. A version that was never read counts from the time at which it was
    written, but not from before `began`. Otherwise a new stack on an old archive would read everything at once.
    """

    now: int
    began: int
    verify_days: int

    def find_start(self, written: int, proved_at: int) -> int:
        """Return the time since which a version is not proved. `proved_at` is 0 if it never was."""
        return proved_at or max(written, self.began)

    def must_read(self, since: int) -> bool:
        """Return whether a version would be unproved for more than `verify_days` before the next verification ends."""
        return since + self.verify_days * DAY_MS < self.now + UNTIL_NEXT_MS

    def must_compare(self, key: str, compared_at: int) -> bool:
        """Return whether a version's fixed day has come since it was last compared, read or written.

        Each key has one fixed day in COMPARE_DAYS. If no verification took place on that day, the next one counts.
        """
        today, last = self.now // DAY_MS, max(compared_at, self.began) // DAY_MS
        latest_day = today - (today - _choose_day(key)) % COMPARE_DAYS
        return last < latest_day

    def is_day_of(self, key: str) -> bool:
        """Return whether today is the fixed day of a document."""
        return self.now // DAY_MS % COMPARE_DAYS == _choose_day(key)


def _choose_day(key: str) -> int:
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:4]) % COMPARE_DAYS
