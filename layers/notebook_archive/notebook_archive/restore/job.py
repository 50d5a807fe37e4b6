"""Everything that is needed to restore one version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from notebook_archive.archive import Archive, ArchiveReader, Ledger
from notebook_archive.clock import Deadline
from notebook_archive.errors import SecondPlaceMissing
from notebook_archive.restore.journal import Made, RestoreJournal, RestorePlan
from notebook_archive.restore.read_back import ReadBack
from notebook_archive.restore.request import RestoreRequest
from notebook_archive.restore.target import TargetPortal, TargetPortals
from notebook_archive.restore.version import ArchivedVersion


@dataclass(frozen=True, slots=True)
class RestoreContext:
    """The objects and settings that restores need. They are the same for every restore of an invocation.

    `snapshot_limit` is the number of snapshots that ArcGIS allows for one notebook. `replicas` reads the second place,
    or is None if there is none.
    """

    archive: Archive
    reader: ArchiveReader
    ledger: Ledger
    portals: TargetPortals
    max_snapshot_bytes: int
    snapshot_limit: int = 5
    replicas: ArchiveReader | None = None

    def find_reader(self, request: RestoreRequest) -> ArchiveReader:
        """Return the reader of the place that the request names. Raises SecondPlaceMissing."""
        if request.place == "archive":
            return self.reader
        if self.replicas is None:
            raise SecondPlaceMissing("The stack has no second place, because its parameter SecondBucket is empty.")
        return self.replicas


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """The job of restoring one version to a portal."""

    request: RestoreRequest
    version: ArchivedVersion
    target: TargetPortal
    context: RestoreContext
    deadline: Deadline

    @property
    def max_read_bytes(self) -> int:
        """The maximum number of bytes that are read back."""
        return max(self.context.max_snapshot_bytes, 2 * self.version.size)


@dataclass(frozen=True, slots=True)
class WayPlan:
    """What one way of restoring is going to do.

    `owner` and `title` are those of the item. `steps` says in words what is done. `names` are the fields of the
    RestorePlan that only this way has.
    """

    owner: str
    title: str
    steps: list[str]
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WayResult:
    """What one way of restoring has done."""

    read_back: ReadBack
    made: Made


class RestoreWay(Protocol):
    """One way of restoring a version. Each has a `plan`, which only reads, and `carry_out`, which may be repeated."""

    def plan(self) -> WayPlan:
        """Return what is going to be done. Raises a RestoreError if it cannot be done."""

    def carry_out(self, plan: RestorePlan, journal: RestoreJournal) -> WayResult:
        """Do what is planned, or the rest of it, and read it back."""
