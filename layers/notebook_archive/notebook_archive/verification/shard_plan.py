"""Plan the checks of one shard of the archive: its keys as S3 lists them, and what the ledger knows of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from notebook_archive.archive import LedgerEntry, ListedKey, ListedVersion, keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.archive.listing import group_by_notebook
from notebook_archive.verification.checks import Check, CheckKind
from notebook_archive.verification.period import Period
from notebook_archive.verification.verification_input import Scope

# Maximum number of older S3 versions of one key that a check may look at.
MAX_OLDER = 20


@dataclass(slots=True)
class ShardPlan:
    """The checks of one shard, and counts of what is in it.

    `urgent` are done in every verification: whatever is missing, foreign, replaced or has an open finding. `candidates`
    are reads, and only the longest unproved of them are done. `others` are due today. `unrecorded` counts the versions
    that the ledger does not have. `deleted_notebooks` and `deleted_versions` count what the archive has of notebooks
    that ArcGIS does not have.
    """

    urgent: list[Check] = field(default_factory=list)
    candidates: list[Check] = field(default_factory=list)
    others: list[Check] = field(default_factory=list)
    versions: int = 0
    urgent_versions: int = 0
    unrecorded: int = 0
    deleted_notebooks: int = 0
    deleted_versions: int = 0


def plan_shard(
    listed: Sequence[ListedKey],
    entries: Mapping[str, LedgerEntry],
    open_keys: Collection[str],
    period: Period,
    scope: Scope,
) -> ShardPlan:
    """Return the checks of a shard. The same arguments always give the same checks, in the same order.

    `open_keys` are the keys of the shard that have open findings. With another scope than "due", everything in the
    listing is read.
    """
    planner = _ShardPlanner(entries, frozenset(open_keys), period, scope)
    for each in listed:
        planner.add_key(each)
    planner.add_unlisted({each.key for each in listed})
    planner.count_deleted(listed)
    return planner.plan


def choose_kind(key: str) -> CheckKind:
    """Return how an object is checked that has an open finding and that S3 does not list any more."""
    if not key.startswith(keys.NOTEBOOKS):
        return "record"
    if keys.is_document(key):
        return "document"
    return "read" if keys.parse_version(key) else "foreign"


class _ShardPlanner:
    """Makes the plan of one shard."""

    def __init__(
        self, entries: Mapping[str, LedgerEntry], open_keys: frozenset[str], period: Period, scope: Scope
    ) -> None:
        self._entries, self._open_keys, self._period, self._scope = entries, open_keys, period, scope
        self.plan = ShardPlan()

    def add_key(self, listed: ListedKey) -> None:
        """Add the check of a key that S3 lists, if one is due."""
        key, current = listed.key, listed.current
        if keys.parse_version(key) is None:
            self._add_other_key(listed)
        elif current is None:
            self.plan.urgent.append(_make_check("missing", key, self._entries.get(key), older=_list_older(listed)))
        else:
            self._add_version(listed, current, self._entries.get(key))

    def _add_other_key(self, listed: ListedKey) -> None:
        """Add the check of a document or of a foreign key."""
        key, is_there = listed.key, listed.current is not None
        if key in self._open_keys or (is_there and not keys.is_document(key)):
            self.plan.urgent.append(_make_check(choose_kind(key), key, older=_list_older(listed)))
        elif is_there and (self._scope != "due" or self._period.is_day_of(key)):
            self.plan.others.append(_make_check("document", key, older=_list_older(listed)))

    def _add_version(self, listed: ListedKey, current: ListedVersion, entry: LedgerEntry | None) -> None:
        self.plan.versions += 1
        self.plan.unrecorded += entry is None or not entry.sha256
        older, written = _list_older(listed), int(current.written.timestamp() * 1000)
        proved_at = entry.proved_at if entry else 0
        version_id = "" if current.version_id == "null" else current.version_id
        check = _make_check("read", listed.key, entry, version_id, older)
        check["since"] = self._period.find_start(written, proved_at)
        is_written_again = bool(proved_at or older) and written > proved_at
        if listed.key in self._open_keys or is_written_again or (entry and _is_suspicious(entry, current)):
            self.plan.urgent.append(check)
            self.plan.urgent_versions += 1
        elif self._scope != "due":
            self.plan.others.append(check)
        else:
            self.plan.candidates.append(check)
            if self._period.must_compare(listed.key, max(written, proved_at, entry.headed_at if entry else 0)):
                self.plan.others.append({**check, "kind": "head"})

    def add_unlisted(self, listed_keys: Collection[str]) -> None:
        """Add the checks of keys that S3 does not list: recorded versions, and objects with open findings."""
        recorded = {key for key, entry in self._entries.items() if entry.sha256 and key not in listed_keys}
        self.plan.urgent += [_make_check("missing", key, self._entries[key]) for key in sorted(recorded)]
        self.plan.urgent += [
            _make_check(choose_kind(key), key) for key in sorted(self._open_keys - recorded) if key not in listed_keys
        ]

    def count_deleted(self, listed: Sequence[ListedKey]) -> None:
        """Count what the archive has of notebooks that ArcGIS does not have any more."""
        objects = [(each.key, each.current) for each in listed if each.current]
        notebooks = group_by_notebook(ListedObject(key, current.written, current.size) for key, current in objects)
        deleted = {each.item_id for each in notebooks if each.is_deleted}
        parsed = (keys.parse_version(key) for key, _ in objects)
        self.plan.deleted_notebooks = len(deleted)
        self.plan.deleted_versions = sum(found is not None and found[0] in deleted for found in parsed)


def _is_suspicious(entry: LedgerEntry, current: ListedVersion) -> bool:
    """Return whether a version has an open finding in the ledger, or another size than the ledger says."""
    return bool(entry.findings) or (bool(entry.sha256) and current.size != entry.size)


def _make_check(
    kind: CheckKind,
    key: str,
    entry: LedgerEntry | None = None,
    version_id: str = "",
    older: Sequence[str] = (),
) -> Check:
    check: Check = {"kind": kind, "key": key, "versionId": version_id}
    if older:
        check["older"] = list(older)
    if entry and entry.sha256:
        check["bytes"], check["sha256"] = entry.size, entry.sha256
    return check


def _list_older(listed: ListedKey) -> list[str]:
    """Return the ids of the S3 versions that are not the current one, the newest first.

    If there are more than MAX_OLDER, the newest ones and the oldest one are returned.
    """
    older = [each.version_id for each in listed.versions if not each.is_marker and each is not listed.current]
    return older if len(older) <= MAX_OLDER else [*older[: MAX_OLDER - 1], older[-1]]
