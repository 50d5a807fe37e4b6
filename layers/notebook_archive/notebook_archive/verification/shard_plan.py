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
    are reads of which only the longest unproved are done. `others` are due today. `unrecorded` counts the versions that
    the ledger does not have. `deleted_notebooks` and `deleted_versions` count what the archive has of notebooks that
    ArcGIS does not have.
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
    plan = ShardPlan()
    for each in listed:
        _plan_key(each, entries.get(each.key), plan, period, scope, is_open=each.key in open_keys)
    there = {each.key for each in listed}
    for key in sorted(entries.keys() - there):
        if entries[key].sha256:
            plan.urgent.append(_make_check("missing", key, entries[key]))
    planned = {check["key"] for check in plan.urgent}
    plan.urgent += [_make_check(choose_kind(key), key) for key in sorted({*open_keys} - there - planned)]
    _count_deleted(listed, plan)
    return plan


def choose_kind(key: str) -> CheckKind:
    """Return how an object is checked that has an open finding and that S3 does not list any more."""
    if not key.startswith(keys.NOTEBOOKS):
        return "record"
    if keys.is_document(key):
        return "document"
    return "read" if keys.parse_version(key) else "foreign"


def _plan_key(
    listed: ListedKey, entry: LedgerEntry | None, plan: ShardPlan, period: Period, scope: Scope, *, is_open: bool
) -> None:
    key, current = listed.key, listed.current
    if keys.parse_version(key) is None:
        is_foreign = current is not None and not keys.is_document(key)
        if is_open or is_foreign:
            plan.urgent.append(_make_check(choose_kind(key), key, older=_list_older(listed)))
        elif current and (scope != "due" or period.is_day_of(key)):
            plan.others.append(_make_check("document", key, older=_list_older(listed)))
    elif current is None:
        plan.urgent.append(_make_check("missing", key, entry, older=_list_older(listed)))
    else:
        _plan_version(listed, current, entry, plan, period, scope, is_open=is_open)


def _plan_version(
    listed: ListedKey,
    current: ListedVersion,
    entry: LedgerEntry | None,
    plan: ShardPlan,
    period: Period,
    scope: Scope,
    *,
    is_open: bool,
) -> None:
    is_recorded = entry is not None and bool(entry.sha256)
    plan.versions += 1
    plan.unrecorded += not is_recorded
    older, written = _list_older(listed), int(current.written.timestamp() * 1000)
    proved_at = entry.proved_at if entry else 0
    check = _make_check("read", listed.key, entry, "" if current.version_id == "null" else current.version_id, older)
    check["since"] = period.find_start(written, proved_at)
    is_new = bool(proved_at or older) and written > proved_at  # written again, so it may have been replaced
    has_other_size = entry is not None and is_recorded and current.size != entry.size
    if is_open or is_new or has_other_size or (entry and entry.findings):
        plan.urgent.append(check)
        plan.urgent_versions += 1
        return
    if scope != "due":
        plan.others.append(check)
        return
    plan.candidates.append(check)
    compared_at = max(written, proved_at, entry.headed_at if entry else 0)
    if period.must_compare(listed.key, compared_at):
        plan.others.append({**check, "kind": "head"})


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


def _count_deleted(listed: Sequence[ListedKey], plan: ShardPlan) -> None:
    objects = [(each.key, each.current) for each in listed if each.current]
    notebooks = group_by_notebook(ListedObject(key, current.written, current.size) for key, current in objects)
    deleted = {each.item_id for each in notebooks if each.is_deleted}
    parsed = (keys.parse_version(key) for key, _ in objects)
    plan.deleted_notebooks = len(deleted)
    plan.deleted_versions = sum(found is not None and found[0] in deleted for found in parsed)
