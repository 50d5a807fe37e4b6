"""What archiving needs, and one notebook on its way."""

from dataclasses import dataclass

from notebook_archive.arcgis.routes import Access, Routes
from notebook_archive.archive import Archive, RunId, Shelf
from notebook_archive.deadline import Deadline
from notebook_archive.models import ItemId
from notebook_archive.pipeline.content import Content
from notebook_archive.pipeline.outcomes import Planned
from notebook_archive.pipeline.storing import How, Whose

PAUSE_SECONDS = 900
"""Between two captures of one notebook, so that saving it again and again does not use up its slots."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """How snapshots are made.

    ``limit`` is how many ArcGIS allows a notebook; with fewer, a refusal has another cause.  ``rotates`` allows to free
    a slot, for which ``shelf`` reads the archive.
    """

    shelf: Shelf
    limit: int
    rotates: bool = False
    pause_seconds: float = PAUSE_SECONDS


@dataclass(frozen=True, slots=True)
class Workshop:
    """What archiving needs, the same for every notebook of an invocation."""

    routes: Routes
    archive: Archive
    portal_url: str
    max_snapshot_bytes: int
    archive_current: bool = False
    """Whether the current content is archived too."""
    capturing: Capturing | None = None
    """How snapshots are made of notebooks that have changed, None where none are."""


@dataclass(frozen=True, slots=True)
class Task:
    """One notebook on its way."""

    planned: Planned
    item_id: ItemId
    access: Access
    content: Content
    run: RunId
    workshop: Workshop
    deadline: Deadline

    @property
    def whose(self) -> Whose:
        """The item."""
        return Whose(self.item_id, self.planned["title"], self.planned["owner"])

    @property
    def how(self) -> How:
        """The way of this run to the notebook."""
        return How(self.access.route, self.run, self.workshop.portal_url)
