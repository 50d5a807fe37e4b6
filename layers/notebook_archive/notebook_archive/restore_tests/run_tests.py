"""Do one restore test."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from notebook_archive.archive import Archive, Ledger, RunId, fold, keys
from notebook_archive.backup.work_in_time import work_in_time
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import ArchiveDamaged, RestoreForbidden, RunIdTaken
from notebook_archive.restore import RestoreContext
from notebook_archive.restore_tests.choice import OWNER_OVERDUE_DAYS, choose_versions
from notebook_archive.restore_tests.earlier_tests import read_attempts
from notebook_archive.restore_tests.leftovers import name_restore, note_removal, remove_leftovers
from notebook_archive.restore_tests.one_test import PlannedTest, TestedVersion, try_restore
from notebook_archive.restore_tests.results import TestResults, make_results

# No restore is started in this last share of the time, so that those already started can end.
RESERVED_SHARE = 0.3
# Maximum share of the time in which what earlier tests left is removed.
LEFTOVERS_SHARE = 0.3


def run_restore_tests(
    run: RunId,
    context: RestoreContext,
    ledger: Ledger,
    threads: int,
    deadline: Deadline,
    clock: Callable[[], float] = time.time,
) -> tuple[str, TestResults]:
    """Do a restore test, and write its results. Return their key and the results.

    First, what earlier tests left is deleted. Then versions are chosen and restored as private items of the account
    whose credential the context has, and deleted again. A version that fails does not stop the others.

    Raises RunIdTaken if a test with this run id was begun before, which may be under way. Raises SecretMissing if the
    account has no secret, RestoreForbidden if the credential belongs to no user, or another ArcGISError or
    ArchiveError, if the test cannot begin or its results cannot be written.
    """
    start, now = time.monotonic(), datetime.fromtimestamp(clock(), UTC)
    archive, reserve = context.archive, deadline.remaining() * RESERVED_SHARE
    account = _find_account(context, deadline)
    leftovers = remove_leftovers(context, run, now, Deadline(deadline.remaining() * LEFTOVERS_SHARE))
    fold(archive, ledger, now.date(), threads)
    attempts = read_attempts(archive, (now - timedelta(days=OWNER_OVERDUE_DAYS)).date())
    choice = choose_versions(ledger, context.reader, attempts, account, int(clock() * 1000), threads)
    planned: list[PlannedTest] = [
        {
            "key": each.key,
            "itemId": each.item_id,
            "resourceKey": each.resource_key,
            "owner": each.owner,
            "restoreId": name_restore(run, number),
        }
        for number, each in enumerate(choice.versions, 1)
    ]
    _write_plan(run, planned, account, now, archive)

    def restore(each: PlannedTest) -> TestedVersion:
        return try_restore(each, account, context, deadline, int(clock() * 1000))

    done = work_in_time(planned, restore, threads, deadline, reserve_seconds=reserve)
    tests = [each for each in done if each is not None]
    overdue = choice.overdue - {each["owner"] for each in tests if "problem" not in each}
    results = make_results(run, account, tests, len(done) - len(tests), len(overdue), leftovers)
    results["startedAt"] = format_moment(int(now.timestamp() * 1000))
    results["seconds"] = round(time.monotonic() - start, 3)
    key = keys.restore_test_results_key(run)
    archive.put_document_once(key, results)
    if not any("leftover" in each for each in tests):
        note_removal(run, context, [])
    return key, results


def _find_account(context: RestoreContext, deadline: Deadline) -> str:
    """Return the user whose credential is used for tests."""
    portal = context.portals.find(None).routes.portal(deadline)
    account = portal.get_organization().username
    if not account:
        raise RestoreForbidden(f"The credential in secret {portal.secret!r} belongs to no user who could own items.")
    return account


def _write_plan(run: RunId, planned: list[PlannedTest], account: str, now: datetime, archive: Archive) -> None:
    """Write the plan of a test. Raises RunIdTaken if there is one, because two tests must not share their restores."""
    key = keys.restore_test_plan_key(run)
    moment = format_moment(int(now.timestamp() * 1000))
    document = {"schema": 1, "runId": run, "startedAt": moment, "account": account, "versions": planned}
    # If only the response to the write was lost, the archive has this very plan.
    if not archive.put_document_once(key, document) and not _has(archive, key, document):
        raise RunIdTaken(
            f"The restore test {run} was begun before. Read restore-tests/{run}/results.json, or start another test, "
            "which removes what this one left."
        )


def _has(archive: Archive, key: str, document: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(archive.read_object(key) or b"null") == document)
    except (ArchiveDamaged, ValueError, RecursionError):
        return False
