"""Polls of a site whose time is simulated. Requested backups wait until `drain` makes them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from moto.s3.models import s3_backends

from local.arcgis import Item, LocalArcGIS, Seed
from local.arcgis.deployment import Kind
from local.arcgis.seed import FIRST_CREATED_MS
from notebook_archive.archive import Polls, RunId
from notebook_archive.backup_requests import archive_requests
from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.clock import Deadline
from notebook_archive.events import EventBus
from notebook_archive.polling import Poll, poll_changes
from tests.runs.conftest import SMALL
from tests.site import Site
from tests.strict_s3 import ACCOUNT, LEDGER_BUCKET, Killed, StrictS3, make_bucket, make_ledger_bucket

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# The simulated time at which a scene begins, in epoch seconds: some days after the seed's notebooks were made.
START = FIRST_CREATED_MS / 1000 + 10 * DAY
STATE = "polls/last.json"

type MakeScene = Callable[..., "Scene"]


@dataclass
class Bus:
    """EventBridge's client. It keeps the accepted events in order. `fails` is what the next call does instead."""

    events: list[dict[str, Any]] = field(default_factory=list)
    fails: str = ""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        failure, self.fails = self.fails, ""
        if failure == "killed":
            raise Killed
        if failure == "no response":
            raise EndpointConnectionError(endpoint_url="https://events")
        self.events += Entries
        if failure == "killed after":
            raise Killed
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


@dataclass
class Scene:
    """A site, its polls, and the simulated time in epoch seconds.

    `skew` is the number of seconds by which AWS's clock is ahead of the portal's.
    """

    site: Site
    bus: Bus = field(default_factory=Bus)
    now: float = START
    skew: float = 0
    # The number of events that `drain` has handled.
    drained: int = 0

    def __post_init__(self) -> None:
        self.polls = Polls(self.site.s3.client(1), LEDGER_BUCKET, ACCOUNT)
        self.site.deployment.organisation.clock = lambda: self.now
        for item in self.items:
            item.added_at = item.created / 1000

    @property
    def items(self) -> list[Item]:
        return self.site.deployment.organisation.notebooks()

    def save(self, number: int, at: float | None = None) -> Item:
        """Save a notebook with new content, now or at another time, and return it."""
        item = self.items[number]
        item.touch(self.now if at is None else at)
        item.content = json.dumps({"cells": [], "metadata": {"at": item.modified}, "nbformat": 4}).encode()
        return item

    def add(self, title: str) -> Item:
        """Make a new notebook now, and return it."""
        new = Item("ana", title, b'{"cells":[],"metadata":{},"nbformat":4}', created=int(self.now * 1000))
        new.added_at = self.now
        return self.site.deployment.organisation.add(new)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def poll(self, **options: Any) -> Poll:
        """Poll at the present time."""
        return poll_changes(
            self.site.routes.portal(Deadline(60.0)),
            self.site.archive,
            self.polls,
            EventBus(self.bus, "default", 10.0, sleep=lambda _: None),  # type: ignore[arg-type]
            self.site.threads,
            int((self.now + self.skew) * 1000),
            **options,
        )

    @property
    def requested(self) -> list[str]:
        """The ids in all events, in order."""
        return [item_id for event in self.bus.events for item_id in json.loads(event["Detail"])["itemIds"]]

    def drain(self) -> list[str]:
        """Make the backups that were requested since the last call, and return the ids of the items."""
        waiting, self.drained = self.bus.events[self.drained :], len(self.bus.events)
        requests = [BackupRequest.of({"detail": json.loads(event["Detail"])}) for event in waiting]
        if not requests:
            return []
        run = RunId.from_execution(f"event-{self.drained}", "2026-11-22T00:00:00Z")
        outcomes = archive_requests(requests, run, self.site.context, 4, Deadline(60.0))
        assert {each["state"] for each in outcomes.values()} <= {"archived", "unchanged"}
        return [*outcomes]

    def calls(self) -> list[str]:
        """Return the operations that ArcGIS was asked for since the last call of this method."""
        names = [request.operation for request in self.site.deployment.requests]
        self.site.deployment.requests.clear()
        return names

    @property
    def state(self) -> bytes:
        """The object with the last poll."""
        held: bytes = s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys[STATE].value
        return held

    def set_state(self, body: bytes | None) -> None:
        """Replace the object with the last poll, or delete it."""
        if body is None:
            s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys.pop(STATE)
        else:
            s3_backends[ACCOUNT]["aws"].put_object(LEDGER_BUCKET, STATE, body)


@contextmanager
def make_scenes(running: LocalArcGIS) -> Iterator[MakeScene]:
    """Provide a function that makes a scene. Its notebooks were made one minute after the other."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        strict = StrictS3()

        def make(notebooks: int = 4, kind: Kind = "enterprise", **options: Any) -> Scene:
            body = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":%d}'
            running.reset(Seed(SMALL, lambda: [Item("ana", f"N{n}", body % n) for n in range(notebooks)]))
            return Scene(Site(getattr(running, kind), running.ca_bundle, strict, archive_current=True, **options))

        yield make
    assert strict.broken == []
