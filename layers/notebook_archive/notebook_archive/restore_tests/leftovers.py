"""Remove what earlier restore tests left in ArcGIS because they did not end."""

from datetime import datetime, timedelta

from notebook_archive.archive import RestoreId, RunId, keys
from notebook_archive.backup.records import Problem
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveDamaged, RestoreForbidden, RestoreTouched, UndoImpossible
from notebook_archive.restore import RestoreContext
from notebook_archive.restore_tests.earlier_tests import read_earlier_plan
from notebook_archive.restore_tests.one_test import FOLDER, remove_restored

# Number of days in which tests that did not end are looked for.
LEFTOVER_DAYS = 400
# A test may still be under way this long after its plan was written. Lambda ends every invocation after 15 minutes.
UNDER_WAY_SECONDS = 1200
# Reasons that another attempt does not remove. Such an item stays, and is named once.
LASTING_REASONS = frozenset(each.reason for each in (RestoreTouched, RestoreForbidden, UndoImpossible, ArchiveDamaged))


def remove_leftovers(context: RestoreContext, run: RunId, now: datetime, deadline: Deadline) -> list[Problem]:
    """Delete the items that earlier tests made and did not delete. Return why items are left, one problem for each.

    Only what the restores of these tests made is deleted. The plan says how many there were, and their ids follow from
    the id of the test, so an altered plan cannot name another restore. An item that somebody changed, or that can never
    be deleted, stays and is returned once. Others that could not be deleted are deleted by a later test. May raise
    ArchiveDenied or ArchiveUnavailable.
    """
    left: list[Problem] = []
    for test in _list_unremoved(context, now):
        if test == run or deadline.remaining() <= 0:
            continue
        planned = read_earlier_plan(test, context.archive)
        if planned is None:
            found = [_describe_damaged_plan(test)]
        else:
            restores = (name_restore(test, number) for number in range(1, len(planned["versions"]) + 1))
            problems = [remove_restored(each, context, deadline) for each in restores]
            found = [problem for problem in problems if problem]
        left += found
        if all(problem["reason"] in LASTING_REASONS for problem in found):
            note_removal(test, context, found)
    return left


def name_restore(test: RunId, number: int) -> RestoreId:
    """Return the id of a restore of a test. `number` is the place of the version in the plan, and begins at 1."""
    return RestoreId.from_request(f"test-{test}-{number}")


def _describe_damaged_plan(test: RunId) -> Problem:
    return {
        "reason": ArchiveDamaged.reason,
        "message": f"{keys.restore_test_plan_key(test)} is damaged, so what the restore test left is not known.",
        "remedy": f"Look into the folder {FOLDER!r} of the test account, and delete the items that no test is using.",
    }


def note_removal(test: RunId, context: RestoreContext, touched: list[Problem]) -> None:
    """Note that nothing is left to delete of a test. `touched` says which items stay, and why."""
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
