"""Take back exactly what one restore did."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.archive import RestoreId
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import (
    NotAnId,
    NotebookArchiveError,
    RestoreInputInvalid,
    RestoreInterrupted,
    RestoreTouched,
    RestoreUnknown,
    UndoImpossible,
)
from notebook_archive.restore.job import RestoreContext
from notebook_archive.restore.journal import SCHEMA, RestoreJournal, UndoRecord
from notebook_archive.restore.request import OtherPortal, Way, require_object
from notebook_archive.restore.undo_ways import Undo, UndoNew, UndoReplacement, UndoSnapshot

_UNDOS: Mapping[Way, type[Undo]] = {"new": UndoNew, "replace": UndoReplacement, "snapshot": UndoSnapshot}


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """A request to undo a restore. With `is_forced`, content is put back although somebody has the notebook open."""

    restore_id: RestoreId
    is_dry_run: bool = False
    is_forced: bool = False

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Self:
        """Return the request in an event. Raises RestoreInputInvalid."""
        require_object(event)
        if unknown := sorted(event.keys() - {"restoreId", "dryRun", "force"}):
            raise RestoreInputInvalid(f"The request has an unknown field: {unknown[0][:60]!r}.")
        restore_id, is_dry_run, is_forced = (
            event.get("restoreId"),
            event.get("dryRun", False),
            event.get("force", False),
        )
        if restore_id is None:
            raise RestoreInputInvalid("The request has no field 'restoreId'.")
        if not isinstance(restore_id, str):
            raise RestoreInputInvalid("The field 'restoreId' is not a text.")
        if not isinstance(is_dry_run, bool) or not isinstance(is_forced, bool):
            raise RestoreInputInvalid("The fields 'dryRun' and 'force' must be true or false, without quotation marks.")
        try:
            return cls(RestoreId.parse(restore_id), is_dry_run, is_forced)
        except NotAnId as error:
            raise RestoreInputInvalid(str(error)) from None


def undo_restore(request: UndoRequest, context: RestoreContext, deadline: Deadline) -> UndoRecord:
    """Undo a restore, and return the record of it.

    If it was undone before, the record of that is returned, with the status *already-undone*.

    A restore that did not end can be undone too. An undo that did not end is completed by the same request. Raises
    RestoreUnknown if there was no such restore. Raises RestoreTouched if somebody changed what it made, and then
    nothing is changed.
    """
    begun = time.monotonic()
    journal = RestoreJournal(context.archive, request.restore_id)
    plan = journal.read_plan()
    if plan is None:
        raise RestoreUnknown(f"The archive has no record of a restore {request.restore_id}.")
    if undone := journal.read_undo_result():
        return {**undone, "status": "already-undone"}
    asked = plan["request"]
    to = asked.get("to")
    target = context.portals.find(OtherPortal(to["portalUrl"], to["secretPrefix"]) if to else None)
    if target.url != plan["portalUrl"]:
        raise UndoImpossible(
            f"The restore {request.restore_id} changed {plan['portalUrl']}, and the stack's portal is now {target.url}."
        )
    undo = _UNDOS[asked["as"]](
        plan, journal.read_result(), journal, target, context, deadline, is_forced=request.is_forced
    )
    record: UndoRecord = {
        "schema": SCHEMA,
        "restoreId": request.restore_id,
        "status": "planned",
        "as": asked["as"],
        "itemId": asked["itemId"],
        "resourceKey": asked["resourceKey"],
        "key": plan["key"],
        "portalUrl": plan["portalUrl"],
        "owner": plan["owner"],
        "plan": undo.steps,
        "seconds": round(time.monotonic() - begun, 3),
    }
    if request.is_dry_run:
        return record
    started_at = format_moment(int(time.time() * 1000))
    journal.write_undo_plan({"schema": SCHEMA, "startedAt": started_at, "steps": undo.steps})
    try:
        undo.carry_out()
    except RestoreTouched:
        raise
    except NotebookArchiveError as error:
        raise RestoreInterrupted(f"The undo of restore {request.restore_id} stopped. {error}") from error
    record["status"], record["seconds"] = "undone", round(time.monotonic() - begun, 3)
    return journal.write_undo_result(record)
