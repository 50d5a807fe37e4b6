"""Make the document with the results of a restore test, which is evidence for the ledger."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from notebook_archive.archive import RunId
from notebook_archive.archive.records import RECORD_SCHEMA
from notebook_archive.backup.records import Problem
from notebook_archive.metrics import Metric
from notebook_archive.restore.read_back import SAME_CELLS
from notebook_archive.restore_tests.one_test import TestedVersion

# Maximum number of failures in a message, which becomes part of an event.
MAX_FAILURES = 5


class TestResults(TypedDict):
    """The results of a restore test, `results.json`.

    `account` is the user who owned the new items. `versions` are lines of evidence for the ledger, and `tests` the
    results of all versions. `notReached` is the number of versions for which no time was left. `leftovers` says which
    items of this or an earlier test could not be deleted. `ownersOverdue` is the number of owners who were not tested
    for a month. `longestSeconds` is the time that the slowest restore took.
    """

    schema: int
    runId: str
    status: Literal["passed", "failed"]
    message: str
    account: str
    startedAt: str
    seconds: float
    passed: int
    failed: int
    notReached: int
    ownersOverdue: int
    longestSeconds: float
    leftovers: list[Problem]
    versions: list[dict[str, Any]]
    tests: list[TestedVersion]


def make_results(
    run: RunId, account: str, tests: Sequence[TestedVersion], not_reached: int, overdue: int, leftovers: list[Problem]
) -> TestResults:
    """Return the results of a restore test, with no times yet."""
    failed = [each for each in tests if "problem" in each]
    left = [*leftovers, *(each["leftover"] for each in tests if "leftover" in each)]
    results: TestResults = {
        "schema": RECORD_SCHEMA,
        "runId": run,
        "status": "failed" if failed or left else "passed",
        "message": "",
        "account": account,
        "startedAt": "",
        "seconds": 0.0,
        "passed": len(tests) - len(failed),
        "failed": len(failed),
        "notReached": not_reached,
        "ownersOverdue": overdue,
        "longestSeconds": max((each.get("restoreSeconds", 0.0) for each in tests), default=0.0),
        "leftovers": left,
        "versions": [_make_line(each) for each in tests if each.get("level", 0) >= SAME_CELLS],
        "tests": list(tests),
    }
    results["message"] = _write_message(results)
    return results


def describe_failures(results: TestResults) -> list[str]:
    """Return a sentence for each version that was not restored as archived, and each item that was not deleted."""
    problems = [each["problem"] for each in results["tests"] if "problem" in each] + results["leftovers"]
    return [f"{problem['message']} {problem['remedy']}" for problem in problems]


def count_metrics(results: TestResults) -> dict[str, int]:
    """Return the figures of a restore test by metric. Zeros are included."""
    return {
        Metric.RESTORE_TESTS_PASSED: results["passed"],
        Metric.RESTORE_TESTS_FAILED: results["failed"],
        Metric.RESTORE_TESTS_NOT_REACHED: results["notReached"],
        Metric.RESTORE_TEST_OWNERS_OVERDUE: results["ownersOverdue"],
        Metric.RESTORE_TEST_LEFTOVERS: len(results["leftovers"]),
    }


def _make_line(tested: TestedVersion) -> dict[str, Any]:
    """Return the line of evidence of a version whose cells came back."""
    return {
        "key": tested["key"],
        "level": tested["level"],
        "restoredAt": tested["restoredAt"],
        "restoreSeconds": tested["restoreSeconds"],
    }


def _write_message(results: TestResults) -> str:
    count = results["passed"] + results["failed"]
    noun = "1 version" if count == 1 else f"{count} versions"
    sentences = [f"{noun} restored as a test: {results['passed']} passed, {results['failed']} failed."]
    if results["notReached"]:
        sentences.append(f"{results['notReached']} not reached in time.")
    failures = describe_failures(results)
    sentences += failures[:MAX_FAILURES]
    if len(failures) > MAX_FAILURES:
        sentences.append(f"The results have {len(failures) - MAX_FAILURES} more.")
    return " ".join(sentences)
