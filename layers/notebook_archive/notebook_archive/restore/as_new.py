"""Restore a version as a new item."""

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from notebook_archive.arcgis.item_editor import EMPTY_NOTEBOOK, ItemEditor
from notebook_archive.errors import (
    NoContent,
    NotebookNotFound,
    OwnerMissing,
    RequestRejected,
    RestoreForbidden,
    RestoreInputInvalid,
    RestoreTouched,
)
from notebook_archive.models import ItemId
from notebook_archive.restore.job import RestoreJob, WayPlan, WayResult
from notebook_archive.restore.journal import LOST_RESPONSES, RestoreJournal, RestorePlan
from notebook_archive.restore.read_back import (
    SAME_CELLS,
    ReadBack,
    describe_properties,
    is_empty,
    is_version,
    read_back_item,
    read_content,
)
from notebook_archive.restore.target import OwnerContent
from notebook_archive.restore.version import MARK_PREFIX

FOLDER_NOTE, ITEM_NOTE, CONTENT_NOTE, PROPERTIES_NOTE = "1-folder", "2-item", "3-content", "4-properties"


class NewItem:
    """The restore of one version as a new item.

    The item is private until its content and its properties are complete. Until then, it has a keyword that only this
    restore uses, so that a repeated request finds it.
    """

    def __init__(self, job: RestoreJob) -> None:
        self._job, self._request, self._version = job, job.request, job.version
        self._owner = job.request.owner or job.version.owner
        if not self._owner:
            raise RestoreInputInvalid("The archive does not name the notebook's owner. Give the field owner.")
        self._title = job.request.title or job.version.title
        self._folder = job.version.folder if job.request.folder is None else job.request.folder
        self._access = "private" if job.request.is_private else job.version.access
        self._content = OwnerContent(job.target, self._owner, job.deadline)

    def plan(self) -> WayPlan:
        """Return what is going to be done. Raises OwnerMissing or RestoreForbidden."""
        try:
            folders = self._content.read(ItemEditor.list_folders)
        except (NotebookNotFound, RequestRejected) as error:
            raise OwnerMissing(f"The portal {self._job.target.url} has no member {self._owner!r}. {error}") from None
        steps = [
            (
                f"Add the item {self._title!r} for {self._owner} to {self._job.target.url}, with the credential of "
                f"{self._content.account}."
            ),
            self._describe_folder(folders),
            f"Upload {self._version.size} bytes from {self._version.key}.",
            self._describe_sharing(),
            "Read the new item back, and compare it with the archive.",
            *self._version.list_unknown(),
        ]
        mark = f"{MARK_PREFIX}{self._request.restore_id}"
        names = {"mark": mark, "folder": self._folder, "access": self._access}
        return WayPlan(self._owner, self._title, steps, names)

    def _describe_folder(self, folders: Mapping[str, str]) -> str:
        if not self._folder:
            return "Put it into the owner's root folder."
        if self._folder in folders.values():
            return f"Put it into the folder {self._folder!r}."
        return f"Create the folder {self._folder!r}, which {self._owner} does not have, and put it there."

    def _describe_sharing(self) -> str:
        if self._access == "private":
            return "Keep it private."
        shared = {"public": "everyone", "org": "the organization"}.get(self._access, "its groups")
        if not self._version.groups:
            return f"Share it with {shared}, as archived."
        titles = ", ".join(map(repr, self._version.groups.values()))
        if self._job.target.is_own:
            return f"Share it with {shared}, as archived. The groups are {titles}."
        return f"Share it with {shared}, as archived. The groups are of another portal and are left out: {titles}."

    def carry_out(self, plan: RestorePlan, journal: RestoreJournal) -> WayResult:
        """Make the item, or complete it, and read it back.

        Raises RestoreTouched if somebody saved other content in the item before it was complete.
        """
        # What is archived of the item may have changed since the restore was begun.
        self._title, self._access = plan["title"], plan["access"]
        folder_id = self._find_folder(plan["folder"], journal)
        item_id = self._find_or_add(plan["mark"], folder_id, journal)
        journal.changes.append(f"Item {item_id} of {self._owner} was added.")
        if not journal.read_note(CONTENT_NOTE):
            version = self._version
            if journal.is_resumed:
                self._require_unedited(item_id)
            self._content.edit(lambda editor: editor.upload(item_id, folder_id, version.file, version.size))
            journal.write_note(CONTENT_NOTE, {"sha256": version.sha256})
        noted = journal.read_note(PROPERTIES_NOTE)
        if not noted:
            properties = self._version.describe_item(self._title)
            self._content.edit(lambda editor: editor.update_item(item_id, folder_id, properties))
            noted = journal.write_note(PROPERTIES_NOTE, {"notShared": self._share(item_id, folder_id)})
        read_back = self._read_back(item_id, folder_id)
        left_out = [*noted["notShared"], *self._version.list_unknown()]
        if left_out:
            level = min(read_back.level, SAME_CELLS)
            read_back = ReadBack(level, [*read_back.differences, *left_out], read_back.left)
        return WayResult(read_back, {"newItemId": item_id})

    def _require_unedited(self, item_id: ItemId) -> None:
        try:
            present = read_content(self._content.portal, item_id, self._job.max_read_bytes)
        except NoContent:
            return
        with closing(present.file):
            if not is_empty(present) and not is_version(present, self._version):
                raise RestoreTouched(
                    f"Somebody saved item {item_id} before this restore completed it, so its content was not replaced. "
                    "Start another restore, with another requestId."
                )

    def _find_folder(self, title: str, journal: RestoreJournal) -> str:
        """Return the id of the folder, which is created if the owner has no such folder."""
        if not title:
            return ""
        if noted := journal.read_note(FOLDER_NOTE):
            return str(noted["folderId"])
        found = self._find_folder_by_title(title)
        if not found:
            found = self._create_folder(title, journal)
        journal.write_note(FOLDER_NOTE, {"folderId": found, "title": title})
        return found

    def _create_folder(self, title: str, journal: RestoreJournal) -> str:
        with journal.attempted_change(f"The folder {title!r} of {self._owner} was created, or may have been."):
            try:
                return self._content.edit(lambda editor: editor.create_folder(title))
            except (*LOST_RESPONSES, RequestRejected):
                found = self._find_folder_by_title(title)
                if not found:
                    raise
                return found

    def _find_folder_by_title(self, title: str) -> str:
        folders = self._content.read(ItemEditor.list_folders)
        return next((folder_id for folder_id, each in folders.items() if each == title), "")

    def _find_or_add(self, mark: str, folder_id: str, journal: RestoreJournal) -> ItemId:
        """Return the id of the new item. It is added, unless an earlier attempt has added it."""
        if noted := journal.read_note(ITEM_NOTE):
            return ItemId.parse(noted["itemId"])
        item_id = (journal.is_resumed and self._find_marked(mark)) or self._add(mark, folder_id, journal)
        noted = journal.write_note(ITEM_NOTE, {"itemId": item_id})
        if noted["itemId"] != item_id:  # the same request was carried out at the same time, and was first
            self._content.edit(lambda editor: editor.delete_item(item_id, folder_id))
        return ItemId.parse(noted["itemId"])

    def _add(self, mark: str, folder_id: str, journal: RestoreJournal) -> ItemId:
        described = self._version.describe_item(self._title)
        marked = replace(described, type_keywords=(*(described.type_keywords or ()), mark))
        journal.require_not_undone()
        change = f"An item of {self._owner} with the type keyword {mark} was added, or may have been."
        with journal.attempted_change(change):
            try:
                return self._content.edit(lambda editor: editor.add_item(marked, folder_id))
            except LOST_RESPONSES:
                item_id = self._find_marked(mark)
                if item_id is None:
                    raise
                return item_id

    def _find_marked(self, mark: str) -> ItemId | None:
        return find_marked(self._content, mark)

    def _share(self, item_id: ItemId, folder_id: str) -> list[str]:
        """Share the item as archived. Return a sentence for each group with which it could not be shared."""
        groups = self._version.groups if self._access != "private" else {}
        if self._access == "private":
            return []
        reachable = tuple(groups) if self._job.target.is_own else ()
        everyone, org = self._access == "public", self._access in ("public", "org")
        refused: tuple[str, ...] = ()
        if org or reachable:
            try:
                refused = self._content.edit(
                    lambda editor: editor.share(item_id, folder_id, everyone=everyone, org=org, groups=reachable)
                )
            except (NotebookNotFound, RequestRejected, RestoreForbidden) as error:
                return [f"The item was not shared: {error}"]
        missing = [*refused, *(group for group in groups if group not in reachable)]
        return [f"The item was not shared with the group {groups.get(group, group)!r}." for group in missing]

    def _read_back(self, item_id: ItemId, folder_id: str) -> ReadBack:
        expected: dict[str, Any] = describe_properties(self._version.describe_item(self._title))
        expected |= {"owner": self._owner, "folder": folder_id, "access": self._access}
        return read_back_item(
            self._content.portal,
            item_id,
            self._version,
            expected,
            self._job.max_read_bytes,
            earlier_sha256=hashlib.sha256(EMPTY_NOTEBOOK).hexdigest(),
        )


def find_marked(content: OwnerContent, mark: str) -> ItemId | None:
    """Return the id of the owner's item that has the mark of a restore, or None."""

    found: dict[str, Any] | None = content.read(lambda editor: editor.find_item_by_keyword(mark))
    return ItemId.parse(found.get("id")) if found else None


def get_folder_id(item: Mapping[str, Any]) -> str:
    """Return the id of an item's folder, or an empty string for the root folder."""
    folder = item.get("ownerFolder")
    return folder if isinstance(folder, str) else ""
