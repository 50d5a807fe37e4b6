"""The report of a run: what was set out to do, what became of it, and what is to be done next."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from notebook_archive.archive import Archive, RunId
from notebook_archive.backup.outcome import UNPROTECTED, Outcome, Problem
from notebook_archive.backup.planned import Planned
from notebook_archive.clock import Deadline
from notebook_archive.errors import NoFreeSlot, NotebookArchiveError
from notebook_archive.models import truncate
from notebook_archive.runs.claim import claim_run
from notebook_archive.runs.crashed import recover_outcomes
from notebook_archive.runs.plan import Plan, Scope
from notebook_archive.runs.portal_notices import list_portal_notices
from notebook_archive.runs.protection import (
    NotProtected,
    ProtectionCounts,
    RecoveryPoint,
    count_protection,
    describe_protection,
    list_not_protected,
    measure_recovery_point,
)

SCHEMA = 2
"""Version of the report.  2 has `protection`, `recoveryPoint` and `notProtected`."""
Status = Literal["complete", "partial", "failed"]
STATUSES: tuple[Status, ...] = ("complete", "partial", "failed")
INCOMPLETE = frozenset(
    (
        "listing-incomplete",
        "administrator-sees-not-all",
        "notebooks-vanished",
        "notebooks-not-looked-up",
        "plan-incomplete",
        "search-missed",
        "search-stale",
    )
)
"""Notices that say that notebooks may be missing from the run."""
# Maximum notices in a run's message, and maximum characters of an error's message and of its name. The message is part
# of an event and of the execution's state; neither may be larger than 256 KB.
MAX_NOTICES = 5
MAX_ERROR = 2000
MAX_NAME = 100

PLAN_INCOMPLETE: Problem = {
    "reason": "plan-incomplete",
    "message": "Fewer notebooks have an outcome or a line in the plan than were planned.",
    "remedy": "Look for who deletes objects below runs/, then start the run again.",
}


class Counts(TypedDict):
    """``attempted`` is the sum of all the others; ``skipped`` and ``failed`` are by reason."""

    attempted: int
    archived: int
    unchanged: int
    skipped: dict[str, int]
    failed: dict[str, int]


class Report(TypedDict):
    """A run's report, ``report.json``.

    ``bytes`` were archived; ``seconds`` is how long the run took, ``work`` the sum over batches.  ``captured``
    snapshots were made in ArcGIS, and ``freed`` ones were deleted there to make room.  `protection` counts the
    notebooks by state, and `notProtected` names all but the protected ones.  `unprotected` are those that no credential
    may read.
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
    notebooks: Counts
    snapshots: Counts
    protection: ProtectionCounts
    recoveryPoint: RecoveryPoint
    notProtected: list[NotProtected]
    captured: int
    freed: list[dict[str, str]]
    bytes: int
    unprotected: list[dict[str, str]]
    skipped: list[dict[str, str]]
    failed: list[dict[str, str]]
    notices: list[Problem]
    error: Problem | None


def report_run(
    run: RunId,
    archive: Archive,
    started_at: str,
    plan: Plan | None,
    error: Mapping[str, Any] | None,
    threads: int,
    deadline: Deadline,
    *,
    asked: Scope = "everything",
) -> tuple[str, Report]:
    """Write the report of a run, last of all its objects, and return its key and itself.

    `asked` is the scope that the run was asked for, which counts if there is no plan. A planned notebook without an
    outcome has failed, because its batch crashed. `threads` threads look up what that batch stored, until the deadline.
    `error` is what Step Functions caught, if planning or the fan-out itself failed. Raises RunIdTaken, ArchiveDenied or
    ArchiveUnavailable.
    """
    claim_run(run, started_at, archive)
    outcomes: dict[str, Outcome] = {}
    captures: dict[tuple[str, ...], Outcome] = {}
    durations: list[float] = []
    crashed_key = run.key("outcomes/crashed.json")
    for key in archive.list_keys(run.key("outcomes/")):
        if key == crashed_key:
            continue  # left by an earlier try of this function, which may have run out of time
        document = json.loads(archive.read_object(key) or b"{}")
        durations += [document["seconds"]] if "seconds" in document else []
        for found in document.get("outcomes", ()):
            if {"captured", "freed"} & found.keys():  # once, also if S3 has the outcomes of one try twice
                captures[found["itemId"], found.get("captured", ""), found.get("freed", "")] = found
            found.setdefault("protection", {"state": "unprotected", "modified": 0})  # from an older version
            outcomes[found["itemId"]] = max(found, outcomes.get(found["itemId"], found), key=_better)
    scope = plan["scope"] if plan else asked
    planned = _planned(archive, plan["planKey"]) if plan else ()
    missing = [each for each in planned if each["itemId"] not in outcomes]
    crashed, notices = recover_outcomes(missing, run, started_at, archive, threads, deadline)
    if crashed:
        archive.put_document(crashed_key, {"outcomes": crashed})
    outcomes |= {each["itemId"]: each for each in crashed}
    ordered = [outcomes[item_id] for item_id in sorted(outcomes)]
    notices = [*(plan["notices"] if plan else ()), *notices]
    report = _report(run, started_at, scope, plan, ordered, list(captures.values()), durations, notices, _caught(error))
    key = run.key("report.json")
    archive.put_document(key, report)
    return key, report


def figures(report: Report) -> dict[str, int]:
    """Return the report's counts by the names of metrics, zeros included, so that silence is told from success.

    A run over chosen notebooks does not count as a run: it must not hide that the organisation's did not end well.
    """
    everything = report["scope"] == "everything"
    counted = {f"Run{status.capitalize()}": int(everything and report["status"] == status) for status in STATUSES}
    for name, counts in (("Notebooks", report["notebooks"]), ("Snapshots", report["snapshots"])):
        counted[f"{name}Attempted"] = counts["attempted"]
        counted[f"{name}Archived"] = counts["archived"]
        counted[f"{name}Unchanged"] = counts["unchanged"]
        counted[f"{name}Skipped"] = sum(counts["skipped"].values())
        counted[f"{name}Failed"] = sum(counts["failed"].values())
    counted |= {f"Notebooks{state.capitalize()}": count for state, count in report["protection"].items()}
    full = report["snapshots"]["skipped"].get(NoFreeSlot.reason, 0)
    captures = {"SnapshotsCaptured": report["captured"], "SlotsFreed": len(report["freed"])}
    return counted | captures | {"CapturesWithoutSlot": full}


def _better(tried: Outcome) -> tuple[int, int]:
    """Order the outcomes that two tries of a batch left of a notebook: one that ended well counts, then the one that
    archived more.

    One that skipped the notebook, such as for a missing secret, never hides the failure of one that could read it.
    """
    return {"skipped": 0, "failed": 1}.get(tried["state"], 2), len(tried["archived"])


def _planned(archive: Archive, plan_key: str) -> Iterator[Planned]:
    for line in (archive.read_object(plan_key) or b"").splitlines():
        yield from json.loads(line)["notebooks"]


def _report(
    run: RunId,
    started_at: str,
    scope: Scope,
    plan: Plan | None,
    outcomes: list[Outcome],
    captures: list[Outcome],
    durations: list[float],
    notices: list[Problem],
    error: Problem | None,
) -> Report:
    notebooks, snapshots = _count_notebooks(outcomes), _count_snapshots(outcomes)
    protection = count_protection(outcomes)
    skipped = [_entry(o) for o in outcomes if o["state"] == "skipped"]
    unprotected = [entry for entry in skipped if entry["reason"] == UNPROTECTED]
    failed = [_entry(o) for o in outcomes if o["state"] == "failed"]
    notices = [*notices, *_broken_credentials(outcomes), *list_portal_notices(outcomes, is_chosen=scope == "chosen")]
    notices += _list_uncounted(outcomes)
    if plan and len(outcomes) < plan["notebooks"]:
        notices.append(PLAN_INCOMPLETE)
    status: Status = "complete"
    if error or (failed and len(failed) == len(outcomes)):
        status = "failed"
    elif failed or (outcomes and len(unprotected) == len(outcomes)) or INCOMPLETE & {n["reason"] for n in notices}:
        status = "partial"
    ended_at = datetime.now(UTC)
    seconds = (ended_at - datetime.fromisoformat(started_at)).total_seconds()
    return {
        "schema": SCHEMA,
        "runId": run,
        "scope": scope,
        "status": status,
        "message": _message(status, protection, notebooks, snapshots, notices, error),
        "startedAt": started_at,
        "endedAt": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round(seconds, 3),
        "work": {
            "batches": len(durations),
            "seconds": round(sum(durations), 3),
            "longest": max(durations, default=0.0),
        },
        "notebooks": notebooks,
        "snapshots": snapshots,
        "protection": protection,
        "recoveryPoint": measure_recovery_point(outcomes),
        "notProtected": list_not_protected(outcomes),
        # Of every try of a batch: what was done in ArcGIS was done, however the notebook ended.
        "captured": sum("captured" in o for o in captures),
        "freed": [_named(o) | {"resourceKey": o["freed"]} for o in captures if "freed" in o],
        "bytes": sum(stored["bytes"] for o in outcomes for stored in o["archived"]),
        "unprotected": unprotected,
        "skipped": [entry for entry in skipped if entry["reason"] != UNPROTECTED],
        "failed": failed,
        "notices": notices,
        "error": error,
    }


def _broken_credentials(outcomes: list[Outcome]) -> Iterator[Problem]:
    """Yield one notice for each credential that did not work, however many notebooks failed for it."""
    failed: dict[str, list[str]] = {}
    for found in outcomes:
        problems = [*([found["problem"]] if "problem" in found else ()), *found["failed"]]
        for secret in {problem["secret"] for problem in problems if "secret" in problem}:
            failed.setdefault(secret, []).append(found["owner"])
    for secret, owners in sorted(failed.items()):
        whose = " and ".join(sorted(set(owners))[:3]) + (" and others" if len(set(owners)) > 3 else "")
        yield {
            "reason": "credential-broken",
            "message": f"The credential in secret '{secret}' did not work; {len(owners)} notebooks of {whose} failed.",
            "remedy": "Renew the credential; if its token is rotated, the log of rotate_token says why that failed.",
            "secret": secret,
        }


def _list_uncounted(outcomes: list[Outcome]) -> Iterator[Problem]:
    """Yield one notice if ArcGIS listed snapshots of notebooks without a total."""
    uncounted = [found["itemId"] for found in outcomes if found.get("uncounted")]
    if uncounted:
        named = ", ".join(uncounted[:3]) + (" and others" if len(uncounted) > 3 else "")
        yield {
            "reason": "total-missing",
            "message": f"ArcGIS listed the snapshots of {named} without a total, so none can be noticed as missing.",
            "remedy": "Compare the snapshots in the archive with those that ArcGIS shows for one of these notebooks.",
        }


def _count_notebooks(outcomes: list[Outcome]) -> Counts:
    states = Counter(o["state"] for o in outcomes)
    return {
        "attempted": len(outcomes),
        "archived": states["archived"],
        "unchanged": states["unchanged"],
        "skipped": _reasons(o["problem"]["reason"] for o in outcomes if o["state"] == "skipped"),
        "failed": _reasons(o["problem"]["reason"] for o in outcomes if o["state"] == "failed"),
    }


def _count_snapshots(outcomes: list[Outcome]) -> Counts:
    archived = sum(len(o["archived"]) for o in outcomes)
    unchanged = sum(o["unchanged"] for o in outcomes)
    skipped = _reasons(found["reason"] for o in outcomes for found in o["skipped"])
    failed = _reasons(found["reason"] for o in outcomes for found in o["failed"])
    attempted = archived + unchanged + sum(skipped.values()) + sum(failed.values())
    return {"attempted": attempted, "archived": archived, "unchanged": unchanged, "skipped": skipped, "failed": failed}


def _reasons(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reasons).items()))


def _entry(found: Outcome) -> dict[str, str]:
    return _named(found) | {name: str(value) for name, value in found["problem"].items()}


def _named(found: Outcome) -> dict[str, str]:
    return {"itemId": found["itemId"], "title": found["title"], "owner": found["owner"]}


def _message(
    status: Status,
    protection: ProtectionCounts,
    notebooks: Counts,
    snapshots: Counts,
    notices: list[Problem],
    error: Problem | None,
) -> str:
    if error:
        return f"The run failed: {error['message']} {error['remedy']}"
    archived, failed = snapshots["archived"], sum(notebooks["failed"].values())
    text = (
        f"{status.capitalize()}. {describe_protection(protection).capitalize()}. "
        f"{archived} version{'' if archived == 1 else 's'} archived, {snapshots['unchanged']} already in the archive, "
        f"{failed} notebook{'' if failed == 1 else 's'} failed."
    )
    sentences = [f"{notice['message']} {notice['remedy']}" for notice in notices[:MAX_NOTICES]]
    if len(notices) > MAX_NOTICES:
        more = len(notices) - MAX_NOTICES
        sentences.append(f"The report has {more} more notice{'' if more == 1 else 's'}.")
    return " ".join((text, *sentences))


def _caught(error: Mapping[str, Any] | None) -> Problem | None:
    """Return the problem that Step Functions caught: ``Error`` is a class's name, ``Cause`` the function's error as
    JSON text."""
    if not error:
        return None
    name = truncate(str(error.get("Error", "unknown")), MAX_NAME)
    message, remedy = f"Step Functions reports {name}.", "Look at the function's log for this run, then start it again."
    try:
        cause = json.loads(str(error.get("Cause", "")))
        message = truncate(str(cause["errorMessage"]), MAX_ERROR)
    except (ValueError, KeyError, TypeError):
        cause = {}
    named = _error_classes(NotebookArchiveError)
    kind = named.get(str(cause.get("errorType")), named.get(name)) if isinstance(cause, dict) else None
    return {"reason": name, "message": message, "remedy": kind.remedy if kind else remedy}


def _error_classes(kind: type[NotebookArchiveError]) -> dict[str, type[NotebookArchiveError]]:
    """Return an error class and all below it, by name."""
    return {kind.__name__: kind} | {
        name: each for child in kind.__subclasses__() for name, each in _error_classes(child).items()
    }
