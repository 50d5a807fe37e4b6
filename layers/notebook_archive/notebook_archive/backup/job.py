"""What archiving needs, and one notebook on its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchiveReader, RunId
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.planned import Planned
from notebook_archive.backup.storing import ItemReference, Provenance
from notebook_archive.clock import Deadline
from notebook_archive.models import ItemId, split_digests

PAUSE_SECONDS = 900
"""Between two captures of one notebook, so that saving it again and again does not use up its slots."""

MAX_FALSE_ALARMS = 3


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How snapshots are made.

    ``limit`` is how many ArcGIS allows a notebook; with fewer, a refusal has another cause.  ``rotates`` allows to free
    a slot, for which ``shelf`` reads the archive.
    """

    reader: ArchiveReader
    limit: int
    rotates: bool = False
    pause_seconds: float = PAUSE_SECONDS


class ListedSizes:
    """Whether listed sizes can be compared with the sizes of the archived bytes.

    Esri does not document that they are the same. After MAX_FALSE_ALARMS downloads that returned the archived bytes,
    sizes are no longer compared in this container.  Threads may share it.
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
    """What archiving needs, the same for every notebook of an invocation."""

    routes: Routes
    archive: Archive
    portal_url: str
    max_snapshot_bytes: int
    archive_current: bool = False
    """Whether the current content is archived too."""
    capturing: CaptureSettings | None = None
    """How snapshots are made of notebooks that have changed, None where none are."""
    listed_sizes: ListedSizes = field(default_factory=ListedSizes)


@dataclass(frozen=True)
class NotebookJob:
    """One notebook on its way."""

    planned: Planned
    item_id: ItemId
    access: SnapshotAccess
    content: CurrentContent
    run: RunId
    context: ArchiveContext
    deadline: Deadline

    @cached_property
    def held(self) -> Mapping[str, Sequence[int]]:
        """The sizes, in bytes, of each archived snapshot and of the altered bodies beside it, by its key's digest."""
        digests = split_digests(self.planned["archived"])
        unknown: list[list[int]] = [[] for _ in digests]
        sizes = self.planned.get("sizes", unknown)
        return dict(zip(digests, sizes, strict=True))

    @property
    def item(self) -> ItemReference:
        """The item."""
        return ItemReference(self.item_id, self.planned["title"], self.planned["owner"])

    @property
    def provenance(self) -> Provenance:
        """The way of this run to the notebook."""
        return Provenance(self.access.route, self.run, self.context.portal_url)
