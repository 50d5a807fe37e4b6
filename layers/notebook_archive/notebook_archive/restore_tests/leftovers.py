"""Remove what earlier restore tests left in ArcGIS because they did not end."""

import json
from datetime import datetime, timedelta

from notebook_archive.archive import RunId, keys
from notebook_archive.backup.records import Problem
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveDamaged, RestoreTouched
from notebook_archive.restore import RestoreContext
from notebook_archive.restore_tests.one_test import remove_restored

# Number of days in which tests that did not end are looked for.
LEFTOVER_DAYS = 400
# A test may still be under way this long after its plan was written. Lambda ends every invocation after 15 minutes.
UNDER_WAY_SECONDS = 1200


def remove_leftovers(context: RestoreContext, run: RunId, now: datetime, deadline: Deadline) -> list[Problem]:
    """Delete the items that earlier tests made and did not delete. Return why items are left, one problem for each.

    Only what the plans of these tests name is deleted. An item that somebody changed stays, and is returned once.
    Others that could not be deleted are deleted by a later test. May raise ArchiveDenied or ArchiveUnavailable.
    """
    left: list[Problem] = []
    for test in _list_unremoved(context, now):
        if test == run or deadline.remaining() <= 0:
            continue
        try:
            planned = json.loads(context.archive.read_object(keys.restore_test_plan_key(test)) or b"{}")
        except (ArchiveDamaged, ValueError):
            planned = {}
        problems = [remove_restored(each["restoreId"], context, deadline) for each in planned.get("versions", ())]
        found = [problem for problem in problems if problem]
        left += found
        if all(problem["reason"] == RestoreTouched.reason for problem in found):
            note_removal(test, context, found)
    return left


def note_removal(test: RunId, context: RestoreContext, touched: list[Problem]) -> None:
    """Note that nothing is left to delete of a test. `touched` says which items somebody changed."""
    context.archive.put_document_once(keys.restore_test_removed_key(test), {"runId": test, "touched": touched})


def _list_unremoved(context: RestoreContext, now: datetime) -> list[RunId]:
    """Return the tests that ended or were ended, and have no note that everything was removed."""
    planned: list[RunId] = []
    removed: set[RunId] = set()
    since = (now - timedelta(days=LEFTOVER_DAYS)).date()
    for listed in context.archive.list_documents(keys.RESTORE_TESTS, since):
        match keys.parse_restore_test(listed.key):
            case (test, "plan") if (now - listed.written).total_seconds() >= UNDER_WAY_SECONDS:
                planned.append(test)
            case (test, "removed"):
                removed.add(test)
    return [test for test in planned if test not in removed]
