"""Find the reports of earlier verifications and runs."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.verification.findings import Finding

# Number of days in which the last report is looked for.
VERIFICATION_DAYS = 400
RUN_DAYS = 40
_NAME = "/report.json"


def find_first_day(archive: Archive, today: date) -> date:
    """Return the day (UTC) of the first verification. That may be the present one, whose `run.json` exists."""
    first = next(archive.list_documents(keys.VERIFICATIONS), None)
    return date.fromisoformat(first.key.split("/")[1]) if first else today


def read_open_findings(run: RunId, archive: Archive, today: date) -> dict[str, Finding]:
    """Return the findings that were open after the last verification before this one, by their ids."""
    reports = _list_reports(keys.VERIFICATIONS, archive, today - timedelta(days=VERIFICATION_DAYS))
    earlier = (key for key in reports if key != keys.verification_report_key(run))
    last = next(earlier, None)
    if last is None:
        return {}
    lines = archive.read_lines(last.removesuffix(_NAME) + "/findings.jsonl")
    return {line["findingId"]: _as_finding(line) for line in lines}


def find_last_run(archive: Archive, today: date) -> Mapping[str, Any] | None:
    """Return the report of the last run over everything that has one, or None."""
    for key in _list_reports(keys.RUNS, archive, today - timedelta(days=RUN_DAYS)):
        report = json.loads(archive.read_object(key) or b"{}")
        if report.get("scope") == "everything":
            return dict(report)
    return None


def _list_reports(prefix: str, archive: Archive, since: date) -> Iterator[str]:
    """Yield the keys of the reports below a prefix, the one that was written last first."""
    found = [listed for listed in archive.list_documents(prefix, since) if listed.key.endswith(_NAME)]
    yield from (listed.key for listed in sorted(found, key=lambda each: (each.written, each.key), reverse=True))


def _as_finding(line: Mapping[str, Any]) -> Finding:
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
