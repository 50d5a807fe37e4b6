"""Describe what the report of a run, a verification, a bulk restore or a restore test says went wrong."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from notebook_archive.models import replace_unprintable, truncate
from notebook_archive.notifications.notification import Notification, Stack, format_count, list_first
from notebook_archive.notifications.records import Record
from notebook_archive.notifications.remedies import choose_command, choose_page, name_reason

# The JSON of a report, as its use case writes it.
type Report = Mapping[str, Any]

# Maximum number of causes in a notification. The report has all of them.
MAX_CAUSES = 3
# Maximum number of characters of a notebook's title.
_MAX_TITLE = 80
# Notices that say why notebooks failed, or why notebooks may be missing from the run.
_CAUSES_IN_NOTICES = frozenset(
    (
        "administrator-sees-not-all",
        "credential-broken",
        "listing-incomplete",
        "notebooks-not-looked-up",
        "notebooks-vanished",
        "plan-incomplete",
        "search-missed",
        "search-stale",
    )
)
_EVERY_NOTEBOOK = ("every notebook of the organization",)


def has_counted(report: Report) -> bool:
    """Return whether a run counted the notebooks. A run that failed before it had a plan did not."""
    return report.get("error") is None or sum(report["protection"].values()) > 0


def describe_run(report: Report, record: Record, since: datetime, stack: Stack) -> Notification:
    """Return the notification that a run failed, or is partial. `since` is when the first run in a row failed."""
    run, status, error = report["runId"], report["status"], report.get("error")
    failed = sum(report["notebooks"]["failed"].values())
    causes = [error] if error else _list_causes(report)
    unprotected = _list_unprotected(report)
    cause = causes[0] if causes else {"reason": status, "message": report["message"], "remedy": ""}
    attempted = format_count(report["notebooks"]["attempted"], "notebook")
    if error:
        archived = "What it reached is archived." if report["notebooks"]["attempted"] else "It archived nothing."
        what = f"The archive run {run} failed. {archived}"
        concerns: tuple[str, ...] = _EVERY_NOTEBOOK
    elif failed:
        has_others = failed < report["notebooks"]["attempted"] and not unprotected
        others = " The others are archived." if has_others else ""
        what = f"The archive run {run} is {status}: {failed} of {attempted} failed.{others}"
        concerns = _name_notebooks(report["failed"], failed)
    else:
        what = f"The archive run {run} is {status}: notebooks may be missing from the archive."
        concerns = _name_notebooks(unprotected) or _EVERY_NOTEBOOK
    if unprotected:
        what += f" {_count_unprotected(unprotected)} nothing in the archive."
    count = f"{failed} of {attempted} failed, " if failed and not error else ""
    sentence, command = choose_command(cause, run, stack)
    return Notification(
        key=record.key,
        subject=f"Archive run {status}: {count}{name_reason(cause['reason'])}",
        what=what,
        since=since,
        concerns=concerns,
        cause=_describe_causes(causes, report["failed"]),
        remedy=_list_remedies(causes, sentence),
        command=command,
        more=choose_page(cause["reason"]),
    )


def describe_unprotected(report: Report, record: Record, new: Iterable[str], stack: Stack) -> Notification:
    """Return the notification that notebooks have nothing in the archive. `new` are the ids of those that are new."""
    ids = set(new)
    entries = sorted(_list_unprotected(report), key=lambda each: each["itemId"] not in ids)
    count = _count_unprotected(entries)
    new_ones = "" if len(ids) == len(entries) else f", {len(ids)} of them for the first time"
    status = report["status"]
    sentence, command = choose_command(entries[0], report["runId"], stack)
    return Notification(
        key=record.key,
        subject=f"{count} nothing in the archive",
        what=f"The archive run {report['runId']} is {status}, but {count} nothing in the archive{new_ones}.",
        since=record.at,
        concerns=_name_notebooks(entries),
        cause=_describe_causes(entries[:1], entries),
        remedy=_list_remedies(entries[:1], sentence),
        command=command,
        more="docs/operations.md, Unprotected notebooks",
    )


def describe_verification(report: Report, record: Record, stack: Stack) -> Notification:
    """Return the notification that a verification found something, or did not check everything."""
    run, status, error = report["runId"], report["status"], report.get("error")
    findings = sorted(list_unsettled(report), key=lambda each: each["state"] != "new")
    count = sum(states["new"] + states["open"] for states in report["findings"].values())
    new = sum(states["new"] for states in report["findings"].values())
    problems: Sequence[Report] = [error] if error else findings or report["notices"]
    causes = list({each.get("kind") or each["reason"]: each for each in reversed(problems)}.values())[::-1]
    sentence, command = choose_command(error, run, stack) if error else ("", stack.command("verify"))
    if error:
        subject, what = f"Verification failed: {name_reason(error['reason'])}", f"The verification {run} failed."
    elif findings:
        kinds = ", ".join(
            f"{states['new'] + states['open']} {kind}"
            for kind, states in report["findings"].items()
            if states["new"] + states["open"]
        )
        subject = f"{format_count(count, 'finding')} in the archive: {kinds}"
        what = f"The verification {run} has {format_count(count, 'finding')}, {new} of them new."
        sentence, command = "The command lists all findings, with what to do.", stack.command("findings")
    else:
        subject, what = "Verification partial: not everything was checked", f"The verification {run} is {status}."
    sinces = [datetime.fromisoformat(each["since"]) for each in findings if each.get("since")]
    return Notification(
        key=record.key,
        subject=subject,
        what=what,
        since=min(sinces, default=record.at),
        concerns=list_first((_name_finding(each) for each in findings), "finding", count) or ("the whole archive",),
        cause=_describe_causes(causes),
        remedy=_list_remedies(causes, sentence),
        command=command,
        more="docs/verify.md, Findings" if findings else "docs/verify.md, Read the report",
    )


def describe_restore(report: Report, record: Record, stack: Stack) -> Notification:
    """Return the notification that a bulk restore did not restore every notebook."""
    run, status, error = report["runId"], report["status"], report.get("error")
    failed = sum(report["notebooks"]["failed"].values())
    problems = [error] if error else [each["problem"] for each in report["named"]]
    causes = _list_by_reason(problems)
    attempted = format_count(report["notebooks"]["attempted"], "notebook")
    named = [{**each, "owner": each["archivedOwner"]} for each in report["named"]]
    return Notification(
        key=record.key,
        subject=f"Bulk restore {status}: {failed} of {attempted} not restored",
        what=f"The bulk restore {run} is {status}: {failed} of {attempted} were not restored.",
        since=record.at,
        concerns=_name_notebooks(named, failed) or ("the notebooks of this restore",),
        cause=_describe_causes(causes, problems),
        remedy=_list_remedies(
            causes, "When the cause is gone, the command restores the rest. Nothing is restored twice."
        ),
        command=stack.command(f"restore --resume {shlex.quote(run)}"),
        more="docs/restore.md, Many notebooks",
    )


def describe_restore_test(results: Report, record: Record, stack: Stack) -> Notification:
    """Return the notification that archived versions could not be restored as a test."""
    run, failed = results["runId"], results["failed"]
    tested = format_count(failed + results["passed"], "version")
    tests = [each for each in results["tests"] if "problem" in each]
    problems = [*(each["problem"] for each in tests), *results["leftovers"]]
    causes = _list_by_reason(problems)
    left = len(results["leftovers"])
    leftovers = f" {format_count(left, 'item')} of the test could not be deleted." if left else ""
    return Notification(
        key=record.key,
        subject=f"Restore test failed: {failed} of {tested}",
        what=f"The restore test {run} failed for {failed} of {tested}.{leftovers}",
        since=record.at,
        concerns=list_first((f"owner {each['owner']}: {each['key']}" for each in tests), "version", failed)
        or ("the test account",),
        cause=_describe_causes(causes, problems, "version"),
        remedy=_list_remedies(causes, "The command shows the results."),
        command=stack.command(f"restore-test --run {shlex.quote(run)}"),
        more="docs/restore.md, Restore tests",
    )


def describe_from_event(detail: Report, record: Record, noun: str, stack: Stack) -> Notification:
    """Return the notification for a report that cannot be read. The event has its status and its message."""
    run = detail["runId"]
    return Notification(
        key=record.key,
        subject=f"{noun} {detail['status']}",
        what=f"{noun} {run} ended with the status {detail['status']}, and its report cannot be read.",
        since=record.at,
        concerns=_EVERY_NOTEBOOK,
        cause=replace_unprintable(str(detail["message"])),
        remedy="The message above says what to do. The command checks whether the buckets can be read.",
        command=stack.command("doctor"),
        more="docs/operations.md, Did last night's backup succeed?",
    )


def list_unprotected_ids(report: Report) -> tuple[str, ...]:
    """Return the ids of the notebooks that have nothing in the archive, in order."""
    return tuple(sorted(each["itemId"] for each in _list_unprotected(report)))


def list_unsettled(report: Report) -> list[Report]:
    """Return the findings of a verification that are not acknowledged, as far as its report names them."""
    return [each for each in report["named"] if each["state"] != "acknowledged"]


def _list_unprotected(report: Report) -> list[Report]:
    return [each for each in report["notProtected"] if each["state"] == "unprotected"]


def _count_unprotected(entries: Sequence[Report]) -> str:
    return f"{format_count(len(entries), 'notebook')} {'has' if len(entries) == 1 else 'have'}"


def _list_causes(report: Report) -> list[Report]:
    """Return why a run is not complete: notices, then one problem of each reason, the most frequent first.

    A notice about a broken credential stands for the notebooks that failed because of it.
    """
    notices = [each for each in report["notices"] if each["reason"] in _CAUSES_IN_NOTICES]
    broken = {each["secret"] for each in notices if "secret" in each}
    others = [each for each in report["failed"] if each.get("secret") not in broken]
    return [*notices, *_list_by_reason(others)] or _list_unprotected(report)[:1]


def _list_by_reason(problems: Sequence[Report]) -> list[Report]:
    """Return the first problem of each reason, the most frequent reason first."""
    first = {each["reason"]: each for each in reversed(problems)}
    return [first[reason] for reason, _ in Counter(each["reason"] for each in problems).most_common()]


def _describe_causes(causes: Sequence[Report], failed: Sequence[Report] = (), noun: str = "notebook") -> str:
    """Return the messages of the first causes, each with its reason and the number of those that failed for it."""
    counts = Counter(each["reason"] for each in failed)
    lines = []
    for cause in causes[:MAX_CAUSES]:
        reason = cause.get("reason") or cause["kind"]
        count = f", {format_count(counts[reason], noun)}" if counts[reason] > 1 else ""
        lines.append(replace_unprintable(f"{cause['message']} ({reason}{count})"))
    if len(causes) > MAX_CAUSES:
        lines.append(f"The report has {format_count(len(causes) - MAX_CAUSES, 'more cause')}.")
    return "\n".join(lines)


def _list_remedies(causes: Sequence[Report], command: str) -> str:
    """Return what to do about the first causes, and what the command does."""
    remedies = [*(replace_unprintable(each["remedy"]) for each in causes[:MAX_CAUSES]), command]
    return "\n".join(dict.fromkeys(filter(None, remedies)))


def _name_notebooks(entries: Sequence[Report], total: int | None = None) -> tuple[str, ...]:
    lines = (f'"{truncate(each["title"], _MAX_TITLE)}" ({each["itemId"]}), owner {each["owner"]}' for each in entries)
    return list_first(lines, "notebook", total)


def _name_finding(finding: Report) -> str:
    return f"finding {finding['findingId']}, {finding['kind']}, {finding['state']}: {finding['key']}"
