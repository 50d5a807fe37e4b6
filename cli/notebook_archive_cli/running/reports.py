"""List runs, and lay out the reports of runs, verifications and bulk restores."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from rich.console import RenderableType

from notebook_archive.models import format_size
from notebook_archive_cli.accounts.owners import NEW_OWNER_DELAY
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.running.executions import (
    RUNS,
    STATE_MACHINES,
    StateMachine,
    follow,
    follow_command,
    get_state_machine,
)
from notebook_archive_cli.running.findings import describe_oldest_proof, render_finding, shorten_keys
from notebook_archive_cli.running.runs import EVERYTHING, FoundRun, choose_run, list_running, search_runs
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import style_line, wrap_text
from notebook_archive_cli.terminal.output import Output, format_count
from notebook_archive_cli.terminal.units import format_duration, format_time

# Number of entries of each list that are shown without `--all`.
MAX_SHOWN = 20
_STYLES = {"complete": "green", "running": "cyan"}
_INDENT = " " * 4
_LABELS = " " * 20
_GAP = "  "
# What the levels of proof say of a version (docs/verify.md).
_PROOFS = {"1": "listed", "2": "read whole", "3": "read whole", "4": "restored", "5": "restored"}
# Step Functions' status of an execution without a report, in the words of `runs`.
_WITHOUT_REPORT = {"RUNNING": "running", "ABORTED": "aborted", "TIMED_OUT": "timed-out"}


def list_runs(session: Session, machine: StateMachine, limit: int) -> list[dict[str, Any]]:
    """Return the newest executions, the newest first.

    `status` is that of the report. Without one, it is `running`, `aborted`, `timed-out` or `no-report`. Then `scope`
    and `endedAt` are empty, and `seconds` is None. `counts` are the main figures of the report.
    """
    return [_summarize(found) for found in islice(search_runs(session, machine), limit)]


def _summarize(found: FoundRun) -> dict[str, Any]:
    report = found.report or {}
    return {
        "runId": found.run_id,
        "kind": found.machine.kind,
        "scope": report.get("scope", ""),
        "status": report.get("status") or _WITHOUT_REPORT.get(found.status, "no-report"),
        "startedAt": found.started_at,
        "endedAt": report.get("endedAt", ""),
        "seconds": report.get("seconds"),
        "counts": _count(report),
    }


def _count(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the main figures of a report, or nothing if there is no report."""
    if "versions" in report:
        open_findings = sum(states["new"] + states["open"] for states in report["findings"].values())
        return {"versions": report["versions"]["listed"], "findings": open_findings}
    if "notebooks" in report:
        # A bulk restore that only made its plan restored nothing.
        planned = {"planned": report["notebooks"]["planned"]} if report.get("dryRun") else {}
        failed = sum(report["notebooks"]["failed"].values())
        return {"notebooks": report["notebooks"]["attempted"], **planned, "failed": failed}
    return {}


def render_runs(
    runs: Sequence[Mapping[str, Any]], width: int, machine: StateMachine, *, is_utc: bool
) -> Iterator[RenderableType]:
    """Yield two lines for each run of a state machine. The second has the whole run id."""
    if not runs:
        yield f"There is no {machine.noun} yet."
        return
    counted = {name: len(name) for run in runs for name in run["counts"]}
    rows = [
        {
            "Started": format_time(run["startedAt"], is_utc=is_utc),
            "Status": run["status"],
            "Took": "" if run["seconds"] is None else format_duration(run["seconds"]),
            "Scope": run["scope"],
            **{name.capitalize(): f"{run['counts'].get(name, ''):>{counted[name]}}" for name in counted},
        }
        for run in runs
    ]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    if sum(widths.values()) + len(_GAP) * (len(widths) - 1) > width:
        del widths["Scope"]
    yield style_line(_GAP.join(name.ljust(widths[name]) for name in widths).rstrip(), "bold")
    for run, row in zip(runs, rows, strict=True):
        yield style_line(
            _GAP.join(row[name].ljust(widths[name]) for name in widths).rstrip(), _choose_style(run["status"])
        )
        yield f"{_GAP}{run['runId']}"


def _choose_style(status: str) -> str:
    return _STYLES.get(status, "red")


# ---------------------------------------------------------------------- one report


def get_report(session: Session, text: str, kind: str | None, *, is_waiting: bool) -> dict[str, Any]:
    """Return the report of the run that a person names, or of the last one. With `is_waiting`, follow it to its end.

    Without a text, this is the last run over all notebooks, or the last one of a kind. Raises CommandError if there is
    no report.
    """
    if text:
        machines = [get_state_machine(kind)] if kind else STATE_MACHINES
        return _get_report_of(session, choose_run(session, text, machines), is_waiting=is_waiting)
    machine = get_state_machine(kind or RUNS.kind)
    for running in list_running(session, machine) if is_waiting else ():
        return follow(session, running)
    for found in search_runs(session, machine):
        if found.report is None:
            state = _WITHOUT_REPORT.get(found.status, "without a report")
            Output(session.options).note(f"The {machine.noun} {found.run_id} began later. It is {state}.")
        elif kind or found.report["scope"] == EVERYTHING:
            return found.report
    raise CommandError(
        "report-missing",
        f"No {machine.noun}{'' if kind else ' over all notebooks'} has a report yet.",
        remedy="The next command lists those that are running, or that ended without a report.",
        command=session.options.command("runs", "--kind", machine.kind),
        status=ExitStatus.NOT_FOUND,
    )


def _get_report_of(session: Session, found: FoundRun, *, is_waiting: bool) -> dict[str, Any]:
    if found.report or found.execution is None:
        return found.report or {}
    if found.status == "RUNNING" and not is_waiting:
        raise CommandError(
            "run-under-way",
            f"The {found.machine.noun} {found.run_id} is still running, so it has no report yet.",
            remedy="Follow it with the next command.",
            command=follow_command(session, found.execution),
            status=ExitStatus.UNAVAILABLE,
        )
    return follow(session, found.execution)


def render_verification(document: Mapping[str, Any], width: int, options: Options) -> Iterator[RenderableType]:
    """Yield the report of a verification that was followed."""
    yield from render_report(document["report"], width, options)


def render_report(
    report: Mapping[str, Any], width: int, options: Options, *, is_utc: bool = False, is_whole: bool = False
) -> Iterator[RenderableType]:
    """Yield the report of a run, a verification or a bulk restore, the most important first.

    Each list shows its first MAX_SHOWN entries, or all with `is_whole`.
    """
    noun, render = _RENDERERS[_tell_kind(report)]
    yield style_line(f"{noun} {report['runId']}: {report['status']}", f"bold {_choose_style(report['status'])}")
    ended = f"Ended {format_time(report['endedAt'], is_utc=is_utc)} after {format_duration(report['seconds'])}."
    yield from wrap_text(f"{ended} Scope: {report['scope']}.", width)
    yield ""
    yield from wrap_text(shorten_keys(_cut_message(report)), width)
    if report.get("error"):
        yield from wrap_text(f"Reason: {report['error']['reason']}", width)
    yield from render(report, width, options, MAX_SHOWN if not is_whole else None)


def _cut_message(report: Mapping[str, Any]) -> str:
    """Return the message without the notices and findings, which are listed below it."""
    message: str = report["message"]
    for listed in (*report.get("notices", ()), *report.get("named", ())):
        message = message.partition(listed.get("message") or message)[0] or message
    return message


def _tell_kind(report: Mapping[str, Any]) -> str:
    if "versions" in report:
        return "verification"
    return "restore" if "itemsKey" in report else "run"


def _render_run(report: Mapping[str, Any], width: int, options: Options, limit: int | None) -> Iterator[RenderableType]:
    figures = {
        "Stored": report["bytes"] and format_size(report["bytes"]),
        "Recovery point": _describe_recovery_point(report),
        "Kept": report.get("kept") and f"{format_count(report['kept'], 'snapshot')} that ArcGIS does not have any more",
        "Captured": report.get("captured") and f"{format_count(report['captured'], 'snapshot')} made in ArcGIS",
    }
    yield from _render_figures(figures, width)
    not_protected = report.get("notProtected", [])
    named = {each["itemId"] for each in not_protected}
    yield from _render_list("Not protected", not_protected, width, options, limit)
    failed = [each for each in report["failed"] if each["itemId"] not in named]
    yield from _render_list("Failed, although the newest content is archived", failed, width, options, limit)
    yield from _render_list(
        "Snapshots deleted in ArcGIS to free a slot", report.get("freed", []), width, options, limit
    )
    yield from _render_notices(report, width)
    without_secret = {each["itemId"] for each in not_protected if _choose_command(each, options)}
    again = sorted({each["itemId"] for each in report["failed"]} | without_secret)
    if again and report["error"] is None:
        yield ""
        delay = f" {NEW_OWNER_DELAY}" if without_secret else ""
        yield from wrap_text(f"When the causes are removed, archive these notebooks again.{delay}", width)
        yield f"  {options.command('run', *again[:MAX_SHOWN])}"
    elif report["error"]:
        yield ""
        yield "When the cause is removed, run again:"
        yield f"  {options.command('run')}"


def _describe_recovery_point(report: Mapping[str, Any]) -> str:
    point = report.get("recoveryPoint")
    if not point or point["worstHours"] is None:
        return ""
    worst = point["worst"]
    named = f": {worst['title']} ({worst['owner']}, {worst['itemId']})" if worst else ""
    hours = format_duration(point["worstHours"] * 3600)
    text = f"the archive is at most {hours} behind ArcGIS{named}" if worst else "nothing is behind ArcGIS"
    unprotected = report["protection"]["unprotected"]
    without = f"; {format_count(unprotected, 'notebook')} {'has' if unprotected == 1 else 'have'} no version"
    return text + (without if unprotected else "")


def _render_verification(
    report: Mapping[str, Any], width: int, options: Options, limit: int | None
) -> Iterator[RenderableType]:
    versions, oldest, arcgis = report["versions"], report["oldestUnprovedDays"], report["arcgis"]
    levels = [f"{count:,} at level {level} ({_PROOFS[level]})" for level, count in versions["levels"].items() if count]
    figures = {
        "Versions": f"{versions['listed']:,} listed: {versions['read']:,} read whole ({format_size(report['bytes'])}), "
        f"{versions['compared']:,} compared",
        "Not reached in time": versions["notReached"],
        "Proof so far": ", ".join(levels),
        "Oldest proof": "" if oldest is None else describe_oldest_proof(oldest),
        "Not in the archive": arcgis
        and arcgis["missedVersions"]
        and f"{format_count(arcgis['missedVersions'], 'version')} that ArcGIS has (run {arcgis['runId']})",
        "Second place": _describe_second_place(report),
    }
    yield from _render_figures(figures, width)
    if report["named"]:
        yield ""
        yield style_line(f"Findings ({sum(sum(each.values()) for each in report['findings'].values()):,})", "bold")
        for finding in report["named"][:limit]:
            yield from render_finding(finding, width, options)
        total = sum(sum(each.values()) for each in report["findings"].values())
        if total > len(report["named"][:limit]):
            yield f"The first {len(report['named'][:limit])} are shown. All of them:"
            yield f"  {options.command('findings', '--all')}"
    yield from _render_notices(report, width)


def _describe_second_place(report: Mapping[str, Any]) -> str:
    place = report.get("secondPlace")  # reports of earlier releases do not have it
    if not place:
        return ""
    objects, missing = format_count(place["compared"], "object"), place["notReplicated"]
    return f"{missing:,} of {objects} not replicated" if missing else f"{objects} replicated, none missing"


def _render_bulk_restore(
    report: Mapping[str, Any], width: int, options: Options, limit: int | None
) -> Iterator[RenderableType]:
    counts = report["notebooks"]
    named = {
        "restored": counts["restored"],
        "restored earlier": counts["alreadyRestored"],
        "would be restored": counts["planned"],
        "skipped": sum(counts["skipped"].values()),
        "failed": sum(counts["failed"].values()),
    }
    yield from _render_figures(
        {
            "Notebooks": ", ".join(f"{count:,} {name}" for name, count in named.items() if count),
            "Proof": ", ".join(f"{count:,} at level {level}" for level, count in report["levels"].items() if count),
            "Size": format_size(report["bytes"]),
            "All items": report["itemsKey"],
        },
        width,
    )
    failed = [{**each, **_describe_problem(each), "owner": each["archivedOwner"]} for each in report["named"]]
    yield from _render_list("Failed", failed, width, options, limit)
    yield from _render_notices(report, width)


def _describe_problem(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return why a notebook was not restored. The remedy in the report is for callers of the state machine."""
    problem = notebook.get("problem")
    return {**problem, "remedy": describe_remedy(problem["reason"], [notebook])} if problem else {}


_RENDERERS = {
    "run": ("Run", _render_run),
    "verification": ("Verification", _render_verification),
    "restore": ("Bulk restore", _render_bulk_restore),
}


def _render_figures(figures: Mapping[str, str | int | None], width: int) -> Iterator[str]:
    """Yield an empty line and the figures that have a value, each with its name, or nothing if no figure has one."""
    if any(figures.values()):
        yield ""
    for name, value in figures.items():
        if value:
            yield from wrap_text(str(value), width, _LABELS, name)


def _render_list(
    heading: str, entries: Sequence[Mapping[str, Any]], width: int, options: Options, limit: int | None
) -> Iterator[RenderableType]:
    """Yield the notebooks of a list, each with the reason, what to do, and the next command."""
    if not entries:
        return
    yield ""
    yield style_line(f"{heading} ({len(entries):,})", "bold")
    for entry in entries[:limit]:
        state = f"{entry['state']}: " if "state" in entry else ""
        yield from wrap_text(f"{state}{entry['title'] or '(no title)'}", width, _GAP, _GAP)
        lines = {
            "Owner": entry["owner"],
            "Item": entry["itemId"],
            "Version": entry.get("resourceKey"),
            "Reason": ": ".join(filter(None, (entry.get("reason"), entry.get("message")))),
            "Remedy": entry.get("remedy"),
        }
        for name, value in lines.items():
            if value:
                yield from wrap_text(value, width, _INDENT + " " * 9, f"{_INDENT}{name}")
        if command := _choose_command(entry, options):
            yield f"{_INDENT}{command}"
    if limit is not None and len(entries) > limit:
        yield f"  … and {len(entries) - limit:,} more. Option --all shows them."


def _choose_command(entry: Mapping[str, Any], options: Options) -> str:
    """Return the command that helps with a notebook, if there is one."""
    if entry.get("reason") == "owner-credentials-missing" and entry["owner"]:
        return options.command("owners", "add", entry["owner"])
    return ""


def _render_notices(report: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    if notices := report.get("notices"):
        yield ""
        yield style_line("Notices", "bold")
        for notice in notices:
            text = f"{notice['reason']}: {notice['message']} {notice['remedy']}"
            yield from wrap_text(shorten_keys(text), width, _GAP, _GAP)


def describe_remedy(reason: str, some: Sequence[Mapping[str, Any]]) -> str:
    """Return what to do about notebooks that failed for one reason, with options of `restore`."""
    if reason == "owner-missing":
        archived = sorted({each["archivedOwner"] for each in some})
        options = " ".join(f"--map {owner}=MEMBER" for owner in archived[:3])
        return f"Add the member to the portal, or choose another one: {options}."
    if reason == "version-missing":
        return "`notebook-archive versions ITEM` lists the versions of a notebook."
    return str(some[0]["problem"]["remedy"])
