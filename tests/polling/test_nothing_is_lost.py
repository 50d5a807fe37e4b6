"""Test that a change is never lost between two polls, whatever fails, and that nothing is requested for long."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from notebook_archive.errors import NotebookArchiveError
from notebook_archive.polling.poll_changes import MARGIN_MS
from tests.conftest import FAULTY_RUNS
from tests.polling.scene import DAY, HOUR, MINUTE, MakeScene, Scene
from tests.runs.conftest import Record
from tests.strict_s3 import Fault, Killed

MARGIN = MARGIN_MS / 1000
NOTEBOOKS = 6
# What fails in a poll, by its name.
FAULTS = (
    "bus killed", "bus killed after", "bus no response", "state killed", "state lost-answer", "state timeout",
    "last killed", "last 503-SlowDown", "listing killed", "listing 503-SlowDown", "search http-503", "search shape-e",
    "generateToken http-500",
)  # fmt: skip
# The calls to S3, and parts of their keys.
CALLS = {"last": ("GetObject", "polls/"), "state": ("PutObject", "polls/"), "listing": ("ListObjectsV2", "notebooks/")}


def break_next(scene: Scene, fault: str, after: int = 0) -> None:
    """Let a part of the next polls fail, until `repair` is called."""
    part, _, kind = fault.partition(" ")
    if part == "bus":
        scene.bus.fails = kind
    elif part in CALLS:
        operation, key = CALLS[part]
        scene.site.s3.faults.append(Fault(operation, kind, times=None, after=after, part=key))
    else:
        scene.site.start()  # a new container has no token
        scene.site.deployment.faults.add(part, kind, after=after)


def repair(scene: Scene) -> None:
    scene.bus.fails = ""
    scene.site.s3.faults.clear()
    scene.site.deployment.faults.clear()
    scene.site.start()  # a container remembers for a while that the portal gave it no token


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_first", [True, False], ids=["first poll", "later poll"])
def test_fault_in_a_poll_loses_nothing(
    make_scene: MakeScene, fault: str, is_first: bool, record_property: Record
) -> None:
    scene = make_scene(3)
    if not is_first:
        scene.poll()
        scene.bus.events.clear()
        scene.wait(15 * MINUTE)
    changed = {scene.save(number).id for number in range(3)}
    break_next(scene, fault)
    with pytest.raises((Killed, NotebookArchiveError)):
        scene.poll()
    repair(scene)
    for _ in range(2):
        scene.wait(15 * MINUTE)
        scene.poll()
    counts = Counter(scene.requested)
    assert counts.keys() == changed
    assert set(counts.values()) == {2 if fault in ("bus killed after", "state killed", "state timeout") else 1}
    record_property(FAULTY_RUNS, [fault, "poll", 1])


@dataclass
class Timeline:
    """Random saves and polls. Each of them, with its simulated time, is kept.

    `covered` are the times at which a backup of an item was requested or made. `complete` are the times of the polls
    that handled everything they found. `shown` are the times up to which a search has shown the saves of each item.
    """

    scene: Scene
    numbers: random.Random
    saves: list[tuple[float, str]] = field(default_factory=list)
    covered: list[tuple[float, str]] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)
    shown: dict[str, float] = field(default_factory=dict)
    failed: int = 0

    def live(self, steps: int) -> None:
        """Do random things at random times, and then poll until everything has been handled.

        The clock of AWS differs from the portal's by up to two hours, and the search shows each item late.
        """
        self.poll()
        for _ in range(steps):
            self.scene.wait(self.numbers.choice([0, 1, MINUTE, 7 * MINUTE, 15 * MINUTE, HOUR, 30 * HOUR]))
            self.scene.skew = self.numbers.choice([0, -2 * HOUR, 2 * HOUR])
            self.numbers.choice([self.save, self.save, self.poll, self.poll, self.fail, self.back_up])()
        self.scene.wait(MARGIN)
        while not self.complete or self.complete[-1] != self.scene.now:
            self.poll()

    def save(self) -> None:
        item = self.scene.save(self.numbers.randrange(NOTEBOOKS))
        # An index never shows an older time of an item than before.
        lags = [lag for lag in (0, MINUTE, MARGIN - 1) if self.scene.now - lag >= self.shown[item.id]]
        item.index_lag_seconds = self.numbers.choice(lags)
        self.saves.append((self.scene.now, item.id))

    def poll(self) -> None:
        before = len(self.scene.requested)
        self.shown = {item.id: self.scene.now - (item.index_lag_seconds or 0) for item in self.scene.items}
        try:
            if not self.scene.poll(max_changes=self.numbers.choice([2, 100])).postponed:
                self.complete.append(self.scene.now)
        finally:
            self.covered += [(self.scene.now, item_id) for item_id in self.scene.requested[before:]]

    def fail(self) -> None:
        break_next(self.scene, self.numbers.choice(FAULTS), after=self.numbers.choice([0, 0, 1]))
        with suppress(Killed, NotebookArchiveError):
            self.poll()
        self.failed += 1
        repair(self.scene)

    def back_up(self) -> None:
        self.covered += [(self.scene.now, item_id) for item_id in self.scene.drain()]

    def list_lost(self) -> Iterator[tuple[float, str]]:
        """Yield the saves of which no backup was requested before the poll that had to find them ended."""
        for saved, item_id in self.saves:
            end = next(polled for polled in self.complete if polled >= saved + MARGIN)
            if not any(other == item_id and saved <= at <= end for at, other in self.covered):
                yield saved, item_id


def check_timeline(make_scene: MakeScene, seed: int, steps: int) -> None:
    timeline = Timeline(make_scene(NOTEBOOKS), random.Random(seed))
    timeline.live(steps)
    assert [*timeline.list_lost()] == []
    # Each of the first requests, and of those for a save, is repeated only because a poll failed.
    assert len(timeline.scene.requested) <= (NOTEBOOKS + len(timeline.saves)) + timeline.failed * NOTEBOOKS
    timeline.scene.wait(DAY)
    assert timeline.scene.poll().found == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_no_change_is_lost_on_a_random_timeline(make_scene: MakeScene, seed: int) -> None:
    check_timeline(make_scene, seed, steps=60)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 160))
def test_no_change_is_lost_on_long_random_timelines(make_scene: MakeScene, seed: int) -> None:
    check_timeline(make_scene, seed, steps=400)
