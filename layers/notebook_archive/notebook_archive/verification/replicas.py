"""Compare the archive with the second place, and find what S3 did not replicate.

S3 gives a replica the key and the version id of its original. So the two listings are compared, and nothing is read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from notebook_archive.archive import ListedKey, ListedVersion, keys
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveError
from notebook_archive.models import ItemId
from notebook_archive.verification.findings import Finding, make_finding

# Time that S3 has for a replica. Most objects take minutes, but a large one can take hours (Amazon S3 User Guide,
# "Troubleshooting replication").
GRACE_HOURS = 4
# Maximum number of findings of one comparison. Before Batch Replication has ended, there may be millions of objects
# without a replica. All are counted.
MAX_FINDINGS = 10_000


class SecondPlaceSummary(TypedDict):
    """The result of a comparison. `compared` and `notReplicated` are numbers of S3 versions of objects.

    `error` says why the second place could not be listed, or is empty.
    """

    bucket: str
    compared: int
    notReplicated: int
    error: str


@dataclass(frozen=True, slots=True)
class Replicas:
    """What the second place has in a range of keys: the size of each S3 version by its id, by key.

    `error` says why it could not be listed, or is empty.
    """

    sizes: Mapping[str, Mapping[str, int]]
    error: str = ""

    @classmethod
    def read(cls, listing: Iterable[ListedKey]) -> "Replicas":
        """Return what a listing of the second place yields. An error of S3 is kept in `error`."""
        try:
            return cls({each.key: {version.version_id: version.size for version in each.versions} for each in listing})
        except ArchiveError as error:
            return cls({}, str(error))

    def compare(self, listed: Iterable[ListedKey], now: int) -> "Comparison":
        """Compare objects of the archive with their replicas. `now` is in epoch milliseconds."""
        if self.error:
            return Comparison(error=self.error)
        compared, findings = 0, []
        for key, version in _list_due(listed, now):
            compared += 1
            if self.sizes.get(key, {}).get(version.version_id) != version.size:
                findings.append(_describe(key, version, now))
        return Comparison(compared, findings)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The number of compared S3 versions, a finding for each that has no replica, and an error or an empty text."""

    compared: int = 0
    findings: list[Finding] = field(default_factory=list)
    error: str = ""


@dataclass(slots=True)
class ComparedSoFar:
    """The comparisons of a verification so far. `findings` are at most MAX_FINDINGS, the first ones by key."""

    bucket: str
    findings: list[Finding] = field(default_factory=list)
    _compared: int = 0
    _not_replicated: int = 0
    _error: str = ""

    def add(self, comparison: Comparison) -> None:
        """Add the comparison of the next keys."""
        self._compared += comparison.compared
        self._not_replicated += len(comparison.findings)
        self._error = self._error or comparison.error
        self.findings += comparison.findings[: MAX_FINDINGS - len(self.findings)]

    def summarize(self) -> SecondPlaceSummary:
        """Return the figures."""
        return {
            "bucket": self.bucket,
            "compared": self._compared,
            "notReplicated": self._not_replicated,
            "error": self._error,
        }


@dataclass(frozen=True, slots=True)
class Unreplicated:
    """The findings of the comparison that a plan made. `item_ids` are the chosen items, or empty for all."""

    findings: list[Finding]
    item_ids: frozenset[ItemId] = frozenset()

    def covers(self, key: str) -> bool:
        """Return whether the object was compared."""
        return not self.item_ids or keys.item_of(key) in self.item_ids


def _list_due(listed: Iterable[ListedKey], now: int) -> Iterator[tuple[str, ListedVersion]]:
    """Yield the S3 versions that must have a replica by now.

    These are all S3 versions of snapshots and copies, and the current ones of other objects, because a lifecycle rule
    deletes older ones of `item.json`. Delete markers are not replicated.
    """
    for each in listed:
        kept = each.versions if keys.parse_version(each.key) else each.versions[:1]
        for version in kept:
            if not version.is_marker and version.written.timestamp() * 1000 <= now - GRACE_HOURS * 3_600_000:
                yield each.key, version


def _describe(key: str, version: ListedVersion, now: int) -> Finding:
    message = f"The second place does not have {key}, which was written more than {GRACE_HOURS} hours ago."
    return make_finding("not-replicated", {"key": key, "versionId": version.version_id}, message, format_moment(now))
