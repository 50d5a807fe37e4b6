"""What archiving a notebook needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchiveReader, RunId
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.storing import ItemReference, Provenance
from notebook_archive.clock import Deadline
from notebook_archive.models import ItemId, Snapshot, split_digests

# Seconds between two captures of one notebook, so that saving it again and again does not fill its slots.
PAUSE_SECONDS = 900

MAX_FALSE_ALARMS = 3


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How snapshots are made.

    `limit` is how many snapshots ArcGIS allows a notebook; with fewer, a refusal has another cause. `rotates` allows to
    free a slot. `reader` reads the archive, to prove that a snapshot may be deleted.
    """

    reader: ArchiveReader
    limit: int
    rotates: bool = False
    pause_seconds: float = PAUSE_SECONDS


class ListedSizes:
    """Whether listed sizes can be compared with the sizes of the archived bytes.

    Esri does not document that they are the same. After MAX_FALSE_ALARMS downloads that returned the archived bytes,
    sizes are no longer compared in this container. Threads may share it.
    """

    def __init__(self) -> None:
        self._false_alarms = 0

    def differ(self, listed: int | None, archived: Sequence[int]) -> bool:
        """Return whether a snapshot of this listed size may have a body that is not archived."""
        is_comparable = listed is not None and archived and self._false_alarms < MAX_FALSE_ALARMS
        return bool(is_comparable) and listed not in archived

    def note_false_alarm(self) -> None:
        """Note that a body is the archived one although its listed size differs."""
        self._false_alarms += 1


@dataclass(frozen=True, slots=True)
class ArchiveContext:
    """What archiving needs, the same for every notebook of an invocation.

    `includes_current` is whether the current content is archived too. `capture_settings` is None if no snapshots are
    made.
    """

    routes: Routes
    archive: Archive
    portal_url: str
    max_snapshot_bytes: int
    includes_current: bool = False
    capture_settings: CaptureSettings | None = None
    listed_sizes: ListedSizes = field(default_factory=ListedSizes)


@dataclass(frozen=True)
class NotebookJob:
    """The job of archiving one notebook."""

    planned: PlannedNotebook
    item_id: ItemId
    access: SnapshotAccess
    content: CurrentContent
    run: RunId
    context: ArchiveContext
    deadline: Deadline

    @cached_property
    def archived_sizes(self) -> Mapping[str, Sequence[int]]:
        """The sizes in bytes of each archived snapshot and of the altered bodies beside it, by its key's digest."""
        digests = split_digests(self.planned["archived"])
        unknown: list[list[int]] = [[] for _ in digests]
        sizes = self.planned.get("sizes", unknown)
        return dict(zip(digests, sizes, strict=True))

    def has_archived(self, snapshot: Snapshot) -> bool:
        """Return whether the archive holds a snapshot, as far as the plan and its listed size show."""
        digest = snapshot.resource_key.key_digest
        return digest in self.archived_sizes and not self.context.listed_sizes.differ(
            snapshot.size, self.archived_sizes[digest]
        )

    @property
    def item(self) -> ItemReference:
        """The item, as it is noted with each version."""
        return ItemReference(self.item_id, self.planned["title"], self.planned["owner"])

    @property
    def provenance(self) -> Provenance:
        """How this run reads the notebook, as it is noted with each version."""
        return Provenance(self.access.route, self.run, self.context.portal_url)
