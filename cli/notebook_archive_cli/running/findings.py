"""List what verifications found, and acknowledge findings."""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import click
from rich.console import RenderableType

from notebook_archive.archive import keys
from notebook_archive.verification.open_findings import read_acknowledgement
from notebook_archive_cli.documents import read_lines
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.running.executions import VERIFICATIONS
from notebook_archive_cli.running.runs import find_report, search_runs
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import style_line, wrap_text
from notebook_archive_cli.terminal.output import format_count
from notebook_archive_cli.terminal.units import format_time

_INDENT = " " * 4
_LABELS = " " * 13
# A whole key is longer than a line of 80 characters. The item and the version have lines of their own.
_LONG_KEY = re.compile(r"notebooks/[0-9a-f]{32}/(?:snapshots/)?")
# A run archives a missing version again, if ArcGIS still has it. A person settles these kinds.
_SETTLED_KINDS = frozenset(("record-damaged", "foreign", "not-a-notebook"))


_FINDING_MEMBERS = (
    "findingId", "kind", "key", "itemId", "resourceKey", "message", "remedy", "since", "state", "acknowledgement",
)  # fmt: skip


def read_findings(session: Session, report: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the findings that were open after a verification, by default the last one.

    `findings` also has those that are acknowledged, and considers acknowledgements since then. If nothing was verified
    yet, `runId` and `endedAt` are empty.
    """
    report = report or find_report(session, VERIFICATIONS)
    if report is None:
        return {"runId": "", "endedAt": "", "findings": []}
    settled = {keys.parse_acknowledgement(key) for key in session.archive.list_keys(keys.ACKNOWLEDGEMENTS)}
    findings = []
    for finding in read_lines(
        session.archive, f"{VERIFICATIONS.prefix}{report['runId']}/findings.jsonl", *_FINDING_MEMBERS
    ):
        if finding["findingId"] in settled and finding["state"] != "acknowledged":
            acknowledgement = read_acknowledgement(finding["findingId"], session.archive)
            finding |= {"state": "acknowledged", "acknowledgement": acknowledgement}
        findings.append(finding)
    return {"runId": report["runId"], "endedAt": report["endedAt"], "findings": findings}


def is_settled(finding: Mapping[str, Any]) -> bool:
    """Return whether an operator acknowledged a finding."""
    return bool(finding["state"] == "acknowledged")


def render_findings(
    document: Mapping[str, Any], width: int, options: Options, *, is_utc: bool
) -> Iterator[RenderableType]:
    """Yield the findings, each with what to do."""
    findings = document["findings"]
    if not document["runId"]:
        yield "Nothing has been verified yet. Verify what is due:"
        yield f"  {options.command('verify')}"
        return
    count = format_count(sum(not is_settled(each) for each in findings), "open finding")
    at = format_time(document["endedAt"], is_utc=is_utc)
    yield from wrap_text(f"{count} after verification {document['runId']} ({at}).", width)
    for finding in findings:
        yield from render_finding(finding, width, options, is_utc=is_utc)


def render_finding(
    finding: Mapping[str, Any], width: int, options: Options, *, is_utc: bool = False
) -> Iterator[RenderableType]:
    """Yield a finding: its id, what is wrong, what to do, and the next command."""
    yield ""
    state = f" ({finding['state']})" if finding["state"] != "new" else ""
    yield style_line(f"{finding['kind']}{state}", "bold" if is_settled(finding) else "bold red")
    acknowledgement = finding["acknowledgement"] or {}
    lines = {
        "Finding": finding["findingId"],
        "Since": format_time(finding["since"], is_utc=is_utc),
        "Item": finding["itemId"],
        "Version": finding["resourceKey"],
        "Key": "" if finding["itemId"] else finding["key"],
        "Found": shorten_keys(finding["message"]),
        "Remedy": "" if is_settled(finding) else finding["remedy"],
        "Settled": ": ".join(filter(None, (acknowledgement.get("by"), acknowledgement.get("why")))),
    }
    for name, value in lines.items():
        if value:
            yield from wrap_text(value, width, _LABELS, f"{_INDENT}{name}")
    if not is_settled(finding):
        yield f"{_INDENT}{_choose_command(finding, options)}"


def shorten_keys(text: str) -> str:
    """Return a text in which the keys of versions begin with the names of the versions."""
    return _LONG_KEY.sub("", text)


def _choose_command(finding: Mapping[str, Any], options: Options) -> str:
    if finding["kind"] in _SETTLED_KINDS or not finding["itemId"]:
        return options.command("acknowledge", finding["findingId"])
    if finding["kind"] == "not-replicated":
        return options.command("doctor")
    if finding["kind"] == "missing" and "goodVersionId" not in finding:
        return options.command("run", finding["itemId"])
    return options.command("verify", finding["itemId"])


# ---------------------------------------------------------------------- verifications


def describe_everything(session: Session) -> list[str]:
    """Return the plan to read the whole archive, for the question whether to do so."""
    reports = (found.report for found in search_runs(session, VERIFICATIONS))
    report = next((each for each in reports if each and each["scope"] != "chosen"), None)
    known = f": {format_count(report['versions']['listed'], 'version')}" if report else ""
    return [
        f"Read every version of every notebook whole{known}.",
        "docs/costs.md says what that costs. Without --all, only what is due is read.",
    ]


def describe_oldest_proof(days: float) -> str:
    """Return a sentence about the version that was not read whole for the longest time."""
    within = "day" if days <= 1 else f"{days:g} days"
    return f"Every version was archived or read whole within the last {within}."


def describe_verification(session: Session, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of a verification with all findings."""
    findings = read_findings(session, report)["findings"]
    return {**{name: report[name] for name in ("runId", "status", "message")}, "findings": findings, "report": report}


# ---------------------------------------------------------------------- acknowledge


def choose_finding(session: Session, text: str) -> dict[str, Any]:
    """Return the finding of the last verification whose id begins with a text. Raises CommandError if it is not one."""
    document = read_findings(session)
    known = {each["findingId"]: each for each in document["findings"]}
    matching = [each for name, each in known.items() if name.startswith(text)]
    if len(matching) == 1:
        finding: dict[str, Any] = matching[0]
        return finding
    if matching:
        raise CommandError(
            "ambiguous-finding",
            f"{len(matching)} findings begin with {text!r}: {', '.join(each['findingId'] for each in matching[:10])}.",
            remedy="Give more digits of the id. The next command lists the findings.",
            command=session.options.command("findings", "--all"),
            status=ExitStatus.USAGE,
        )
    similar = get_close_matches(text, known, n=1)
    raise CommandError(
        "finding-not-found",
        f"The last verification has no finding {text!r}.",
        remedy=f"Did you mean {similar[0]}?" if similar else "The next command lists the findings.",
        command=session.options.command(*(("acknowledge", similar[0]) if similar else ("findings", "--all"))),
        status=ExitStatus.NOT_FOUND,
    )


def describe_acknowledgement(finding: Mapping[str, Any]) -> list[str]:
    """Return what an acknowledgement means, for the question whether to write it."""
    return [
        f"{finding['kind']}: {shorten_keys(finding['message'])}",
        f"Finding {finding['findingId']} is still reported, but it fails no verification any more.",
        "There is no command that takes an acknowledgement back.",
    ]


def ask_reason(options: Options) -> str:
    """Ask on the terminal for the reason of an acknowledgement. Raises CommandError if there is no terminal."""
    if options.is_json or not sys.stdin.isatty():
        raise CommandError(
            "reason-missing",
            "An acknowledgement needs a reason. Nothing was changed.",
            remedy="Give the reason with --why.",
            command=options.command("acknowledge", "--help"),
            status=ExitStatus.USAGE,
        )
    return str(click.prompt("Reason", err=True))


def acknowledge(session: Session, finding: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Write the acknowledgement of a finding, unless there is one. Return the finding with its acknowledgement."""
    written = {
        "findingId": finding["findingId"],
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "by": session.client("sts").get_caller_identity()["Arn"],
        "why": why,
    }
    session.archive.put_document_once(f"{keys.ACKNOWLEDGEMENTS}{finding['findingId']}.json", written)
    acknowledgement = read_acknowledgement(finding["findingId"], session.archive)
    return {**finding, "state": "acknowledged", "acknowledgement": acknowledgement}


def render_acknowledged(finding: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield that a finding is acknowledged, by whom and why."""
    given = finding["acknowledgement"]
    text = f"Finding {finding['findingId']} ({finding['kind']}) is acknowledged by {given['by']}: {given['why']}"
    yield from wrap_text(text, width)
