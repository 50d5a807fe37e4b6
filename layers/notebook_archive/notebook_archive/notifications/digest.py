"""Summarize the state of the archive, from its reports and from what was recorded of alarms and notifications."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.errors import ArchiveError
from notebook_archive.notifications.alarm_words import ALARMS
from notebook_archive.notifications.notification import Digest, Stack, format_count, format_time, list_first
from notebook_archive.notifications.records import Kind, Record, Records
from notebook_archive.notifications.reports import Report, has_counted, list_unprotected_ids, list_unsettled

# Reports and notifications from before this time are not in a digest.
DIGEST_DAYS = 31
_KEYS = {
    "run": keys.report_key,
    "verification": keys.verification_report_key,
    "restore": keys.bulk_report_key,
    "restore-test": keys.restore_test_results_key,
}
_ENDS = {
    "complete": "was complete",
    "findings": "found something",
    "partial": "was partial",
    "failed": "failed",
}
_KINDS: tuple[Kind, ...] = ("run", "verification", "restore", "restore-test", "alarm")


def read_report(kind: Kind, run: str, archive: Archive) -> Report | None:
    """Return the report of a run, a verification, a bulk restore or a restore test, or None if it cannot be read."""
    try:
        body = archive.read_object(_KEYS[kind](RunId(run)))
        report: Any = json.loads(body) if body else None
    except (ArchiveError, ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def make_digest(at: datetime, archive: Archive, records: Records, stack: Stack) -> tuple[Digest, Record, bool]:
    """Return the digest of this time, its record, and whether something differs from the last digest.

    May raise ArchiveDenied or ArchiveUnavailable.
    """
    start = at - timedelta(days=DIGEST_DAYS)
    last = next((each for each in records.list_latest("digest") if each.at < at), None)
    since = max(start, last.at) if last else start
    sent = sorted(_list_sent(records, since, at), key=lambda each: each.at)
    alarms = _list_open_alarms(records, at)
    run = _find_report("run", start, archive, records)
    counted = _find_counted_run(run, start, archive, records)
    verification = _find_report("verification", start, archive, records)
    test = _find_report("restore-test", start, archive, records)
    rows = {
        "Protected": _describe_protection(run, counted),
        "Fresh": _describe_recovery(counted),
        "Proved": _describe_proof(verification),
        "Restore tests": _describe_tests(test),
        "Alarms that are on": _describe_alarms(alarms),
        "Notifications since the last digest": _describe_sent(sent),
    }
    figures = {
        "run": run["status"] if run else "",
        "unprotected": " ".join(list_unprotected_ids(counted)) if counted else "",
        "stale": str(counted["protection"]["stale"]) if counted else "",
        "verification": verification["status"] if verification else "",
        "findings": " ".join(each["findingId"] for each in list_unsettled(verification)) if verification else "",
        "restore test": test["status"] if test else "",
        "alarms": " ".join(sorted(alarms)),
    }
    record = Record("digest", f"{at:%Y-%m-%d/%H%M%S}", at, figures=figures)
    digest = Digest(
        key=record.key,
        subject=f"Digest: {_write_headline(run, counted, verification, alarms)}",
        rows=tuple(rows.items()),
        command=stack.command("status"),
        more="docs/notifications.md, The digest",
    )
    return digest, record, last is None or bool(sent) or figures != last.figures


def _find_report(kind: Kind, start: datetime, archive: Archive, records: Records) -> Report | None:
    """Return the last report of this kind since `start`. Of runs, those over everything count."""
    found = (each for each in records.list_latest(kind, start) if each.is_full)
    reports = (read_report(kind, each.name, archive) for each in found)
    return next((each for each in reports if each), None)


def _find_counted_run(run: Report | None, start: datetime, archive: Archive, records: Records) -> Report | None:
    """Return the last run over all notebooks since `start` that counted them. `run` is the last run, or None."""
    if run is None or has_counted(run):
        return run
    found = (read_report("run", each.name, archive) for each in records.list_latest("run", start) if each.is_full)
    return next((each for each in found if each and has_counted(each)), None)


def _list_sent(records: Records, since: datetime, at: datetime) -> list[Record]:
    return [
        each for kind in _KINDS for each in records.list_latest(kind, since) if each.topics and since < each.at <= at
    ]


def _list_open_alarms(records: Records, at: datetime) -> dict[str, datetime]:
    """Return the alarms that are states and went off last, with the time at which they did."""
    found: dict[str, Record] = {}
    for record in records.list_latest("alarm"):
        words = ALARMS.get(record.alarm)
        if words and words.kind == "state" and record.at <= at:
            found.setdefault(record.alarm, record)
    return {alarm: record.at for alarm, record in found.items() if record.state == "ALARM"}


def _describe_protection(run: Report | None, counted: Report | None) -> str:
    if run is None:
        return f"No run over all notebooks has ended in the last {DIGEST_DAYS} days."
    last = f"The last run, {run['runId']}, {_ENDS[run['status']]} at {_format(run['endedAt'])}."
    if counted is None:
        return f"Unknown. {last}"
    protection = counted["protection"]
    total = sum(protection.values())
    others = ", ".join(f"{count} {state}" for state, count in protection.items() if count and state != "protected")
    figures = f"{protection['protected']:,} of {format_count(total, 'notebook')}" + (f" ({others})" if others else "")
    if counted is not run:
        figures += f" at {_format(counted['endedAt'])}, in the last run that counted them"
    return f"{figures}. {last}"


def _describe_recovery(run: Report | None) -> str:
    point = run["recoveryPoint"] if run else None
    if not point or point["worstHours"] is None:
        return "Not measured."
    return (
        f"The newest archived version of a notebook is at most {point['worstHours']:.1f} hours older than its last "
        f"change; the median is {point['medianHours']:.1f} hours."
    )


def _describe_proof(verification: Report | None) -> str:
    if verification is None:
        return f"No verification has ended in the last {DIGEST_DAYS} days."
    listed = format_count(verification["versions"]["listed"], "version")
    oldest = verification["oldestUnprovedDays"]
    age = "" if oldest is None else f", the oldest proof is {oldest:.1f} days old"
    count = _count_findings(verification)
    return (
        f"{listed}{age}, {format_count(count, 'finding')} not acknowledged. The last verification, "
        f"{verification['runId']}, {_ENDS[verification['status']]} at {_format(verification['endedAt'])}."
    )


def _count_findings(verification: Report) -> int:
    return sum(states["new"] + states["open"] for states in verification["findings"].values())


def _describe_tests(test: Report | None) -> str:
    if test is None:
        return f"None in the last {DIGEST_DAYS} days."
    return f"{test['passed']} passed and {test['failed']} failed in the last test, {test['runId']}."


def _describe_alarms(alarms: Mapping[str, datetime]) -> str:
    lines = [f"{ALARMS[alarm].failure}, since {format_time(at)}" for alarm, at in sorted(alarms.items())]
    return "\n".join(lines) or "None."


def _describe_sent(sent: Sequence[Record]) -> str:
    lines = (f"{format_time(each.at)}: {each.subject}" for each in sent)
    return "\n".join(list_first(lines, "notification")) or "None."


def _write_headline(
    run: Report | None, counted: Report | None, verification: Report | None, alarms: Mapping[str, datetime]
) -> str:
    parts = ["no run"]
    if run:
        figures = "protection unknown"
        if counted:
            total = sum(counted["protection"].values())
            figures = f"{counted['protection']['protected']:,} of {total:,} protected"
        parts = [figures, f"last run {run['status']}"]
    if verification and verification["status"] == "findings":
        parts.append(format_count(_count_findings(verification), "finding"))
    elif verification and verification["status"] != "complete":
        parts.append(f"verification {verification['status']}")
    if alarms:
        parts.append(f"{format_count(len(alarms), 'alarm')} on")
    return ", ".join(parts)


def _format(text: str) -> str:
    return format_time(datetime.fromisoformat(text))
