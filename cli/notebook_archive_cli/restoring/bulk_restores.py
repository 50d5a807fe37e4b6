"""Restore many notebooks with the state machine, and undo all restores of one execution."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from notebook_archive.archive import RestoreId, RunId, keys
from notebook_archive.errors import RestoreInputInvalid, SettingsInvalid
from notebook_archive.models import format_size
from notebook_archive_cli.documents import read_document, read_lines
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.restoring.restores import carry_out_undo, make_name, plan_undo
from notebook_archive_cli.running.executions import BULK_RESTORE_PLANS, BULK_RESTORES, Execution, follow, start
from notebook_archive_cli.running.reports import describe_remedy
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.formatting import Column, format_table
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import Output, format_count, replace_unprintable
from notebook_archive_cli.translation import translate_failure

# Maximum number of notebooks with the same problem that text output names. `--json` has all.
MAX_NAMED = 20
# If standard error is not a terminal, an undo of many restores writes a line in this interval.
LINE_SECONDS = 10.0
# An undo of a failed notebook finds something to undo only after one of these problems.
_MAYBE_MADE = frozenset({"restore-interrupted", "batch-crashed", "restored-differently"})
# After these errors, every other undo would fail too.
_STOPS = frozenset({"aws-denied", "signed-out"})
# The reason in a report if the outcomes of some notebooks are not known.
OUTCOMES_LOST = "outcomes-lost"
# The words of the command that lists bulk restores.
LIST_COMMAND = ("runs", "--kind", BULK_RESTORES.kind)


def plan_many(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """Let the state machine plan a bulk restore, and return its report and its list of notebooks. Nothing is changed.

    `given` is the input of the state machine. Raises CommandError if nothing could be planned.
    """
    execution = start(session, BULK_RESTORE_PLANS, {**given, "dryRun": True}, make_name("restore-plan"))
    return _require_planned(session, _read_ended(session, execution))


def _require_planned(session: Session, report: dict[str, Any]) -> dict[str, Any]:
    options, error = session.options, report["error"]
    if not error:
        return report
    if error["reason"] == RestoreInputInvalid.__name__:
        raise CommandError(
            RestoreInputInvalid.reason,
            error["message"],
            remedy="Choose other notebooks, or fewer. The next command lists them with their owners.",
            command=options.command("list"),
            status=ExitStatus.NOT_FOUND,
        )
    if error["reason"] == OUTCOMES_LOST:
        raise CommandError(
            OUTCOMES_LOST,
            error["message"],
            remedy="Find out who altered the object. The same command again makes another plan.",
            command=options.same_command(),
            status=ExitStatus.FINDING,
        )
    raise translate_failure(error["reason"], error["message"], options)


def carry_out_plan(session: Session, run: RunId) -> dict[str, Any]:
    """Carry out the plan of an earlier execution, or the rest of it. Return the report and the list of notebooks."""
    execution = start(session, BULK_RESTORES, {"resume": run}, make_name("restore"))
    return _read_ended(session, execution)


def _read_ended(session: Session, execution: Execution) -> dict[str, Any]:
    """Follow an execution until it ends. Return its report, with the list of notebooks and the next commands."""
    report, run, options = follow(session, execution), execution.run_id, session.options
    document = {**report, "items": list(_read_items(session, run))}
    if report["dryRun"]:
        return {**document, "carryOut": options.command("restore", "--resume", run)}
    return {
        **document,
        "resume": options.command("restore", "--resume", run),
        "undo": options.command("undo", "--run", run),
    }


def _read_items(session: Session, run: RunId) -> Iterator[dict[str, Any]]:
    members = ("itemId", "title", "archivedOwner", "owner", "state")
    return read_lines(session.archive, keys.bulk_items_key(run), *members)


def parse_run(text: str, options: Options, *next_command: str) -> RunId:
    """Return the run id, or raise CommandError with this next command."""
    try:
        return RunId.parse(text)
    except SettingsInvalid:
        raise CommandError(
            "usage",
            f"{text!r} is not a run id, such as 2026-11-22/back-1.",
            remedy="Give the whole id, with the day.",
            command=options.command(*next_command),
            status=ExitStatus.USAGE,
        ) from None


def describe_resumed(session: Session, run: RunId) -> dict[str, Any]:
    """Return how many notebooks the plan of an earlier execution has, and how many of them it has restored.

    Raises CommandError if there is no such plan.
    """
    plans = list(session.archive.list_documents(keys.bulk_plans_prefix(run)))
    if not plans:
        raise CommandError(
            "plan-missing",
            f"The archive has no plan of a bulk restore {run}.",
            remedy="The next command lists the bulk restores.",
            command=session.options.command(*LIST_COMMAND),
            status=ExitStatus.NOT_FOUND,
        )
    last = max(plans, key=lambda listed: (listed.written, listed.key))
    notebooks = sum(len(line["notebooks"]) for line in read_lines(session.archive, last.key, "notebooks"))
    report = read_document(session.archive, keys.bulk_report_key(run), "notebooks")
    counts = report["notebooks"] if report else {"restored": 0, "alreadyRestored": 0}
    return {"runId": run, "notebooks": notebooks, "restored": counts["restored"] + counts["alreadyRestored"]}


def count_failed(report: Mapping[str, Any]) -> int:
    """Return the number of notebooks that failed."""
    return sum(report["notebooks"]["failed"].values())


def describe_many(report: Mapping[str, Any], width: int) -> list[str]:
    """Return the lines that say what a bulk restore would do, and what would fail."""
    planned = [each for each in report["items"] if each["state"] == "planned"]
    lines = ["No notebook would be restored."]
    if planned:
        what = "1 notebook" if len(planned) == 1 else f"each of {len(planned):,} notebooks"
        lines = [f"A new item would be made for {what}, {format_size(report['bytes'])} in all:"]
    owners = Counter((each["archivedOwner"], each["owner"]) for each in planned)
    for (archived, owner), count in sorted(owners.items())[:MAX_NAMED]:
        new_owner = "" if archived == owner else f" for {owner}"
        lines.append(replace_unprintable(f"  {format_count(count, 'notebook')} of {archived}{new_owner}"))
    if len(owners) > MAX_NAMED:
        lines.append(f"  … and those of {len(owners) - MAX_NAMED} more owners")
    return [*lines, *_describe_problems(report["items"], width)]


def _describe_problems(items: Iterable[Mapping[str, Any]], width: int) -> list[str]:
    """Return the lines about notebooks that failed or were skipped, by reason."""
    lines: list[str] = []
    by_reason: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in items:
        if "problem" in each:
            by_reason.setdefault((each["state"], each["problem"]["reason"]), []).append(each)
    for (state, reason), some in sorted(by_reason.items()):
        lines += ["", f"{format_count(len(some), 'notebook')} {state}: {reason}"]
        lines += _describe_group(some, reason, width) if state == "failed" else _list_titles(some)
    return lines


def _describe_group(some: Sequence[Mapping[str, Any]], reason: str, width: int) -> list[str]:
    """Return the lines about notebooks that failed for one reason. A message that all share is shown once."""
    messages = [each["problem"]["message"] for each in some]
    if len(set(messages)) == 1:
        lines = [*wrap_text(messages[0], width, "  "), *_list_titles(some)]
    else:
        lines = []
        for each, message in zip(some[:MAX_NAMED], messages, strict=False):
            lines += [*_list_titles([each]), *wrap_text(message, width, "    ")]
        lines += _count_others(some)
    return [*lines, *wrap_text(describe_remedy(reason, some), width, "  ")]


def _list_titles(some: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"  {each['itemId']}  {replace_unprintable(each['title'])}" for each in some[:MAX_NAMED]]
    return [*lines, *_count_others(some)]


def _count_others(some: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"  … and {len(some) - MAX_NAMED:,} more, which --json lists"] if len(some) > MAX_NAMED else []


def render_many(report: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the plan of a bulk restore, or its report with the ids of the new items."""
    yield from _render_plan(report, width) if report["dryRun"] else _render_report(report, width)


def _render_plan(report: Mapping[str, Any], width: int) -> Iterator[str]:
    yield from describe_many(report, width)
    yield ""
    if not report["notebooks"]["planned"]:
        yield "Nothing was changed."
        return
    yield "Nothing was changed. The next command carries out the plan:"
    yield f"  {report['carryOut']}"


def _render_report(report: Mapping[str, Any], width: int) -> Iterator[str]:
    yield from _describe_counts(report)
    yield from _describe_problems(report["items"], width)
    if error := report["error"]:
        yield ""
        yield from wrap_text(f"{error['message']} {error['remedy']}", width)
    if made := [each for each in report["items"] if "newItemId" in each]:
        yield ""
        yield from _make_table(made, width).splitlines()
        yield from _describe_differences(made, width)
    yield ""
    if report["status"] != "complete":
        yield f"Resume  {report['resume']}"
    if made:
        yield f"Undo    {report['undo']}"


def _describe_differences(made: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    different = [each for each in made if each["differences"]]
    if different:
        yield ""
        yield f"{format_count(len(different), 'new item')} with differences from the archive:"
    for each in different[:MAX_NAMED]:
        yield f"  {each['newItemId']}  level {each['level']}"
        for difference in each["differences"]:
            yield from wrap_text(difference, width, "    ")
    if len(different) > MAX_NAMED:
        yield f"  … and {len(different) - MAX_NAMED:,} more, which --json lists"


def _describe_counts(report: Mapping[str, Any]) -> list[str]:
    counts = report["notebooks"]
    figures = {
        "restored": counts["restored"],
        "restored earlier": counts["alreadyRestored"],
        "skipped": sum(counts["skipped"].values()),
        "failed": count_failed(report),
    }
    listed = ", ".join(f"{count:,} {name}" for name, count in figures.items() if count) or "nothing was done"
    size = f", {format_size(report['bytes'])}" if report["bytes"] else ""
    return [
        f"Bulk restore {report['runId']}: {report['status']}.",
        f"{format_count(counts['attempted'], 'notebook')}: {listed}{size}, in {report['seconds']:.0f} s.",
    ]


def _make_table(made: Sequence[Mapping[str, Any]], width: int) -> str:
    columns = [
        Column("Item", [each["itemId"] for each in made]),
        Column("New item", [each["newItemId"] for each in made]),
        Column("Title", [each["title"] for each in made], rank=1, min_width=12),
    ]
    return format_table(columns, width)


def list_made(session: Session, run: RunId) -> list[dict[str, Any]]:
    """Return what a bulk restore made, or may have made: the lines of its list of notebooks.

    Raises CommandError if it has no list.
    """
    items = list(_read_items(session, run))
    if not items:
        raise CommandError(
            "list-missing",
            f"The archive has no list of new items of a bulk restore {run}.",
            remedy="If it has not ended, wait for it. The next command lists the bulk restores.",
            command=session.options.command(*LIST_COMMAND),
            status=ExitStatus.NOT_FOUND,
        )
    return [each for each in items if "newItemId" in each or each.get("problem", {}).get("reason") in _MAYBE_MADE]


def undo_many(session: Session, run: RunId, made: Sequence[Mapping[str, Any]], *, is_dry_run: bool) -> dict[str, Any]:
    """Undo restores one after the other, and return what became of each. What was undone earlier is left out.

    With a dry run, nothing is changed. Raises CommandError if the user interrupts it, or if all others would fail too.
    """
    done: list[dict[str, Any]] = []
    try:
        for each in _show_progress(session, made):
            done.append(_undo_one(session, each, is_dry_run=is_dry_run))  # noqa: PERF401 - kept if it is interrupted
    except KeyboardInterrupt:
        raise _describe_stop(session, run, done, made, "interrupted", "", ExitStatus.INTERRUPTED) from None
    except CommandError as error:
        raise _describe_stop(session, run, done, made, error.reason, str(error), error.status) from error
    counts = Counter(each["state"] for each in done)
    return {
        "runId": run,
        "dryRun": is_dry_run,
        "status": "partial" if counts["failed"] else "complete",
        "undone": counts["undone"],
        "alreadyUndone": counts["already-undone"],
        "planned": counts["planned"],
        "nothingMade": counts["nothing-made"],
        "failed": counts["failed"],
        "restores": done,
    }


def _describe_stop(
    session: Session,
    run: RunId,
    done: Sequence[Mapping[str, Any]],
    made: Sequence[Mapping[str, Any]],
    reason: str,
    message: str,
    status: ExitStatus,
) -> CommandError:
    return CommandError(
        reason,
        f"The undo of {run} stopped after {len(done):,} of {format_count(len(made), 'restore')}. {message}".strip(),
        remedy="The next command continues. It undoes nothing twice.",
        command=session.options.command("undo", "--run", run),
        status=status,
    )


def _undo_one(session: Session, made: Mapping[str, Any], *, is_dry_run: bool) -> dict[str, Any]:
    restore_id: str = made["restoreId"]
    described = {
        "restoreId": restore_id,
        "itemId": made["itemId"],
        "newItemId": made.get("newItemId"),
        "title": made["title"],
    }
    if session.archive.read_object(keys.undo_result_key(RestoreId.parse(restore_id))) is not None:
        return {**described, "state": "already-undone", "problem": None}
    undo = plan_undo if is_dry_run else carry_out_undo
    try:
        record = undo(session, restore_id, is_forced=False)
    except CommandError as error:
        if error.reason == "restore-unknown":
            return {**described, "state": "nothing-made", "problem": None}
        if error.status in (ExitStatus.UNAVAILABLE, ExitStatus.INTERRUPTED) or error.reason in _STOPS:
            raise
        return {**described, "state": "failed", "problem": error.document()}
    return {**described, "state": record["status"], "problem": None}


def _show_progress(session: Session, made: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the restores, and show on standard error how many are done."""
    if sys.stderr.isatty() and not session.options.is_json:
        from rich.console import Console
        from rich.progress import track

        yield from track(made, "Undoing", console=Console(stderr=True), transient=True)
        return
    output, written = Output(session.options), time.monotonic()
    for number, each in enumerate(made):
        if time.monotonic() - written >= LINE_SECONDS:
            output.note(f"Undoing: {number:,} of {len(made):,} …")
            written = time.monotonic()
        yield each


def render_undone(document: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what became of the restores of a bulk restore."""
    figures = {
        "undone": document["undone"],
        "would be undone": document["planned"],
        "undone earlier": document["alreadyUndone"],
        "made nothing": document["nothingMade"],
        "failed": document["failed"],
    }
    listed = ", ".join(f"{count:,} {name}" for name, count in figures.items() if count)
    yield f"{format_count(len(document['restores']), 'restore')} of {document['runId']}: {listed or 'none'}."
    for each in document["restores"]:
        if problem := each["problem"]:
            yield ""
            yield f"{each['restoreId']}: {problem['reason']}"
            yield from wrap_text(f"{problem['message']} {problem['remedy']}", width, "  ")
            if problem["command"]:
                yield f"    {problem['command']}"
