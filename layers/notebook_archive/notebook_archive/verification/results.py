"""The results of a batch: evidence for the ledger, and findings for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from notebook_archive.archive import RunId, keys
from notebook_archive.archive.records import RECORD_SCHEMA
from notebook_archive.verification.checks import Batch, Check
from notebook_archive.verification.findings import Finding


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: a finding, or what it proved about a version. `size` is the bytes that were read."""

    check: Check
    finding: Finding | None
    proof: dict[str, Any]
    requests: int
    size: int
    seconds: float


class Results(TypedDict):
    """The document with the results of a batch.

    `versions` are lines of evidence for the ledger. `others` are the keys of checked objects that are not versions.
    `notReached` are keys that were not checked, because the verification had no time left. `requests` are requests to
    S3, and `bytes` are those that were read.
    """

    schema: int
    runId: str
    batch: int
    part: int
    startedAt: str
    seconds: float
    requests: int
    bytes: int
    versions: list[dict[str, Any]]
    others: list[str]
    findings: list[Finding]
    notReached: list[str]


def make_results(
    run: RunId, batch: Batch, results: Sequence[CheckResult], not_reached: Sequence[Check], now: int
) -> Results:
    """Return the document, with no times yet. `now` is in epoch milliseconds."""
    versions = [each for each in results if keys.parse_version(each.check["key"])]
    return {
        "schema": RECORD_SCHEMA,
        "runId": run,
        "batch": batch["number"],
        "part": batch["part"],
        "startedAt": "",
        "seconds": 0.0,
        "requests": sum(each.requests for each in results),
        "bytes": sum(each.size for each in results),
        "versions": [_make_line(each, now) for each in versions],
        "others": [each.check["key"] for each in results if not keys.parse_version(each.check["key"])],
        "findings": [each.finding for each in results if each.finding],
        "notReached": [check["key"] for check in not_reached],
    }


def _make_line(result: CheckResult, now: int) -> dict[str, Any]:
    """Return the line of evidence of a version."""
    key = result.check["key"]
    if result.finding:
        return {"key": key, "finding": [result.finding["findingId"]], "findingAt": now}
    seconds = {"seconds": round(result.seconds, 3)} if "provedAt" in result.proof else {}
    return {"key": key, **result.proof, **seconds}
