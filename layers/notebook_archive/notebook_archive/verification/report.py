"""Write the report of a verification: what was proved, what is wrong, and what to do next.

To add a field to the report, add it to `VerificationReport`, set its value in `_make_report`, and add it to the example
in `docs/verify.md`. `SCHEMA` changes only if readers must treat the report differently.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from notebook_archive.archive import Archive, Ledger, RunId, fold, keys
from notebook_archive.backup.records import UNPROTECTED, Problem
from notebook_archive.executions.caught_error import describe_caught_error
from notebook_archive.executions.claim import claim_run
from notebook_archive.executions.earlier_runs import find_last_run
from notebook_archive.verification.checks import Check
from notebook_archive.verification.earlier_reports import as_finding, read_open_findings
from notebook_archive.verification.open_findings import (
    FindingCounts,
    OpenFinding,
    combine_findings,
    count_findings,
    count_unsettled,
)
from notebook_archive.verification.outcome import Outcome, read_outcome
from notebook_archive.verification.period import DAY_MS
from notebook_archive.verification.plan import VerificationPlan
from notebook_archive.verification.replicas import Unreplicated
from notebook_archive.verification.report_message import write_message
from notebook_archive.verification.verification_input import Scope, Wanted

SCHEMA = 1
# Maximum number of findings in the report. `findings.jsonl` has all of them.
MAX_NAMED = 100
_MAX_KEYS = 3
# *complete*: nothing was found, or every finding is acknowledged. *findings*: a finding is not acknowledged.
# *partial*: a batch crashed, so that some objects were not checked, or the second place could not be listed. *failed*:
# the planning or the distributed map failed.
Status = Literal["complete", "findings", "partial", "failed"]


class Versions(TypedDict):
    """Counts of versions.

    `listed` are those that S3 has, and `unrecorded` those of them that nothing recorded when the verification began.
    `read` were read whole, and `compared` only by their checksums. `notReached` were planned, but the time was over.
    `levels` counts the listed versions by their level of proof.
    """

    listed: int
    unrecorded: int
    read: int
    compared: int
    notReached: int
    levels: dict[str, int]


class AgainstArcGIS(TypedDict):
    """The archive compared with ArcGIS, by the last run over everything.

    `missedNotebooks` and `missedVersions` are in ArcGIS and not in the archive. `keptNotebooks` and `keptVersions` are
    in the archive and not in ArcGIS any more.
    """

    runId: str
    endedAt: str
    missedNotebooks: int
    missedVersions: int
    keptNotebooks: int
    keptVersions: int


class AgainstSecondPlace(TypedDict):
    """The archive compared with the bucket of the second place.

    `compared` is the number of S3 versions that must have a replica by now. `notReplicated` counts those without one.
    """

    bucket: str
    compared: int
    notReplicated: int


class VerificationReport(TypedDict):
    """The report of a verification, `report.json`.

    `work` contains the number, the total and the longest time of the batches. `bytes` were read from S3, with
    `requests` requests, by the batches. `findings` counts the findings by kind and state, and `named` lists the first
    MAX_NAMED. `oldestUnprovedDays` is the age of the longest unproved version without a finding, or None if that is not
    known. `arcgis` is None if there is no run to compare with. `secondPlace` is None if the stack has none, or if it
    could not be listed.
    """

    schema: int
    runId: str
    scope: Scope
    status: Status
    message: str
    startedAt: str
    endedAt: str
    seconds: float
    work: dict[str, float]
    versions: Versions
    bytes: int
    requests: int
    oldestUnprovedDays: float | None
    findings: FindingCounts
    named: list[OpenFinding]
    arcgis: AgainstArcGIS | None
    secondPlace: AgainstSecondPlace | None
    notices: list[Problem]
    error: Problem | None


def report_verification(
    run: RunId,
    started_at: str,
    wanted: Wanted,
    plan: VerificationPlan | None,
    error: Mapping[str, Any] | None,
    archive: Archive,
    ledger: Ledger,
    threads: int,
    clock: Callable[[], float] = time.time,
) -> tuple[str, VerificationReport]:
    """Write the findings and the report of a verification, and return the report's key and the report.

    `wanted` is what was asked for, which is used if there is no plan. `error` is what Step Functions caught, if the
    planning or the distributed map failed. May raise RunIdTaken, ArchiveDenied or ArchiveUnavailable.
    """
    claim_run(keys.verification_claim_key(run), run, started_at, archive)
    ended_at = datetime.fromtimestamp(clock(), UTC)
    day = datetime.fromisoformat(started_at).astimezone(UTC).date()
    outcome = read_outcome(run, archive)
    fold(archive, ledger, day, threads)
    unreplicated = _read_unreplicated(run, plan, wanted, archive)
    findings = combine_findings(outcome, unreplicated, read_open_findings(run, archive, day), archive)
    last_run = find_last_run(archive, day)
    counts, problem = count_findings(findings), describe_caught_error(error) if error else None
    unchecked = list(outcome.list_unchecked(_read_checks(plan, archive)))
    second_place = _compare_with_second_place(plan)
    notices = [_describe_unchecked(unchecked)] if unchecked else []
    if problem_of_second_place := _describe_unlisted(plan):
        notices.append(problem_of_second_place)
    versions: Versions = {
        "listed": plan["versions"] if plan else 0,
        "unrecorded": plan["unrecorded"] if plan else 0,
        "read": len(outcome.proved),
        "compared": len(outcome.compared),
        "notReached": len(outcome.not_reached),
        "levels": _count_levels(plan, wanted, ledger),
    }
    oldest = _measure_oldest(plan, outcome, archive, int(ended_at.timestamp() * 1000))
    status = _decide_status(counts, notices, problem)
    report: VerificationReport = {
        "schema": SCHEMA,
        "runId": run,
        "scope": plan["scope"] if plan else wanted.scope,
        "status": status,
        "message": write_message(status, versions, second_place, counts, findings, notices, problem),
        "startedAt": started_at,
        "endedAt": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round((ended_at - datetime.fromisoformat(started_at)).total_seconds(), 3),
        "work": {
            "batches": len(outcome.durations),
            "seconds": round(sum(outcome.durations), 3),
            "longest": max(outcome.durations, default=0.0),
        },
        "versions": versions,
        "bytes": outcome.size,
        "requests": outcome.requests,
        "oldestUnprovedDays": oldest,
        "findings": counts,
        "named": findings[:MAX_NAMED],
        "arcgis": _compare_with_arcgis(last_run, plan) if last_run else None,
        "secondPlace": second_place,
        "notices": notices,
        "error": problem,
    }
    archive.put_lines(keys.findings_key(run), findings)
    key = keys.verification_report_key(run)
    archive.put_document(key, report)
    return key, report


def _read_checks(plan: VerificationPlan | None, archive: Archive) -> Iterator[Check]:
    """Yield the checks of the plan."""
    if plan:
        for line in archive.read_lines(plan["planKey"]):
            yield from line["checks"]


def _read_unreplicated(
    run: RunId, plan: VerificationPlan | None, wanted: Wanted, archive: Archive
) -> Unreplicated | None:
    """Return what the plan found that has no replica, or None if it could not compare."""
    if _compare_with_second_place(plan) is None:
        return None
    findings = [as_finding(line) for line in archive.read_lines(keys.unreplicated_key(run))]
    return Unreplicated(findings, frozenset(wanted.item_ids))


def _compare_with_second_place(plan: VerificationPlan | None) -> AgainstSecondPlace | None:
    # An execution that was started by an earlier release has a plan without the field.
    summary = plan.get("secondPlace") if plan else None
    if summary is None or summary["error"]:
        return None
    return {
        "bucket": summary["bucket"],
        "compared": summary["compared"],
        "notReplicated": summary["notReplicated"],
    }


def _describe_unlisted(plan: VerificationPlan | None) -> Problem | None:
    """Return the notice that the second place could not be listed, or None."""
    summary = plan.get("secondPlace") if plan else None
    if summary is None or not summary["error"]:
        return None
    return {
        "reason": "second-place-not-listed",
        "message": f"The archive could not be compared with the second place. {summary['error']}",
        "remedy": "Run notebook-archive doctor. docs/second-place.md says what the bucket's policy must allow.",
    }


def _decide_status(counts: FindingCounts, notices: Sequence[Problem], error: Problem | None) -> Status:
    if error:
        return "failed"
    if count_unsettled(counts):
        return "findings"
    return "partial" if notices else "complete"


def _describe_unchecked(unchecked: Sequence[str]) -> Problem:
    named = ", ".join(unchecked[:_MAX_KEYS]) + (" and others" if len(unchecked) > _MAX_KEYS else "")
    count = f"{len(unchecked)} object{' has' if len(unchecked) == 1 else 's have'}"
    return {
        "reason": "not-checked",
        "message": f"{count} no result, because a batch crashed: {named}.",
        "remedy": "Read the log of verify_versions for this verification. The next verification checks them again.",
    }


def _count_levels(plan: VerificationPlan | None, wanted: Wanted, ledger: Ledger) -> dict[str, int]:
    """Return the number of versions by level. A version that is only listed has level 1."""
    chosen = set(wanted.item_ids)
    shards = {keys.shard_of(keys.notebook_prefix(each)) for each in chosen} or keys.SHARDS
    levels: Counter[int] = Counter()
    for shard in sorted(ledger.list_shards() & set(shards)) if plan else ():
        for key, entry in ledger.read_shard(shard).entries.items():
            if not chosen or key.removeprefix(keys.NOTEBOOKS)[:32] in chosen:
                levels[entry.level] += 1
    proved = {str(level): levels[level] for level in range(2, 6)}
    return {"1": max(0, (plan["versions"] if plan else 0) - sum(proved.values())), **proved}


def _measure_oldest(plan: VerificationPlan | None, outcome: Outcome, archive: Archive, now: int) -> float | None:
    if plan is None or plan["scope"] == "chosen":
        return None
    times = [plan["oldestLeft"], outcome.find_oldest(_read_checks(plan, archive))]
    oldest = min(filter(None, times), default=now)
    return round(max(0, now - oldest) / DAY_MS, 1)


def _compare_with_arcgis(last_run: Mapping[str, Any], plan: VerificationPlan | None) -> AgainstArcGIS:
    snapshots = last_run["snapshots"]
    missed = sum(snapshots["failed"].values()) + snapshots["skipped"].get(UNPROTECTED, 0)
    return {
        "runId": last_run["runId"],
        "endedAt": last_run["endedAt"],
        "missedNotebooks": last_run.get("protection", {}).get("unprotected", 0),
        "missedVersions": missed,
        "keptNotebooks": plan["deletedNotebooks"] if plan else 0,
        "keptVersions": last_run.get("kept", 0) + (plan["deletedVersions"] if plan else 0),
    }
