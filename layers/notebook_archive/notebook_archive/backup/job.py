"""Everything that is needed to archive a notebook."""

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

# Minimum seconds between two captures of one notebook, so that frequent saves do not fill its slots.
PAUSE_SECONDS = 900

MAX_FALSE_ALARMS = 3


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """The settings and the archive reader that are needed to make snapshots.

    `limit` is the number of snapshots that ArcGIS allows for one notebook. If a notebook has fewer, a refusal has
    another cause. `rotates` is True if a slot may be freed. `reader` reads the archive, to prove that a snapshot may
    be deleted.
    """

    reader: ArchiveReader
    limit: int
    rotates: bool = False
    pause_seconds: float = PAUSE_SECONDS


class ListedSizes:
    """Compares the sizes that ArcGIS lists with the sizes of the archived bytes.

    Esri does not document that they are the same. If they differ, the snapshot is downloaded. After MAX_FALSE_ALARMS
    such downloads returned the bytes that were already archived, sizes are no longer compared in this container.
    Threads may share this object.
    """

    def __init__(self) -> None:
        self._false_alarms = 0

    def differ(self, listed: int | None, archived: Sequence[int]) -> bool:
        """Return whether a snapshot with this listed size may have a body that is not archived yet."""
        is_comparable = listed is not None and archived and self._false_alarms < MAX_FALSE_ALARMS
        return bool(is_comparable) and listed not in archived

    def note_false_alarm(self) -> None:
        """Count a downloaded body that was already archived although its listed size differs."""
        self._false_alarms += 1


@dataclass(frozen=True, slots=True)
class ArchiveContext:
    """The objects and settings that archiving needs. They are the same for every notebook of an invocation.

    `includes_current` is True if the current content is archived too. `capture_settings` is None if no snapshots are
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
        """The sizes, in bytes, of each archived snapshot and of its altered bodies, by the digest of its key."""
        digests = split_digests(self.planned["archived"])
        unknown: list[list[int]] = [[] for _ in digests]
        sizes = self.planned.get("sizes", unknown)
        return dict(zip(digests, sizes, strict=True))

    def has_archived(self, snapshot: Snapshot) -> bool:
        """Return whether the archive has a snapshot, according to the plan and the listed size."""
        digest = snapshot.resource_key.key_digest
        return digest in self.archived_sizes and not self.context.listed_sizes.differ(
            snapshot.size, self.archived_sizes[digest]
        )

    @property
    def item(self) -> ItemReference:
        """The item, as the metadata of each stored version describes it."""
        return ItemReference(self.item_id, self.planned["title"], self.planned["owner"])

    @property
    def provenance(self) -> Provenance:
        """The origin of the notebook's versions, as the metadata of each stored version describes it."""
        return Provenance(self.access.route, self.run, self.context.portal_url)
