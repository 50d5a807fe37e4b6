"""Test that a run stores nothing false if any call to S3 fails, and that a clean run completes the archive.

test_arcgis_sweep.py tests the calls to ArcGIS.
"""

from collections.abc import Callable

import pytest

from notebook_archive.errors import ArchiveError
from notebook_archive.runs.report import Report
from tests.runs.conftest import MakeSite, small_seed
from tests.site import Site, check_archive, check_report, stored_snapshots
from tests.strict_s3 import Fault, contents, empty_bucket

# About the number of calls that a run of the small site makes, so that each call fails once.
S3_CALLS = 14


def broken_run(site: Site) -> Report | None:
    """Return the report of a run with a fault in it, or None if even the report could not be written."""
    try:
        return site.run("broken")
    except ArchiveError:
        assert not any(key.endswith("broken/report.json") for key in contents("runs/"))
        return None


def check_converges(site: Site, report: Report | None, ever: dict[str, bytes]) -> None:
    if report:
        check_report(report)
        if report["status"] == "complete" and not report["unprotected"] and not report["skipped"]:
            assert stored_snapshots() == site.sources(), "an incomplete archive is never called complete"
    check_archive(site, ever)
    site.deployment.faults.clear()
    site.s3.faults.clear()
    site.start()
    report = site.run("clean")
    check_report(report)
    assert report["status"] == "complete"
    assert stored_snapshots() | ever == ever
    assert stored_snapshots().keys() >= site.sources().keys(), "nothing is missing"
    if site.archive_current:
        assert contents("notebooks/").keys() >= site.present().keys()
    check_archive(site, ever)


def sweep(site: Site, calls: int, strike: Callable[[int], object], met: Callable[[], bool]) -> None:
    ever = site.sources()
    meetings = []
    for number in range(calls):
        empty_bucket()
        site.start()
        strike(number)
        report = broken_run(site)
        meetings.append(met())
        check_converges(site, report, ever)
    assert meetings[:8] == [True] * 8, "each of the first calls met its fault"


@pytest.fixture
def present(make_site: MakeSite) -> Site:
    """Return the small site with ArchiveCurrent, so that the current content is archived too."""
    site = make_site(small_seed(), archive_current=True)
    for item in site.deployment.organisation.notebooks():
        item.content, item.modified = b'{"cells":[],"nbformat":4}', 1_735_725_600_000
    return site


def test_run_with_content_loses_nothing_if_any_s3_call_fails(present: Site) -> None:
    def strike(number: int) -> None:
        present.s3.faults = [Fault("*", "lost-answer", after=number)]

    sweep(present, S3_CALLS + 2, strike, lambda: present.s3.faults[0].after == 0)


@pytest.mark.parametrize(("kind", "times"), [("lost-answer", 1), ("403-AccessDenied", 1)])
def test_run_loses_nothing_if_any_s3_call_fails(small: Site, kind: str, times: int | None) -> None:
    def strike(number: int) -> None:
        small.s3.faults = [Fault("*", kind, times=times, after=number)]

    sweep(small, S3_CALLS, strike, lambda: small.s3.faults[0].after == 0)
