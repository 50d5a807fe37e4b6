"""Do one restore test."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from notebook_archive.archive import Archive, Ledger, RestoreId, RunId, fold, keys
from notebook_archive.backup.work_in_time import work_in_time
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import ArchiveUnavailable, RestoreForbidden
from notebook_archive.restore import RestoreContext
from notebook_archive.restore_tests.choice import choose_versions
from notebook_archive.restore_tests.leftovers import note_removal, remove_leftovers
from notebook_archive.restore_tests.one_test import PlannedTest, TestedVersion, try_restore
from notebook_archive.restore_tests.results import TestResults, make_results

# No restore is started in this last share of the time, so that those already started can end.
RESERVED_SHARE = 0.3


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
    whose credential the context has, and deleted again. A version that fails does not stop the others. If the test was
    begun before, with the same run id, it is completed.

    Raises SecretMissing if the account has no secret, RestoreForbidden if the credential belongs to no user, or another
    ArcGISError or ArchiveError, if the test cannot begin or its results cannot be written.
    """
    start, now = time.monotonic(), datetime.fromtimestamp(clock(), UTC)
    archive, reserve = context.archive, deadline.remaining() * RESERVED_SHARE
    account = _find_account(context, deadline)
    leftovers = remove_leftovers(context, run, now, deadline)
    fold(archive, ledger, now.date(), threads)
    choice = choose_versions(ledger, context.reader, account, int(clock() * 1000), threads)
    planned: list[PlannedTest] = [
        {
            "key": each.key,
            "itemId": each.item_id,
            "resourceKey": each.resource_key,
            "owner": each.owner,
            "restoreId": RestoreId.from_request(f"test-{run}-{number}"),
        }
        for number, each in enumerate(choice.versions, 1)
    ]
    planned = _write_plan(run, planned, account, now, archive)

    def restore(each: PlannedTest) -> TestedVersion:
        return try_restore(each, account, context, deadline, int(clock() * 1000))

    done = work_in_time(planned, restore, threads, deadline, reserve_seconds=reserve)
    tests = [each for each in done if each is not None]
    results = make_results(run, account, tests, len(done) - len(tests), len(choice.overdue), leftovers)
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


def _write_plan(
    run: RunId, planned: list[PlannedTest], account: str, now: datetime, archive: Archive
) -> list[PlannedTest]:
    """Write the plan of a test, and return the plan that the archive has, which an earlier attempt may have written."""
    key = keys.restore_test_plan_key(run)
    moment = format_moment(int(now.timestamp() * 1000))
    document = {"schema": 1, "runId": run, "startedAt": moment, "account": account, "versions": planned}
    if archive.put_document_once(key, document):
        return planned
    written = archive.read_object(key)
    if written is None:
        raise ArchiveUnavailable(f"S3 did not store {key}.")
    versions: list[PlannedTest] = json.loads(written)["versions"]
    return versions
