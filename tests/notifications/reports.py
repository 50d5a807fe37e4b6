"""Write reports as the functions write them, and send the events about them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from notebook_archive.archive import RunId, keys
from notebook_archive.backup.records import Problem
from notebook_archive.bulk_restore.outcome import RestoreOutcome
from notebook_archive.bulk_restore.report import BulkReport
from notebook_archive.events import (
    DetailType,
    describe_bulk_restore,
    describe_restore_test,
    describe_run,
    describe_verification,
)
from notebook_archive.notifications import Decision
from notebook_archive.restore_tests import TestResults
from notebook_archive.runs.protection_figures import NotProtected
from notebook_archive.runs.report import Report
from notebook_archive.runs.run_input import Scope
from notebook_archive.verification.findings import KINDS
from notebook_archive.verification.open_findings import FindingCounts, OpenFinding
from notebook_archive.verification.report import VerificationReport
from tests.notifications.operators import Operators, report_event
from tests.strict_s3 import BUCKET

NOTEBOOKS = 40
TITLES = ("Flood model", "Heat map", "Restricted survey", "Wetlands", "Parcels")


def item_id(number: int) -> str:
    """Return the item id of a notebook."""
    return hashlib.md5(f"notebook {number}".encode()).hexdigest()


def name_notebook(number: int, owner: str = "ana") -> dict[str, str]:
    """Return the members of a report's entry that name a notebook."""
    title = TITLES[number - 1] if number <= len(TITLES) else f"Notebook {number}"
    return {"itemId": item_id(number), "title": title, "owner": owner}


def unprotected(number: int, owner: str = "dora") -> NotProtected:
    """Return the entry of a notebook that no credential may read."""
    secret = f"notebook-archive/owners/{owner}"
    entry: Any = {
        **name_notebook(number, owner),
        "state": "unprotected",
        "reason": "owner-credentials-missing",
        "message": f"The resources of item {item_id(number)}: ArcGIS returned error code 403.",
        "remedy": f"Create secret {secret!r} with the owner's credential. docs/secrets.md shows its JSON.",
        "secret": secret,
    }
    return entry  # type: ignore[no-any-return]


def make_run_report(
    run: str,
    ended: datetime,
    status: str = "complete",
    failed: Sequence[dict[str, str]] = (),
    not_protected: Sequence[NotProtected] = (),
    notices: Sequence[Problem] = (),
    error: Problem | None = None,
    scope: Scope = "everything",
) -> Report:
    """Return the report of a run over NOTEBOOKS notebooks."""
    reasons = dict(Counter(each["reason"] for each in failed))
    attempted = 0 if error else NOTEBOOKS
    counts: Any = {
        "attempted": attempted,
        "archived": 3,
        "unchanged": attempted - len(failed) - 3,
        "skipped": {},
        "failed": reasons,
    }
    protected = attempted - len(failed) - len(not_protected)
    report: Any = {
        "schema": 2,
        "runId": run,
        "scope": scope,
        "status": status,
        "message": f"The run failed: {error['message']} {error['remedy']}" if error else f"{status.capitalize()}.",
        "startedAt": ended.isoformat(),
        "endedAt": ended.isoformat().replace("+00:00", "Z"),
        "seconds": 6.0,
        "work": {"batches": 1, "seconds": 5.0, "longest": 5.0},
        "notebooks": counts,
        "snapshots": counts,
        "protection": {
            "protected": protected,
            "stale": len(failed),
            "unprotected": len(not_protected),
            "empty": 0,
            "gone": 0,
        },
        "recoveryPoint": {
            "notebooks": protected,
            "unmeasured": 0,
            "medianHours": 0.0,
            "worstHours": 19.5 if failed else 0.0,
            "worst": None,
        },
        "notProtected": list(not_protected),
        "kept": 0,
        "captured": 0,
        "freed": [],
        "bytes": 1024,
        "unprotected": [],
        "skipped": [],
        "failed": list(failed),
        "notices": list(notices),
        "error": error,
    }
    return report  # type: ignore[no-any-return]


def tell_run(operators: Operators, report: Report, ended: datetime) -> Decision:
    """Write the report of a run, and send its event."""
    key = keys.report_key(RunId(report["runId"]))
    operators.archive.put_document(key, report)
    detail = describe_run(report, key, BUCKET)
    return operators.tell(report_event(DetailType.ARCHIVE_RUN_COMPLETED, detail, ended))


def make_finding(number: int, since: str, state: str = "new", kind: str = "damaged") -> OpenFinding:
    """Return a finding about the only version of a notebook."""
    key = f"notebooks/{item_id(number)}/current/1735725600000-3f1c5d0a9b42.ipynb"
    finding: Any = {
        "findingId": item_id(number)[:12],
        "kind": kind,
        "key": key,
        "itemId": item_id(number),
        "resourceKey": "current/1735725600000-3f1c5d0a9b42.ipynb",
        "versionId": "1",
        "message": f"{key} does not have the SHA-256 that was recorded when it was stored.",
        "remedy": "The archive has no good version of this object. If ArcGIS still has it, hide the damaged object, "
        "and the next run archives it again: docs/verify.md, Damaged.",
        "since": since,
        "state": state,
        "acknowledgement": None,
    }
    return finding  # type: ignore[no-any-return]


def make_verification_report(
    run: str, ended: datetime, findings: Sequence[OpenFinding] = (), error: Problem | None = None
) -> VerificationReport:
    """Return the report of a verification of what was due."""
    counts: FindingCounts = {kind: {"new": 0, "open": 0, "acknowledged": 0} for kind in KINDS}
    for finding in findings:
        counts[finding["kind"]][finding["state"]] += 1
    unsettled = [each for each in findings if each["state"] != "acknowledged"]
    status = "failed" if error else "findings" if unsettled else "complete"
    report: Any = {
        "schema": 1,
        "runId": run,
        "scope": "due",
        "status": status,
        "message": f"{status.capitalize()}.",
        "startedAt": ended.isoformat(),
        "endedAt": ended.isoformat(),
        "seconds": 60.0,
        "work": {"batches": 1, "seconds": 5.0, "longest": 5.0},
        "versions": {"listed": 120, "unrecorded": 0, "read": 2, "compared": 5, "notReached": 0, "levels": {}},
        "bytes": 1024,
        "requests": 7,
        "oldestUnprovedDays": 12.3,
        "findings": counts,
        "named": list(findings),
        "arcgis": None,
        "notices": [],
        "error": error,
    }
    return report  # type: ignore[no-any-return]


def tell_verification(operators: Operators, report: VerificationReport, ended: datetime) -> Decision:
    """Write the report of a verification, and send its event."""
    key = keys.verification_report_key(RunId(report["runId"]))
    operators.archive.put_document(key, report)
    detail = describe_verification(report, key, BUCKET)
    return operators.tell(report_event(DetailType.ARCHIVE_VERIFICATION_COMPLETED, detail, ended))


def make_restore_report(run: str, ended: datetime, failed: Sequence[RestoreOutcome] = ()) -> BulkReport:
    """Return the report of a bulk restore of three notebooks."""
    reasons = dict(Counter(each["problem"]["reason"] for each in failed))
    status = "partial" if failed else "complete"
    restored = 3 - len(failed)
    report: Any = {
        "schema": 1,
        "runId": run,
        "scope": "everything",
        "dryRun": False,
        "status": status,
        "message": f"{status.capitalize()}.",
        "startedAt": ended.isoformat(),
        "endedAt": ended.isoformat(),
        "seconds": 7.5,
        "work": {"batches": 1, "seconds": 5.0, "longest": 5.0},
        "notebooks": {
            "attempted": 3,
            "restored": restored,
            "alreadyRestored": 0,
            "planned": 0,
            "skipped": {},
            "failed": reasons,
        },
        "levels": {"3": 0, "4": 0, "5": restored},
        "bytes": 52016,
        "named": list(failed),
        "itemsKey": f"bulk-restores/{run}/items.jsonl",
        "error": None,
    }
    return report  # type: ignore[no-any-return]


def tell_restore(operators: Operators, report: BulkReport, ended: datetime) -> Decision:
    """Write the report of a bulk restore, and send its event."""
    key = keys.bulk_report_key(RunId(report["runId"]))
    operators.archive.put_document(key, report)
    detail = describe_bulk_restore(report, key, BUCKET)
    return operators.tell(report_event(DetailType.ARCHIVE_RESTORE_COMPLETED, detail, ended))


def make_test_results(run: str, ended: datetime, problems: Sequence[Problem] = ()) -> TestResults:
    """Return the results of a restore test of twelve versions, of which some failed."""
    tests = [
        {
            "key": f"notebooks/{item_id(number)}/current/1735725600000-3f1c5d0a9b42.ipynb",
            "itemId": item_id(number),
            "resourceKey": "current/1735725600000-3f1c5d0a9b42.ipynb",
            "owner": "ana",
            "restoreId": f"test-{number}",
            "problem": problem,
        }
        for number, problem in enumerate(problems, start=1)
    ]
    results: Any = {
        "schema": 1,
        "runId": run,
        "status": "failed" if problems else "passed",
        "message": f"{12} versions restored as a test.",
        "account": "restore-test",
        "startedAt": ended.isoformat(),
        "seconds": 21.8,
        "passed": 12 - len(problems),
        "failed": len(problems),
        "notReached": 0,
        "ownersOverdue": 0,
        "longestSeconds": 3.9,
        "leftovers": [],
        "versions": [],
        "tests": tests,
    }
    return results  # type: ignore[no-any-return]


def tell_restore_test(operators: Operators, results: TestResults, ended: datetime) -> Decision:
    """Write the results of a restore test, and send its event."""
    key = keys.restore_test_results_key(RunId(results["runId"]))
    operators.archive.put_document(key, results)
    detail = describe_restore_test(results, key, BUCKET)
    return operators.tell(report_event(DetailType.RESTORE_TEST_COMPLETED, detail, ended))
