"""Undo each way of restoring. Nothing is changed if somebody acted after the restore."""

import hashlib
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from typing import Any

from notebook_archive.arcgis.item_editor import EMPTY_NOTEBOOK, ItemProperties
from notebook_archive.arcgis.portal import Portal
from notebook_archive.backup.staging import Staged
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import (
    ArchiveDamaged,
    NoContent,
    NotebookNotFound,
    RestoreTouched,
    UndoImpossible,
    UnexpectedAnswer,
)
from notebook_archive.models import MAX_TITLE, ItemId, NotebookItem, ResourceKey, Snapshot, VerifiedCopy, truncate
from notebook_archive.restore.as_new import ITEM_NOTE, find_marked, get_folder_id
from notebook_archive.restore.as_replacement import PRESENT_NOTE
from notebook_archive.restore.as_snapshot import SNAPSHOT_NOTE, access_of_owner, find_made, read_snapshot
from notebook_archive.restore.job import RestoreContext
from notebook_archive.restore.journal import LeftState, RestoreJournal, RestorePlan, RestoreRecord
from notebook_archive.restore.read_back import read_content
from notebook_archive.restore.sessions import check_sessions
from notebook_archive.restore.target import OwnerContent, TargetPortal
from notebook_archive.restore.version import stage_stored


class Undo:
    """The undo of one restore. `result` is None if the restore did not end.

    Each subclass looks at what the restore made, and raises RestoreTouched if somebody changed it. Then `steps` says in
    words what `carry_out` does.
    """

    def __init__(
        self,
        plan: RestorePlan,
        result: RestoreRecord | None,
        journal: RestoreJournal,
        target: TargetPortal,
        context: RestoreContext,
        deadline: Deadline,
        *,
        is_forced: bool,
    ) -> None:
        self.steps: list[str] = []
        self._plan, self._result, self._journal = plan, result, journal
        self._target, self._context, self._deadline = target, context, deadline
        self._is_forced = is_forced
        self._left: LeftState | None = result.get("left") if result else None
        self._max_bytes = max(context.max_snapshot_bytes, 2 * plan["bytes"])
        self._look()

    def _look(self) -> None:
        """Look at what the restore made, and set `steps`. Raises RestoreTouched."""
        raise NotImplementedError

    def carry_out(self) -> None:
        """Do the steps. Raises an error if ArcGIS does not confirm that they are done."""
        raise NotImplementedError

    def _require_untouched(
        self, what: str, found: Mapping[str, Any], sha256: str, unfinished_sha256: Collection[str]
    ) -> None:
        """Raise RestoreTouched if what was found is not what the restore left.

        `found` has `title` and `modified`. If the restore did not end, only the title and the SHA-256 of the content
        are compared, and `unfinished_sha256` are those that the restore itself could have left.
        """
        changes = []
        title = self._left["title"] if self._left else truncate(self._plan["title"], MAX_TITLE)
        if found["title"] != title:
            changes.append(f"the title is {found['title']!r} and was {title!r}")
        if sha256 not in ({self._left["sha256"]} if self._left else unfinished_sha256):
            changes.append("the content is different")
        if self._left and found.get("folder", "") != self._left.get("folder", ""):
            changes.append("it is in another folder")
        if self._left and found.get("access") != self._left.get("access"):
            changes.append(f"its access is {found.get('access')!r} and was {self._left.get('access')!r}")
        if self._left and found["modified"] != self._left["modified"]:
            moments = format_moment(found["modified"]), format_moment(self._left["modified"])
            changes.append(f"its time is {moments[0]} and was {moments[1]}")
        if changes:
            raise RestoreTouched(f"Somebody changed {what} after the restore: {', '.join(changes)}.")

    def _require_unsaved(self, portal: Portal, item: NotebookItem) -> None:
        """Raise RestoreTouched if somebody saved an item after this undo looked at it."""
        if portal.get_item(item.item_id).modified != item.modified:
            raise RestoreTouched(f"Somebody saved item {item.item_id} when this undo had begun. Nothing was undone.")


class UndoNew(Undo):
    """Deletes the item that a restore made."""

    _item: NotebookItem | None = None

    def _look(self) -> None:
        self._content = OwnerContent(self._target, self._plan["owner"], self._deadline)
        item_id = self._find_item_id()
        if item_id is None:
            self.steps = ["Delete nothing, because the restore added no item."]
            return
        try:
            item = self._content.portal.get_item(item_id)
        except NotebookNotFound:
            self.steps = [f"Delete nothing, because item {item_id} does not exist any more."]
            return
        what = f"item {item_id}"
        if item.owner.casefold() != self._plan["owner"].casefold():
            raise RestoreTouched(f"Somebody gave {what} to {item.owner} after the restore.")
        sha256 = _read_sha256(self._content.portal, item_id, self._max_bytes)
        unfinished = (hashlib.sha256(EMPTY_NOTEBOOK).hexdigest(), self._plan["sha256"])
        self._require_untouched(what, _describe(item), sha256, unfinished)
        self.steps = [
            f"Delete {what}, {item.title!r} of {item.owner}, with the credential of {self._content.account}.",
            "ArcGIS Online keeps a deleted item in the recycle bin for 14 days.",
        ]
        self._item = item

    def _find_item_id(self) -> ItemId | None:
        noted = self._journal.read_note(ITEM_NOTE)
        return ItemId.parse(noted["itemId"]) if noted else find_marked(self._content, self._plan["mark"])

    def carry_out(self) -> None:
        """Delete the item, and prove that it is gone."""
        item = self._item
        if item is None:
            return
        item_id, folder_id = item.item_id, get_folder_id(item.properties)
        with suppress(NotebookNotFound):  # an earlier attempt may have deleted it, which the next call proves
            self._require_unsaved(self._content.portal, item)
            self._content.edit(lambda editor: editor.delete_item(item_id, folder_id))
        try:
            self._content.portal.get_item(item_id)
        except NotebookNotFound:
            return
        raise UnexpectedAnswer(f"Item {item_id} was to be deleted, but ArcGIS still has it.")


class UndoReplacement(Undo):
    """Puts back the content that a restore replaced."""

    _item: NotebookItem | None = None

    def _look(self) -> None:
        item_id = ItemId.parse(self._plan["itemId"])
        noted = self._journal.read_note(PRESENT_NOTE)
        if noted is None:
            self.steps = [f"Put nothing back, because the content of item {item_id} was not replaced."]
            return
        self._noted = noted
        item = self._target.find_item(item_id, self._plan["owner"], self._deadline)
        self._content = OwnerContent(self._target, item.owner, self._deadline)
        sha256 = _read_sha256(self._content.portal, item_id, self._max_bytes)
        self._is_put_back = sha256 == noted["sha256"]
        if not self._is_put_back:
            what = f"item {item_id}"
            self._require_untouched(what, _describe(item), sha256, (self._plan["sha256"],))
            if not noted["key"]:
                raise UndoImpossible(
                    f"Item {item_id} had no content before the restore, and ArcGIS removes no content."
                )
            self.steps = [
                check_sessions(self._target, item_id, self._deadline, is_forced=self._is_forced),
                (
                    f"Replace the content of {what}, {item.title!r} of {item.owner}, by {noted['key']}, which it had "
                    f"before, with the credential of {self._content.account}."
                ),
            ]
        self.steps.append(f"Set the runtime of item {item_id} to what it was.")
        self._item = item

    def carry_out(self) -> None:
        """Upload the earlier content, set the earlier runtime, and prove that ArcGIS has the content."""
        item, noted = self._item, self._noted if self._item else {}
        if item is None:
            return
        item_id, folder_id = item.item_id, get_folder_id(item.properties)
        if not self._is_put_back:
            staged = self._open_copy(noted["key"], noted["sha256"])
            with closing(staged.file):
                self._require_unsaved(self._content.portal, item)
                self._content.edit(lambda editor: editor.upload(item_id, folder_id, staged.file, staged.size))
        runtime = ItemProperties(runtime=noted["runtime"])
        self._content.edit(lambda editor: editor.update_item(item_id, folder_id, runtime))
        if _read_sha256(self._content.portal, item_id, self._max_bytes) != noted["sha256"]:
            raise UnexpectedAnswer(f"ArcGIS reported that it replaced the content of item {item_id}, but has other.")

    def _open_copy(self, key: str, sha256: str) -> Staged:
        stored = self._context.reader.open_version(key)
        if stored is None:
            raise UndoImpossible(f"The archive does not have {key} any more, which the item contained before.")
        with closing(stored):
            staged = stage_stored(stored)
        if staged.digest.hex() != sha256:
            staged.file.close()
            raise ArchiveDamaged(f"{key} does not have the SHA-256 that the restore noted.")
        return staged


class UndoSnapshot(Undo):
    """Deletes the snapshot that a restore made."""

    _copy: VerifiedCopy | None = None

    def _look(self) -> None:
        item_id = ItemId.parse(self._plan["itemId"])
        self._access = access_of_owner(self._target, self._plan["owner"], self._deadline)
        snapshot = self._find_snapshot(item_id)
        if snapshot is None:
            self.steps = [f"Delete nothing, because item {item_id} does not have the snapshot any more, or never had."]
            return
        self._copy = self._prove_made(item_id, snapshot)
        self.steps = [
            f"Delete the snapshot {snapshot.name!r} of item {item_id}, with the credential of {self._plan['owner']}."
        ]

    def _find_snapshot(self, item_id: ItemId) -> Snapshot | None:
        listed, noted = self._access.list_snapshots(item_id), self._journal.read_note(SNAPSHOT_NOTE)
        if noted is None:
            return find_made(listed, self._plan)
        key = ResourceKey.parse(noted["resourceKey"])
        return next((each for each in listed.snapshots if each.resource_key == key), None)

    def _prove_made(self, item_id: ItemId, snapshot: Snapshot) -> VerifiedCopy:
        """Return the proof that the snapshot may be deleted. Raises RestoreTouched.

        The restore's record names the snapshot, and ArcGIS serves what the restore made from the archive.
        """
        staged = read_snapshot(self._access, item_id, snapshot.resource_key, self._max_bytes)
        with closing(staged.file):
            sha256 = staged.digest.hex()
        found = {"title": snapshot.name, "modified": snapshot.created}
        what = f"snapshot {snapshot.resource_key} of item {item_id}"
        self._require_untouched(what, found, sha256, (self._plan["sha256"],))
        return VerifiedCopy(item_id, snapshot.resource_key, sha256)

    def carry_out(self) -> None:
        """Delete the snapshot, and prove that it is not listed any more."""
        copy = self._copy
        if copy is None:
            return
        self._access.delete_snapshot(copy)
        if any(each.resource_key == copy.resource_key for each in self._access.list_snapshots(copy.item_id).snapshots):
            raise UnexpectedAnswer(
                f"ArcGIS reported that snapshot {copy.resource_key} was deleted, but still lists it."
            )


def _describe(item: NotebookItem) -> dict[str, Any]:
    properties = item.properties
    return {
        "title": item.title,
        "modified": item.modified,
        "folder": properties.get("ownerFolder") or "",
        "access": properties.get("access") or "",
    }


def _read_sha256(portal: Portal, item_id: ItemId, limit: int) -> str:
    """Return the SHA-256 of an item's content, or an empty string if it has none."""
    try:
        staged = read_content(portal, item_id, limit)
    except NoContent:
        return ""
    with closing(staged.file):
        return staged.digest.hex()
