"""Find the findings and the reports of earlier verifications."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from notebook_archive.archive import Archive, RunId, keys, read_erasures
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.executions.earlier_runs import list_reports
from notebook_archive.verification.findings import Finding

# Number of days in which the last report is looked for.
VERIFICATION_DAYS = 400
_NAME = "/report.json"
# What parsing a document raises that is not as documented.
_NOT_AS_DOCUMENTED = (KeyError, TypeError, ValueError)


def find_first_day(archive: Archive, today: date) -> date:
    """Return the day (UTC) of the first verification. That may be the present one, whose `run.json` exists."""
    for listed in archive.list_documents(keys.VERIFICATIONS):
        try:
            return date.fromisoformat(listed.key.split("/")[1])
        except ValueError:
            continue  # not an object of a verification
    return today


def read_open_findings(run: RunId, archive: Archive, today: date) -> dict[str, Finding]:
    """Return the findings that were open after the last verification before this one, by their ids.

    If its findings are damaged, those of the verification before it are returned. Findings about a notebook that was
    erased since then are left out.
    """
    erasures = read_erasures(archive)
    for key in list_reports(keys.VERIFICATIONS, archive, today - timedelta(days=VERIFICATION_DAYS)):
        if key == keys.verification_report_key(run):
            continue
        try:
            lines = list(archive.read_lines(key.removesuffix(_NAME) + "/findings.jsonl"))
            return {
                line["findingId"]: as_finding(line)
                for line in lines
                if not erasures.covers(line["key"], _to_ms(line["since"]))
            }
        except (ArchiveDamaged, *_NOT_AS_DOCUMENTED):
            continue
    return {}


def _to_ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def as_finding(line: Mapping[str, Any]) -> Finding:
    """Return the finding in a line of `findings.jsonl`, without its state. Raises KeyError."""
    finding: Finding = {
        "findingId": line["findingId"],
        "kind": line["kind"],
        "key": line["key"],
        "itemId": line["itemId"],
        "resourceKey": line["resourceKey"],
        "versionId": line["versionId"],
        "message": line["message"],
        "remedy": line["remedy"],
        "since": line["since"],
    }
    if "goodVersionId" in line:
        finding["goodVersionId"] = line["goodVersionId"]
    return finding
