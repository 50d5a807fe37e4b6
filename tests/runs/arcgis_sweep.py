"""Make runs over five notebooks in which one call to ArcGIS fails, or that call and all later ones fail."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.arcgis import Item, Seed, User
from local.arcgis.deployment import Kind
from notebook_archive.runs.report import Report
from notebook_archive.settings import Route
from tests.site import Site, check_archive, check_report
from tests.strict_s3 import contents, empty_bucket

FAULTS: dict[str, dict[str, Any]] = {
    "time-out": {"kind": "time-out"},
    "reset": {"kind": "reset"},
    "500": {"kind": "http-500"},
    "HTML": {"kind": "shape-e"},
    "498": {"kind": "shape-a", "code": 498},
}
# Deployment and route. The route `notebook-server` uses the owners' tokens.
WAYS: dict[str, tuple[Kind, Route]] = {
    "enterprise, owners": ("enterprise", "notebook-server"),
    "enterprise, portal": ("enterprise", "portal"),
    "online, owners": ("online", "notebook-server"),
    "kubernetes, owners": ("kubernetes", "notebook-server"),
    "kubernetes, portal": ("kubernetes", "portal"),
}
OWNERS = (User("ana", "ana-password"), User("ben", "ben-password"))
CLEAN_SECONDS = 120.0
# Time limit of an invocation in which a call times out: a minimum in seconds, and a multiple of a clean run's time.
TIME_OUT_SECONDS = 0.5
TIME_OUT_SHARE = 3

type Golden = dict[str, tuple[bytes, dict[str, str]]]


def five_notebooks() -> Seed:
    """Return five notebooks of two owners. They have two, one, no, one and two snapshots."""

    def items() -> list[Item]:
        numbers = itertools.count()

        def body() -> bytes:
            return b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":%d}' % next(numbers)

        made = []
        for owner, title, count in (
            ("ana", "A", 2),
            ("ana", "B", 1),
            ("ana", "C", 0),
            ("ben", "D", 1),
            ("ben", "E", 2),
        ):
            item = Item(owner, title, body())
            for _ in range(count):
                item.add_snapshot(body())
            made.append(item)
        return made

    return Seed(OWNERS, items)


def archived() -> Golden:
    """Return the body and the metadata of each object below `notebooks/`, without the id of the run that wrote it."""
    return {
        key: (stored.body, {name: value for name, value in stored.metadata.items() if name != "run-id"})
        for key, stored in contents("notebooks/").items()
    }


@dataclass
class Sweep:
    """A site, and the result of a run without faults: the archive, the calls to ArcGIS, and the seconds it took."""

    site: Site
    golden: Golden
    calls: int
    seconds: float

    @classmethod
    def of(cls, site: Site) -> "Sweep":
        """Make a run without faults, and return a sweep that compares other runs with it."""
        empty_bucket()
        site.deployment.requests.clear()
        begun = time.monotonic()
        check_complete(site.run("golden"))
        seconds = time.monotonic() - begun
        sources = site.sources() | (site.present() if site.archive_current else {})
        golden = archived()
        assert {key: golden[key][0] for key in golden if not key.endswith("/item.json")} == sources
        assert len([key for key in golden if key.endswith("/item.json")]) == 5
        return cls(site, golden, len(site.deployment.requests), seconds)

    def strike(self, number: int, fault: str, times: int | None) -> bool:
        """Make a run in which one call fails, then a run without faults, and check both.

        `call` counts from 0. `times` is the number of calls in a row that fail, or None for all later calls. Returns
        whether a call failed. None fails if the run makes fewer calls.
        """
        site = self.site
        empty_bucket()
        site.start()
        if fault == "time-out":
            site.seconds = max(TIME_OUT_SECONDS, TIME_OUT_SHARE * self.seconds)
        added = site.deployment.faults.add("*", after=number, times=times, **FAULTS[fault])
        report = site.run("faulty")
        site.deployment.faults.clear()
        site.seconds = CLEAN_SECONDS
        site.start()
        self.check(report, lambda: site.run("clean"))
        return bool(added.struck)

    def check(self, report: Report, rerun: Callable[[], Report]) -> None:
        """Check the report of a faulty run, what it stored, and that a clean run completes the archive."""
        check_report(report)
        check_archive(self.site)
        stored = archived()
        assert stored.items() <= self.golden.items(), "nothing false is stored"
        if report["status"] == "complete":
            assert stored == self.golden, "an incomplete archive is never called complete"
        check_complete(rerun())
        check_archive(self.site)
        assert archived() == self.golden


def check_complete(report: Report) -> None:
    """Check the report of a run without faults."""
    check_report(report)
    assert report["status"] == "complete"
    assert report["notebooks"]["attempted"] == 5
    assert not report["skipped"] + report["unprotected"] + report["notices"]
