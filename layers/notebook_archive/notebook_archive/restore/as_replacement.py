"""Restore a version over the content of an existing item."""

from contextlib import closing
from typing import Any

from notebook_archive.arcgis.item_editor import ItemProperties
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import CopyId, RunId, StoreRecord
from notebook_archive.archive.keys import copy_key
from notebook_archive.backup.archive_current import archive_current
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.planned import plan_content
from notebook_archive.backup.storing import ItemReference, Provenance
from notebook_archive.clock import format_moment
from notebook_archive.errors import NoContent, RestoreTouched
from notebook_archive.restore.as_new import get_folder_id
from notebook_archive.restore.job import RestoreJob, WayPlan, WayResult
from notebook_archive.restore.journal import RestoreJournal, RestorePlan
from notebook_archive.restore.read_back import describe_item, describe_runtime, is_version, read_back_item, read_content
from notebook_archive.restore.sessions import check_sessions
from notebook_archive.restore.target import OwnerContent

PRESENT_NOTE, REPLACED_NOTE = "1-present", "2-replaced"


class Replacement:
    """The restore of one version over the content of an item.

    The present content is archived first. Title, tags and description of the item stay as they are.
    """

    def __init__(self, job: RestoreJob) -> None:
        self._job, self._version, self._item_id = job, job.version, job.request.target_item_id
        self._item = job.target.find_item(self._item_id, job.version.owner, job.deadline)
        self._content = OwnerContent(job.target, self._item.owner, job.deadline)

    def plan(self) -> WayPlan:
        """Return what is going to be done. Raises SessionOpen, SessionsUnknown or RestoreForbidden."""
        item = self._item
        modified = format_moment(item.modified)
        steps = [
            self._check_sessions(),
            f"Archive the present content of item {self._item_id}, modified {modified}.",
            (
                f"Replace the content of the item {item.title!r} of {item.owner} by {self._version.size} bytes from "
                f"{self._version.key}, with the credential of {self._content.account}. Title, tags and description "
                "stay as they are."
            ),
            "Read the item back, and compare it with the archive.",
        ]
        if runtime := describe_runtime(self._version.runtime_properties):
            steps.insert(3, f"Set the item's runtime to {runtime}.")
        return WayPlan(item.owner, item.title, steps, {"itemId": self._item_id})

    def _check_sessions(self) -> str:
        job = self._job
        return check_sessions(job.target, self._item_id, job.deadline, is_forced=job.request.is_forced)

    def carry_out(self, plan: RestorePlan, journal: RestoreJournal) -> WayResult:
        """Archive the present content, replace it, and read the item back.

        Raises RestoreTouched if somebody changed the content between these steps.
        """
        noted = journal.read_note(PRESENT_NOTE) or journal.write_note(PRESENT_NOTE, self._archive_present(plan))
        folder_id, item_id, version = get_folder_id(self._item.properties), self._item_id, self._version
        properties = ItemProperties(runtime=version.runtime_properties)
        if not journal.read_note(REPLACED_NOTE):
            is_replaced = self._is_replaced(noted)
            if journal.is_resumed and not is_replaced:
                self._check_sessions()
            journal.changes.append(
                f"The content of item {item_id} was replaced, or may have been. The content before it is archived as "
                f"{noted['key'] or 'nothing, because the item was empty'}."
            )
            if not is_replaced:
                self._content.edit(lambda editor: editor.upload(item_id, folder_id, version.file, version.size))
            if properties.runtime:
                self._content.edit(lambda editor: editor.update_item(item_id, folder_id, properties))
            journal.write_note(REPLACED_NOTE, {"sha256": version.sha256})
        expected: dict[str, Any] = describe_item(self._item)
        if properties.runtime:
            expected["runtime"] = describe_runtime(properties.runtime)
        read_back = read_back_item(self._content.portal, item_id, version, expected, self._job.max_read_bytes)
        return WayResult(read_back, {"archived": noted["key"]} if noted["key"] else {})

    def _is_replaced(self, noted: dict[str, Any]) -> bool:
        """Return whether an earlier attempt has replaced the content. Raises RestoreTouched if somebody else did."""
        if self._item.modified and self._item.modified == noted["modified"]:
            return False
        try:
            present = read_content(self._content.portal, self._item_id, self._job.max_read_bytes)
            with closing(present.file):
                sha256, is_replaced = present.digest.hex(), is_version(present, self._version)
        except NoContent:
            sha256, is_replaced = "", False
        if not is_replaced and sha256 != noted["sha256"]:
            raise RestoreTouched(
                f"Somebody saved notebook {self._item_id} after this restore archived its content. Nothing was "
                "replaced. Start another restore, with another requestId."
            )
        return bool(is_replaced)

    def _archive_present(self, plan: RestorePlan) -> dict[str, Any]:
        """Archive the present content. Return the note about it, with which an undo puts it back.

        `key` is the S3 key of the copy. It is empty if the item has no content.
        """
        context, item, item_id = self._job.context, self._item, self._item_id
        archive, run = context.archive, RunId.parse(plan["runId"])
        properties = item.properties.get("properties")
        noted: dict[str, Any] = {
            "modified": item.modified,
            "runtime": properties if isinstance(properties, dict) else {},
            "title": item.title,
            "key": "",
            "sha256": "",
        }
        planned = plan_content(item, archive.list_one_notebook(item_id))
        planned.pop("settled", None)  # the content is fetched in any case, because an undo needs its SHA-256
        access = SnapshotAccess(self._content.portal, owner=item.owner)
        reference = ItemReference(item_id, item.title, item.owner)
        provenance = Provenance(access.route, run, self._job.target.url)
        with closing(CurrentContent(item_id, planned, access, context.max_snapshot_bytes)) as content:
            try:
                staged = content.staged()
            except NoContent:
                return noted
            noted["sha256"] = staged.digest.hex()
            stored = archive_current(content, reference, provenance, archive)
            held = CopyId.parse(planned["held"]) if planned["held"] else None
            is_held = held is not None and archive.has_copy(item_id, held, staged.digest)
            noted["key"] = copy_key(item_id, held if held is not None and is_held else content.copy)
        if stored:
            archive.put_store_record(run, [StoreRecord(stored["key"], stored["bytes"], stored["sha256"])])
        return noted
