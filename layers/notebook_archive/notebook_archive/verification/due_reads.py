"""Choose the versions to read: those that were not proved for the longest time."""

import json
import math

from notebook_archive.verification.checks import Check
from notebook_archive.verification.period import Period

# Number of candidates beyond the share at which the list is cut.
_SLACK = 10_000


class DueReads:
    """The versions to read in one verification.

    The share of one night is the number of versions divided by the days of the period. Versions that would otherwise be
    late are added. Memory is limited: candidates that are not due are dropped. If the ledger knows fewer versions than
    the listing shows, a dropped one may have been older than one that is kept. The next night makes up for that.
    """

    def __init__(self, period: Period, recorded_versions: int) -> None:
        """`recorded_versions` is the number of versions in the ledger."""
        self._period, self._recorded = period, recorded_versions
        self._waiting: list[tuple[int, str, bytes]] = []
        self._versions = self._late = self._left = self._oldest_left = 0

    def count_version(self) -> None:
        """Count a version that is not a candidate, because it is read anyway."""
        self._versions += 1

    def add(self, check: Check) -> None:
        """Count a version, which is a candidate."""
        since = check["since"]
        self._versions += 1
        self._late += self._period.must_read(since)
        self._waiting.append((since, check["key"], json.dumps(check).encode()))
        if len(self._waiting) > 2 * self._share + _SLACK:
            self._cut()

    @property
    def _share(self) -> int:
        versions = max(self._versions, self._recorded)
        return max(math.ceil(versions / self._period.verify_days), self._late)

    def _cut(self) -> None:
        self._waiting.sort()
        dropped = self._waiting[self._share :]
        del self._waiting[self._share :]
        if dropped:
            self._oldest_left = min(self._oldest_left or dropped[0][0], dropped[0][0])

    def choose(self) -> tuple[list[bytes], int]:
        """Return the checks as JSON, the longest unproved first.

        The second value is the time since which the longest unproved of the others is not proved, or 0 if there is
        none.
        """
        self._cut()
        return [line for _, _, line in self._waiting], self._oldest_left
