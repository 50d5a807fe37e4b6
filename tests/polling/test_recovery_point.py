"""Measure how long a save waits for its backup in a simulated day, and compare the table of docs/polling.md with it.

The archive really makes the backups. Only the time is simulated.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import pytest

from notebook_archive.events import describe_requests
from tests.docs.documents import ROOT, Document
from tests.polling.scene import DAY, HOUR, MINUTE, MakeScene, Scene
from tests.strict_s3 import contents

NOTEBOOKS, SAVES = 20, 40
# When a webhook is delivered after a save, by default. Source: Esri's page "Webhook settings".
DELIVERY_SECONDS = 5
# How long a requested backup takes until it ends, through the bus and the queue. An assumption.
BACKUP_SECONDS = 5
NIGHTS = [2 * HOUR, 2 * HOUR + DAY]
# Polls from a quarter before the first save until an hour and a half after the last one. All others find nothing.
QUARTERS = [15 * MINUTE * number for number in range(27, 83)]


@dataclass
class Day:
    """A day that begins at midnight, with its saves: the seconds since midnight, and the number of the notebook.

    `waits` are the seconds from each save to its backup, or to that of a later save of the same notebook. `kept` is the
    number of saves whose own content is in the archive.
    """

    scene: Scene
    saves: list[tuple[float, int]]
    waits: list[float] = field(default_factory=list)
    kept: int = 0

    def __post_init__(self) -> None:
        self.midnight = self.scene.now
        self._waiting: list[tuple[float, str, int]] = []

    def live(self, times: list[float], back_up: Callable[[], bool]) -> list[str]:
        """Save, and do the backups at these times. Return the median and longest wait, and how many saves are kept."""
        saves = [(at, 0, number) for at, number in self.saves]
        for at, kind, number in sorted(saves + [(at, 1, 0) for at in times]):
            self.scene.now = self.midnight + at
            if kind == 0:
                item = self.scene.save(number)
                self._waiting.append((self.scene.now, item.id, item.modified))
            else:
                if back_up():
                    self._settle()
        assert not self._waiting
        return [describe(median(self.waits)), describe(max(self.waits)), f"{self.kept} of {len(self.saves)}"]

    def _settle(self) -> None:
        """Move the saves that are archived to `waits`."""
        archived: dict[str, set[int]] = {}
        for key in contents("notebooks/"):
            if "/current/" in key:
                archived.setdefault(key.split("/")[1], set()).add(int(key.split("/")[3][:13]))
        done = [each for each in self._waiting if each[2] <= max(archived.get(each[1], {0}))]
        self.waits += [self.scene.now - at for at, _, _ in done]
        self.kept += sum(modified in archived[item_id] for _, item_id, modified in done)
        self._waiting = [each for each in self._waiting if each not in done]

    def run(self) -> bool:
        """Make a run over everything. Like the other ways, return whether backups were made."""
        assert self.scene.site.run(f"at-{self.scene.now:.0f}")["status"] == "complete"
        return True

    def poll(self) -> bool:
        """Poll, and make the backups that were requested."""
        self.scene.poll()
        self.scene.wait(BACKUP_SECONDS)
        return bool(self.scene.drain())

    def deliver(self) -> bool:
        """Request what was saved, as the webhook does, and make the backup."""
        [detail] = describe_requests([item_id for _, item_id, _ in self._waiting])
        self.scene.bus.events.append({"Detail": json.dumps(detail)})
        self.scene.wait(BACKUP_SECONDS)
        return bool(self.scene.drain())


def make_saves() -> list[tuple[float, int]]:
    """Return the saves of a working day from seven to seven."""
    numbers = random.Random(14)
    times = sorted(round(numbers.uniform(7 * HOUR, 19 * HOUR)) for _ in range(SAVES))
    return [(at, numbers.randrange(NOTEBOOKS)) for at in times]


def describe(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"


@pytest.mark.parametrize(
    ("way", "lag"),
    [
        ("run", "10 min"),
        ("deliver", "10 min"),
        ("poll", "10 min"),
        pytest.param("poll", "1 min", marks=pytest.mark.soak),
        pytest.param("poll", "50 min", marks=pytest.mark.soak),
    ],
)
def test_recovery_points_are_those_of_the_document(make_scene: MakeScene, way: str, lag: str) -> None:
    scene = make_scene(NOTEBOOKS)
    assert scene.site.run("before")["status"] == "complete"
    scene.site.deployment.switches.index_lag_seconds = int(lag.split()[0]) * MINUTE
    scene.poll()
    day = Day(scene, make_saves())
    times = {"run": NIGHTS, "poll": QUARTERS, "deliver": [at + DELIVERY_SECONDS for at, _ in day.saves]}[way]
    measured = day.live(times, {"run": day.run, "poll": day.poll, "deliver": day.deliver}[way])
    name = {"run": "an archive run each night", "deliver": "the webhook", "poll": "`ChangePoll=rate(15 minutes)`"}[way]
    rows = Document(ROOT / "docs" / "polling.md").section("How fresh").table("backups by")
    assert [name, lag, *measured] in rows
