"""Restore one version as a test, compare it with the archive, and remove it again."""

import logging
from typing import NotRequired, TypedDict

from notebook_archive.archive import RestoreId
from notebook_archive.backup.records import Problem, describe_problem
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError, RestoreUnknown
from notebook_archive.models import ItemId
from notebook_archive.restore import (
    RestoreContext,
    RestoreRecord,
    RestoreRequest,
    UndoRequest,
    restore_version,
    undo_restore,
)
from notebook_archive.restore.read_back import SAME_CELLS, SAME_PROPERTIES

_log = logging.getLogger(__name__)

# The folder of the test account that the items are made in.
FOLDER = "Notebook Archive restore tests"
# Time that is reserved for removing the new item.
REMOVAL_SECONDS = 45.0


class PlannedTest(TypedDict):
    """A version to restore as a test, in the plan. `owner` is the archived owner."""

    key: str
    itemId: str
    resourceKey: str
    owner: str
    restoreId: str


class TestedVersion(PlannedTest):
    """The result of the test of one version.

    `restoredAt` is in epoch milliseconds, and `restoreSeconds` the time from the first call until the item was read
    back. `problem` says why the test failed, and `leftover` why the new item was not removed.
    """

    bytes: NotRequired[int]
    level: NotRequired[int]
    differences: NotRequired[list[str]]
    restoredAt: NotRequired[int]
    restoreSeconds: NotRequired[float]
    problem: NotRequired[Problem]
    leftover: NotRequired[Problem]


def try_restore(
    planned: PlannedTest, account: str, context: RestoreContext, deadline: Deadline, now: int
) -> TestedVersion:
    """Restore a version as a private item of the test account, and remove it. Return the result.

    Raises nothing, so that the other versions are tested. `now` is in epoch milliseconds.
    """
    tested: TestedVersion = {
        "key": planned["key"],
        "itemId": planned["itemId"],
        "resourceKey": planned["resourceKey"],
        "owner": planned["owner"],
        "restoreId": planned["restoreId"],
    }
    try:
        request = RestoreRequest(
            restore_id=RestoreId.parse(planned["restoreId"]),
            item_id=ItemId.parse(planned["itemId"]),
            resource_key=planned["resourceKey"],
            way="new",
            target_item_id=ItemId.parse(planned["itemId"]),
            owner=account,
            folder=FOLDER,
            is_private=True,
        )
        record = restore_version(request, context, Deadline(deadline.remaining() - REMOVAL_SECONDS))
        tested |= {
            "bytes": record["bytes"],
            "level": record["level"],
            "differences": record["differences"],
            "restoredAt": now,
            "restoreSeconds": record["seconds"],
        }
        if not _is_as_archived(record, context):
            tested["problem"] = {
                "reason": "restored-differently",
                "message": f"{planned['key']} was restored with differences. {' '.join(record['differences'])}",
                "remedy": "Compare the archived version with the notebook in ArcGIS. docs/restore.md has the causes.",
            }
    except NotebookArchiveError as error:
        tested["problem"] = describe_problem(error)
    except Exception as error:  # noqa: BLE001 - the other versions must still be tested
        _log.exception("Testing %s failed because of a defect", planned["key"])
        tested["problem"] = describe_problem(error)
    if leftover := remove_restored(planned["restoreId"], context, deadline):
        tested["leftover"] = leftover
    return tested


def remove_restored(restore_id: str, context: RestoreContext, deadline: Deadline) -> Problem | None:
    """Delete the item that a restore made, if it made one. Return None, or why the item is left.

    Only the item that the restore's record names is deleted, and only if nobody changed it.
    """
    try:
        undo_restore(UndoRequest(RestoreId.parse(restore_id)), context, deadline)
    except RestoreUnknown:
        return None  # the restore was refused before it began
    except NotebookArchiveError as error:
        return describe_problem(error)
    except Exception as error:  # noqa: BLE001 - the other items must still be removed
        _log.exception("Removing what restore %s made failed because of a defect", restore_id)
        return describe_problem(error)
    return None


def _is_as_archived(record: RestoreRecord, context: RestoreContext) -> bool:
    """Return whether a version was restored as it is archived.

    If the archive has no properties of the notebook, only its cells can be compared.
    """
    if record["level"] == SAME_CELLS:
        return not context.reader.read_properties(ItemId.parse(record["itemId"]))
    return record["level"] >= SAME_PROPERTIES
