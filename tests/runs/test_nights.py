"""Test that no report is better than the truth after random nights: notebooks change, calls fail, batches repeat."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item, Seed
from notebook_archive.archive import RunId
from notebook_archive.backup_requests.archive_requests import BackupRequest, archive_requests
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.models import ItemId
from notebook_archive.runs.report import Report
from tests.runs.conftest import SMALL, MakeSite
from tests.site import STARTED_AT, Site, check_report
from tests.strict_s3 import ACCOUNT, BUCKET, contents

NIGHTS = 4
HOUR_MS = 3_600_000
OPERATIONS = ("items/data", "items/item", "items/resources", "items/resource", "snapshots/list", "snapshots/download")
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "http-500"},
    {"kind": "http-403"},
    {"kind": "http-404"},
    {"kind": "shape-a", "code": 404},
    {"kind": "shape-a", "code": 500},
    {"kind": "body", "body": ""},
    {"kind": "body", "body": "{}"},
    {"kind": "shape-e"},
    {"kind": "length-too-short"},
)


class Walk:
    """An organization with four notebooks, and what happens to it in a series of nights."""

    def __init__(self, make_site: MakeSite, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = 1_735_725_600_000
        self.bodies = 0
        self.history: list[object] = [f"seed {seed}"]
        route, current = self.random.choice(["auto", "portal"]), self.random.random() < 0.8
        seeded = Seed(SMALL, lambda: [self.notebook(number) for number in range(4)])
        self.site: Site = make_site(seeded, route=route, archive_current=current, batch_size=2, seconds=20.0)
        self.site.deployment.switches.empty_data = self.random.choice(["error", "empty-body"])

    def body(self) -> bytes:
        """Return a notebook with a unique size."""
        self.bodies += 1
        return b'{"cells":[],"metadata":{"n":"%s"},"nbformat":4,"nbformat_minor":5}' % (b"x" * self.bodies)

    def notebook(self, number: int) -> Item:
        item = Item(self.random.choice(["ana", "ben"]), f"Notebook {number}", self.body())
        item.created = item.modified = self.clock
        for _ in range(self.random.randrange(3)):
            item.add_snapshot(self.body())
        return item

    @property
    def notebooks(self) -> list[Item]:
        return self.site.deployment.organisation.notebooks()

    def change(self) -> None:
        """Change one of the notebooks as a person may."""
        item = self.random.choice(self.notebooks)
        deed = self.random.choice(
            ["save", "touch", "set back", "empty", "refuse", "hide", "snapshot", "alter", "event"]
        )
        self.history.append((deed, item.title))
        self.clock += self.random.choice([1, HOUR_MS])
        match deed:
            case "save":
                item.content, item.modified = self.body(), self.clock
            case "touch":
                item.modified = self.clock
            case "set back":
                item.content, item.modified = self.body(), item.modified - HOUR_MS
            case "empty":
                item.content, item.modified = b"", self.clock
            case "refuse":
                item.resources_refused = not item.resources_refused
            case "hide":
                item.content_refused = not item.content_refused
            case "snapshot" if len(item.snapshots) < 5:
                item.add_snapshot(self.body())
            case "alter" if item.snapshots:
                self.random.choice(item.snapshots).content = self.body()
            case "event":
                asked, run = (
                    [BackupRequest((ItemId(item.id),))],
                    RunId.from_execution(f"event-{self.bodies}", STARTED_AT),
                )
                archive_requests(asked, run, self.site.context, 2, Deadline(20))

    def spoil(self) -> None:
        """Make calls for one notebook or for all notebooks fail, once or always."""
        for _ in range(self.random.randrange(3)):
            fault = self.random.choice(FAULTS) | {"times": self.random.choice([1, 4, None])}
            if self.random.random() < 0.6:
                fault["item_id"] = self.random.choice(self.notebooks).id
            operation = self.random.choice(OPERATIONS)
            self.history.append((operation, fault))
            self.site.deployment.faults.add(operation, **fault)

    def night(self, name: str) -> Report | None:
        """Return the report of a run with faults, or None if it could not be planned."""
        for key in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.values():
            key.last_modified -= timedelta(hours=1)
        self.site.start()
        self.spoil()
        try:
            plan = self.site.plan(name)
            for batch in self.site.batches(plan):
                for _ in range(self.random.choice([1, 1, 2])):
                    self.site.work(name, batch)
                    self.spoil()
        except NotebookArchiveError:
            return None
        finally:
            self.site.deployment.faults.clear()
        report = self.site.report(name, plan)
        self.history.append((name, report["status"], report["protection"]))
        return report

    def archived(self, item: Item) -> set[bytes]:
        """Return every archived version of a notebook."""
        return {stored.body for key, stored in contents(f"notebooks/{item.id}/").items() if key.count("/") == 3}

    def lies(self, report: Report) -> Iterator[str]:
        """Yield the false statements of a report."""
        states: dict[str, str] = {entry["itemId"]: entry["state"] for entry in report["notProtected"]}
        unreadable = {entry["itemId"] for entry in report["unprotected"]}
        for item in self.notebooks:
            archived, state = self.archived(item), states.get(item.id, "protected")
            has_content = not item.content or item.content in archived
            if (state == "protected" and not has_content) or state == "gone" or (state == "empty" and item.content):
                yield f"{item.title} is not {state}"
            if report["status"] == "complete" and item.id not in unreadable:
                # Only the portal lists sizes. A different size shows that an archived snapshot has a new body.
                missing = [each for each in item.snapshots if each.content not in archived]
                by_portal = self.site.route == "portal" or item.owner == "ben"
                if (missing and by_portal) or (self.site.archive_current and not has_content):
                    yield f"complete without all of {item.title}"
        if any(holding.is_deleted for holding in self.site.archive.list_notebooks(Deadline(60))):
            yield "nothing was deleted"


def walk(make_site: MakeSite, seed: int) -> None:
    walked = Walk(make_site, seed)
    for number in range(NIGHTS):
        for _ in range(walked.random.randrange(5)):
            walked.change()
        if report := walked.night(f"night-{number}"):
            check_report(report)
            history = json.dumps(walked.history, default=str, indent=1)
            lies = list(walked.lies(report))
            assert not lies, f"{lies}\n{history}"


@pytest.mark.parametrize("seed", [6, 21])
def test_report_of_a_night_is_never_better_than_the_truth(make_site: MakeSite, seed: int) -> None:
    walk(make_site, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_report_of_many_nights_is_never_better_than_the_truth(make_site: MakeSite, seed: int) -> None:
    walk(make_site, seed)
