"""The record of one restore in the archive: its plan, a note of each completed step, and its result."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NotRequired, TypedDict

from notebook_archive.archive import Archive, RestoreId
from notebook_archive.archive.keys import (
    restore_note_key,
    restore_plan_key,
    restore_result_key,
    undo_plan_key,
    undo_result_key,
)
from notebook_archive.errors import (
    ArcGISUnavailable,
    ArchiveDamaged,
    ArchiveUnavailable,
    DeadlineExceeded,
    NotebookArchiveError,
    RestoreIdTaken,
    UnexpectedAnswer,
)
from notebook_archive.restore.request import Way

SCHEMA = 1
# Errors after which ArcGIS may have done what it was asked to do.
LOST_RESPONSES = (ArcGISUnavailable, DeadlineExceeded, UnexpectedAnswer)


class RestorePlan(TypedDict):
    """The plan of a restore. It is written before anything is changed, and contains every name that is used.

    `requestId` is the id of the request, and `restoreId` its encoded form. `runId` is the run id of what the restore
    archives. `steps` says in words what is done. `mark` is the keyword by which a new item is found until it is
    complete. `folder` is the title of the folder of a new item, or empty. `before` are the keys of the snapshots that
    the item had. `access` says with whom a new item is shared.
    """

    schema: int
    restoreId: str
    requestId: str
    runId: str
    startedAt: str
    request: Mapping[str, Any]
    key: str
    bytes: int
    sha256: str
    portalUrl: str
    owner: str
    title: str
    steps: list[str]
    itemId: NotRequired[str]
    mark: NotRequired[str]
    folder: NotRequired[str]
    access: NotRequired[str]
    before: NotRequired[list[str]]


class LeftState(TypedDict):
    """What a restore left. An undo refuses if it finds anything else. `modified` is in epoch milliseconds.

    `folder` is the id of an item's folder, or empty. A snapshot has no `folder` and no `access`.
    """

    title: str
    modified: int
    sha256: str
    folder: NotRequired[str]
    access: NotRequired[str]


class Made(TypedDict, total=False):
    """The names of what a restore made: a new item, a snapshot, or the copy of the content that it replaced."""

    newItemId: str
    snapshot: str
    archived: str


# The functional form, because `as` is a keyword.
_As = TypedDict("_As", {"as": Way})


class RestoreRecord(_As, Made, TypedDict):
    """The result of a restore, or of a dry run.

    `level` is the level of proof that reading back reached, and `differences` says what is not as archived. `newItemId`
    is the item that was made, and `snapshot` the resource key of the snapshot that was made. `archived` is the S3 key
    of the content that was replaced. `seconds` is the time that the last invocation took.
    """

    schema: int
    restoreId: str
    status: Literal["planned", "restored", "already-restored"]
    itemId: str
    resourceKey: str
    key: str
    versionId: NotRequired[str]
    bytes: int
    sha256: str
    portalUrl: str
    owner: str
    plan: list[str]
    seconds: float
    level: NotRequired[int]
    differences: NotRequired[list[str]]
    left: NotRequired[LeftState]


class UndoRecord(_As, TypedDict):
    """The result of an undo, or of its dry run. `itemId` is the archived notebook, as in the record of the restore."""

    schema: int
    restoreId: str
    status: Literal["planned", "undone", "already-undone"]
    itemId: str
    resourceKey: str
    key: str
    portalUrl: str
    owner: str
    plan: list[str]
    seconds: float


class RestoreJournal:
    """The objects of one restore. Every method may raise an ArchiveError.

    `changes` says in words what the restore has changed in ArcGIS so far, or may have changed.
    """

    def __init__(self, archive: Archive, restore: RestoreId) -> None:
        self.restore_id = restore
        self.changes: list[str] = []
        # Whether an earlier attempt began the restore. Only then there are notes of completed steps.
        self.is_resumed = False
        self._archive = archive

    @contextmanager
    def attempted_change(self, sentence: str) -> Iterator[None]:
        """Add the sentence to `changes` while a change is made. It stays unless ArcGIS refused the change.

        If the response is lost, the change may have been made.
        """
        self.changes.append(sentence)
        try:
            yield
        except LOST_RESPONSES:
            raise
        except NotebookArchiveError:
            self.changes.remove(sentence)
            raise

    def read_plan(self) -> RestorePlan | None:
        """Return the plan, or None if the restore has not begun."""
        plan: RestorePlan | None = self._read(restore_plan_key(self.restore_id))
        self.is_resumed = plan is not None
        return plan

    def write_plan(self, plan: RestorePlan) -> RestorePlan:
        """Write the plan, and return the plan that the archive has: this one, or one written at the same time."""
        written: RestorePlan = self._write(restore_plan_key(self.restore_id), plan)
        self.is_resumed = written is not plan
        return written

    def read_note(self, step: str) -> dict[str, Any] | None:
        """Return the note of a completed step, or None if the step has not been completed."""
        return self._read(restore_note_key(self.restore_id, step)) if self.is_resumed else None

    def write_note(self, step: str, note: Mapping[str, Any]) -> dict[str, Any]:
        """Note that a step was completed. Return the note that the archive has, which may be an earlier one."""
        written: dict[str, Any] = self._write(restore_note_key(self.restore_id, step), note)
        return written

    def read_result(self) -> RestoreRecord | None:
        """Return the result, or None if the restore has not ended."""
        result: RestoreRecord | None = self._read(restore_result_key(self.restore_id))
        return result

    def write_result(self, result: RestoreRecord) -> RestoreRecord:
        """Write the result, and return the result that the archive has."""
        written: RestoreRecord = self._write(restore_result_key(self.restore_id), result)
        return written

    def require_not_undone(self) -> None:
        """Raise RestoreIdTaken if an undo of the restore has begun."""
        if self._read(undo_plan_key(self.restore_id)) is not None:
            raise RestoreIdTaken(f"The restore {self.restore_id} was undone.")

    def write_undo_plan(self, plan: Mapping[str, Any]) -> None:
        """Write that an undo begins."""
        self._write(undo_plan_key(self.restore_id), plan)

    def read_undo_result(self) -> UndoRecord | None:
        """Return the result of the undo, or None if there was none, or if it has not ended."""
        result: UndoRecord | None = self._read(undo_result_key(self.restore_id))
        return result

    def write_undo_result(self, result: UndoRecord) -> UndoRecord:
        """Write the result of the undo, and return the result that the archive has."""
        written: UndoRecord = self._write(undo_result_key(self.restore_id), result)
        return written

    def _write(self, key: str, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - each caller knows the type
        if self._archive.put_document_once(key, document):
            return document
        existing = self._read(key)
        if existing is None:
            raise ArchiveUnavailable(f"S3 did not store {key}.")
        return existing

    def _read(self, key: str) -> Any:  # noqa: ANN401 - each caller knows the type
        body = self._archive.read_object(key)
        if body is None:
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ArchiveDamaged(f"{key} is not a JSON object.")
        return document
