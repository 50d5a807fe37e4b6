"""Restore a version as a snapshot of an item."""

from contextlib import closing

from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.backup.current_content import MAX_FORM_BYTES
from notebook_archive.backup.staging import Staged, stage
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    PermissionDenied,
    RequestRejected,
    RestoreForbidden,
    SecretMissing,
    SnapshotNameTaken,
    SnapshotsFull,
    SnapshotUnsendable,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, ResourceKey, Snapshot, SnapshotListing
from notebook_archive.restore.job import RestoreJob, WayPlan, WayResult
from notebook_archive.restore.journal import LOST_RESPONSES, LeftState, RestoreJournal, RestorePlan
from notebook_archive.restore.read_back import PARSED, SAME_PROPERTIES, ReadBack, compare_content
from notebook_archive.restore.target import TargetPortal, require_credential_of

# The name of a snapshot for which the request gives none begins with this prefix. The restore id follows.
NAME_PREFIX = "Restored from the archive "

SNAPSHOT_NOTE = "1-snapshot"


class NewSnapshot:
    """The restore of one version as a snapshot of an item. Only the item's owner may make snapshots."""

    def __init__(self, job: RestoreJob) -> None:
        self._job, self._version, self._item_id = job, job.version, job.request.target_item_id
        self._item = job.target.find_item(self._item_id, job.version.owner, job.deadline)
        self._access = access_of_owner(job.target, self._item.owner, job.deadline)
        self._name = job.request.title or f"{NAME_PREFIX}{job.request.restore_id}"

    def plan(self) -> WayPlan:
        """Return what is going to be done.

        Raises SnapshotUnsendable, SnapshotNameTaken, SnapshotsFull or RestoreForbidden.
        """
        item, version, limit = self._item, self._version, self._job.context.snapshot_limit
        if version.size > MAX_FORM_BYTES:
            raise SnapshotUnsendable(
                f"{version.key} has {version.size} bytes. A snapshot is sent in a form field, which has at most "
                f"{MAX_FORM_BYTES} bytes."
            )
        self._read_text()
        snapshots = self._list().snapshots
        if any(each.name == self._name for each in snapshots):
            raise self._describe_taken(self._name)
        if len(snapshots) >= limit:
            raise self._describe_full(len(snapshots))
        steps = [
            (
                f"Make the snapshot {self._name!r} of the item {item.title!r} of {item.owner}, with the credential of "
                f"{item.owner}, from {version.key}. The item has {len(snapshots)} of {limit} snapshots."
            ),
            "Read the new snapshot back, and compare it with the archive.",
        ]
        names = {"itemId": self._item_id, "before": [each.resource_key for each in snapshots]}
        return WayPlan(item.owner, self._name, steps, names)

    def carry_out(self, plan: RestorePlan, journal: RestoreJournal) -> WayResult:
        """Make the snapshot, unless an earlier attempt has made it, and read it back."""
        noted = journal.read_note(SNAPSHOT_NOTE)
        if not noted:
            made = (journal.is_resumed and self._find_lost(plan)) or self._make(plan, journal)
            noted = journal.write_note(SNAPSHOT_NOTE, {"resourceKey": made.resource_key, "created": made.created})
        key = ResourceKey.parse(noted["resourceKey"])
        journal.changes.append(f"Snapshot {key} of item {self._item_id} was made.")
        staged = self._read(key)
        with closing(staged.file):
            differences, sha256 = compare_content(staged, self._version), staged.digest.hex()
        left: LeftState = {"title": plan["title"], "modified": noted["created"], "sha256": sha256}
        level = PARSED if differences else SAME_PROPERTIES
        return WayResult(ReadBack(level, differences, left), {"snapshot": key})

    def _make(self, plan: RestorePlan, journal: RestoreJournal) -> Snapshot:
        """Make the snapshot. If the response is lost, only the listing shows whether it was made."""
        name = plan["title"]
        text = self._read_text()
        change = f"The snapshot {name!r} of item {self._item_id} was made, or may have been."
        with journal.attempted_change(change):
            try:
                key = self._access.create_snapshot(self._item_id, name, text)
            except PermissionDenied as error:
                raise RestoreForbidden(
                    f"{error} The account of secret {self._access.portal.secret!r} needs the privilege to create "
                    "notebooks."
                ) from None
            except RequestRejected:
                snapshots = self._list().snapshots
                if any(each.name == name for each in snapshots):
                    raise self._describe_taken(name) from None
                if len(snapshots) >= self._job.context.snapshot_limit:
                    raise self._describe_full(len(snapshots)) from None
                raise
            except LOST_RESPONSES:
                if found := self._find_lost(plan):
                    return found
                raise
        made = next((each for each in self._list().snapshots if each.resource_key == key), None)
        if made is None:
            raise UnexpectedAnswer(f"ArcGIS reported that it made snapshot {key}, but does not list it.")
        return made

    def _read_text(self) -> str:
        self._version.file.seek(0)
        try:
            return self._version.file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SnapshotUnsendable(
                f"{self._version.key} contains a lone surrogate, which a form field cannot contain."
            ) from None

    def _find_lost(self, plan: RestorePlan) -> Snapshot | None:
        """Return the snapshot that an attempt made whose response was lost, or None.

        It has the planned name and content, and was not there before. So it is not a snapshot that somebody else made.
        """
        made = find_made(self._list(), plan)
        if made is None:
            return None
        staged = self._read(made.resource_key)
        with closing(staged.file):
            return None if compare_content(staged, self._version) else made

    def _read(self, key: ResourceKey) -> Staged:
        return read_snapshot(self._access, self._item_id, key, self._job.max_read_bytes)

    def _list(self) -> SnapshotListing:
        return self._access.list_snapshots(self._item_id)

    def _describe_taken(self, name: str) -> SnapshotNameTaken:
        return SnapshotNameTaken(f"Item {self._item_id} already has a snapshot {name!r}.")

    def _describe_full(self, count: int) -> SnapshotsFull:
        noun = "1 snapshot" if count == 1 else f"{count} snapshots"
        return SnapshotsFull(f"Item {self._item_id} has {noun}, and ArcGIS allows {self._job.context.snapshot_limit}.")


def access_of_owner(target: TargetPortal, owner: str, deadline: Deadline) -> SnapshotAccess:
    """Return the access to an owner's snapshots, which needs the owner's credential. Raises RestoreForbidden."""
    try:
        access = target.routes.owner_access(owner, deadline)
    except SecretMissing:
        raise RestoreForbidden(
            f"Only {owner} may make snapshots of this notebook, and there is no secret "
            f"{target.routes.secret_of(owner)!r}."
        ) from None
    require_credential_of(owner, access.portal)
    return access


def read_snapshot(access: SnapshotAccess, item_id: ItemId, key: ResourceKey, limit: int) -> Staged:
    """Return a snapshot as ArcGIS serves it. The caller must close it."""
    what = f"Snapshot {key} of item {item_id}"
    return access.read_snapshot(item_id, key, limit, lambda chunks: stage(chunks, what))


def find_made(listed: SnapshotListing, plan: RestorePlan) -> Snapshot | None:
    """Return the snapshot that a restore made, or None. It has the planned name, and was not there before."""
    before = set(plan["before"])
    return next(
        (each for each in listed.snapshots if each.name == plan["title"] and each.resource_key not in before), None
    )
