"""Set up a notebook with snapshots that its owner took and that runs made, and check that none is lost."""

import hashlib
import json
from dataclasses import dataclass, field

from local.arcgis import Item, Seed
from local.arcgis.organisation import Snapshot, now_ms
from notebook_archive.backup.slots import CAPTURE_PREFIX
from tests.runs.conftest import SMALL
from tests.site import Site, check_report
from tests.strict_s3 import StoredObject, contents

HOUR_MS = 3_600_000


def body(number: int) -> bytes:
    """Return a small notebook, which is different for each number."""
    return b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":%d}' % number


def captured_seed() -> Seed:
    """Return one notebook without snapshots, whose owner has a secret."""
    return Seed(SMALL, lambda: [Item("ana", "Alone", body(0))])


def save(item: Item, number: int) -> None:
    """Save new content of the notebook, and make all its snapshots an hour older."""
    item.content, item.modified = body(number), now_ms()
    age(item)


def age(item: Item) -> None:
    """Make all snapshots of the notebook an hour older."""
    for snapshot in item.snapshots:
        snapshot.created -= HOUR_MS


def ours(item: Item) -> list[Snapshot]:
    """Return the snapshots that have the name of a capture."""
    return [snapshot for snapshot in item.snapshots if snapshot.name.startswith(CAPTURE_PREFIX)]


@dataclass
class Watch:
    """Remembers every snapshot that ArcGIS ever had, and which of them a person took."""

    item: Item
    ever: dict[str, Snapshot] = field(default_factory=dict)
    persons: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Remember the present snapshots."""
        self.ever |= {snapshot.resource_key: snapshot for snapshot in self.item.snapshots}

    def by_hand(self, count: int, name: str = "Mine") -> None:
        """Take snapshots as the owner."""
        for number in range(count):
            made = self.item.add_snapshot(body(100 + len(self.ever) + number), f"{name} {number}" if number else name)
            self.persons.add(made.resource_key)
        self.look()

    def check(self, stored: dict[str, tuple[bytes, str]]) -> None:
        """Check two rules that must always be true. `stored` contains the body and the SHA-256 by resource key.

        No snapshot that a person took was deleted. The archive contains every deleted snapshot, as ArcGIS had it.
        """
        here = {snapshot.resource_key for snapshot in self.item.snapshots}
        assert self.persons <= here, "a person's own snapshot is never deleted"
        for key in self.ever.keys() - here:
            held, noted = stored[key]
            assert held == self.ever[key].content
            assert noted == hashlib.sha256(held).hexdigest()
        self.look()


def archived(prefix: str = "notebooks/") -> dict[str, StoredObject]:
    """Return the archived snapshots by their resource keys."""
    return {key.rsplit("/", 1)[1]: found for key, found in contents(prefix).items() if "/snapshots/" in key}


def makers() -> dict[str, str]:
    """Return the run that made each snapshot, according to the capture records."""
    return {
        key.rsplit("/", 1)[1]: json.loads(found.body)["runId"]
        for key, found in contents("notebooks/").items()
        if "/captures/" in key
    }


def watched(site: Site) -> Watch:
    """Return a changed notebook at its limit of snapshots. A run made the oldest one, a person made the other four."""
    item = site.item("Alone")
    report = site.run("first")
    check_report(report)
    [made] = ours(item)
    assert makers() == {made.resource_key: "2026-11-22/first"}
    watch = Watch(item)
    watch.look()
    watch.by_hand(4)
    save(item, 1)
    made.created -= HOUR_MS
    return watch


def check(watch: Watch) -> None:
    """Check the watch against the bucket."""
    watch.check({key: (found.body, found.metadata["sha256"]) for key, found in archived().items()})
