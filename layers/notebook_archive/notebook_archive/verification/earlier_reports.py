"""Find the reports of earlier verifications and runs."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from notebook_archive.archive import Archive, RunId, keys, read_erasures
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.verification.findings import Finding

# Number of days in which the last report is looked for.
VERIFICATION_DAYS = 400
RUN_DAYS = 40
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
    for key in _list_reports(keys.VERIFICATIONS, archive, today - timedelta(days=VERIFICATION_DAYS)):
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


def find_last_run(archive: Archive, today: date, days: int = RUN_DAYS) -> Mapping[str, Any] | None:
    """Return the report of the last run over everything that has one, or None. Damaged reports are skipped.

    Only runs of the last `days` days are looked at. Listing the objects of fewer runs takes less time.
    """
    for key in _list_reports(keys.RUNS, archive, today - timedelta(days=days)):
        try:
            report = json.loads(archive.read_object(key) or b"{}")
            if report["scope"] == "everything":
                return dict(report)
        except (ArchiveDamaged, *_NOT_AS_DOCUMENTED):
            continue
    return None


def _list_reports(prefix: str, archive: Archive, since: date) -> Iterator[str]:
    """Yield the keys of the reports below a prefix, the one that was written last first."""
    found = [listed for listed in archive.list_documents(prefix, since) if listed.key.endswith(_NAME)]
    yield from (listed.key for listed in sorted(found, key=lambda each: (each.written, each.key), reverse=True))


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
