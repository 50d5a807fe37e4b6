"""Find the reports of earlier runs."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from notebook_archive.archive import Archive, keys
from notebook_archive.errors import ArchiveDamaged

# Number of days in which the last report is looked for.
RUN_DAYS = 40


def read_full_runs(archive: Archive, today: date, days: int = RUN_DAYS) -> Iterator[Mapping[str, Any]]:
    """Yield the reports of the runs over everything, the one that was written last first. Skip damaged reports.

    Only runs of the last `days` days are looked at. Listing the objects of fewer runs takes less time.
    """
    for key in list_reports(keys.RUNS, archive, today - timedelta(days=days)):
        try:
            report = json.loads(archive.read_object(key) or b"{}")
            is_full = report["scope"] == "everything"
        except (ArchiveDamaged, KeyError, TypeError, ValueError):  # not as documented
            continue
        if is_full:
            yield report


def find_last_run(archive: Archive, today: date, days: int = RUN_DAYS) -> Mapping[str, Any] | None:
    """Return the report of the last run over everything that has one, or None. See `read_full_runs`."""
    return next(read_full_runs(archive, today, days), None)


def list_reports(prefix: str, archive: Archive, since: date) -> Iterator[str]:
    """Yield the keys of the reports below a prefix, the one that was written last first."""
    found = [listed for listed in archive.list_documents(prefix, since) if listed.key.endswith("/report.json")]
    yield from (listed.key for listed in sorted(found, key=lambda each: (each.written, each.key), reverse=True))
