"""Making a snapshot of a notebook whose content is in none, in the name of a run."""

import time
from dataclasses import dataclass, replace

from notebook_archive.arcgis.routes import Access
from notebook_archive.archive import Archive, RunId, Shelf
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    ArcGISError,
    DeadlineExceeded,
    NoContent,
    NoFreeSlot,
    NotebookArchiveError,
    RequestRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import Listing
from notebook_archive.pipeline.content import Content
from notebook_archive.pipeline.outcomes import Outcome, problem
from notebook_archive.pipeline.slots import PREFIX, capture_name, free_slot

PAUSE_SECONDS = 900
"""Between two captures of one notebook, so that saving it again and again does not use up its slots."""
START_SECONDS = 30.0
"""With less time left nothing is made: a snapshot that the same invocation cannot archive never gives way again."""


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


class Capture:
    """One notebook's capture in one invocation, which notes in ``made`` why there is none."""

    def __init__(
        self,
        capturing: Capturing,
        content: Content,
        access: Access,
        archive: Archive,
        run: RunId,
        max_bytes: int,
        deadline: Deadline,
        made: Outcome,
    ) -> None:
        """``max_bytes`` is of the largest snapshot that is read."""
        self._capturing, self._content, self._item_id = capturing, content, content.item_id
        self._access, self._archive, self._run = access, archive, run
        self._max_bytes, self._deadline, self._made = max_bytes, deadline, made
        self._name = capture_name(run)
        self._listed = Listing((), ())

    def attempt(self, listed: Listing) -> Listing:
        """Return the snapshots as they are afterwards, with a new one where none of them holds the present content.

        Everything that is ``listed`` is archived already.  Raises nothing that is a NotebookArchiveError.
        """
        self._listed = listed
        try:
            if self._is_due():
                self._make()
        except (NoContent, NoFreeSlot) as error:
            self._made["skipped"].append({"resourceKey": "", **problem(error)})
        except NotebookArchiveError as error:
            self._fail(error)
        return self._listed

    def _fail(self, error: NotebookArchiveError) -> None:
        self._made["failed"].append({"resourceKey": "", **problem(error)})

    def _is_due(self) -> bool:
        """Whether nothing known holds the content.  The notebook's times do not tell: a save may come within the second
        of a snapshot, and a change of title counts as one."""
        snapshots = self._listed.snapshots
        # What a doubtful listing leaves out may hold it; that it is doubtful fails the notebook anyway.
        if self._access.as_owner is None or self._listed.doubtful:
            return False
        if any(snapshot.name == self._name for snapshot in snapshots):
            return False  # an earlier try of this run made it
        ours = [snapshot.created for snapshot in snapshots if snapshot.name.startswith(PREFIX)]
        if not all(ours):
            raise UnexpectedAnswer(f"The listing of item {self._item_id} does not tell when its snapshots were made.")
        if max(ours, default=0) > (time.time() - self._capturing.pause_seconds) * 1000:
            return False
        if not self._content.planned["modified"]:
            raise UnexpectedAnswer(f"The portal does not tell when item {self._item_id} was modified.")
        if self._content.is_captured:
            self._content.note(self._archive, self._run)
            return False
        if self._is_newest():
            self._content.note(self._archive, self._run, captured=True)
            return False
        if self._deadline.remaining() < START_SECONDS:
            raise DeadlineExceeded(f"Item {self._item_id}: no time was left to make a snapshot and archive it.")
        return True

    def _is_newest(self) -> bool:
        """Whether the newest snapshot holds the content, byte for byte: somebody made it after the last save."""
        digest = self._content.staged().digest
        self._content.close()  # only its digest is of use from here on
        newest = max(self._listed.snapshots, key=lambda each: each.created, default=None)
        return bool(newest and self._archive.has_snapshot(self._item_id, newest.resource_key, digest))

    def _make(self) -> None:
        refused = self._create()
        if refused is None:
            return
        if len(self._listed.snapshots) < self._capturing.limit or self._listed.doubtful:
            raise refused
        item_id, listed = self._item_id, self._listed
        full = NoFreeSlot(f"Item {item_id} has {len(listed.snapshots)} snapshots, and ArcGIS refused another.")
        if not self._capturing.rotates:
            raise full
        remaining = free_slot(
            item_id, listed, self._access, self._capturing.shelf, self._max_bytes, self._deadline, self._fail
        )
        if remaining is None:
            raise full
        self._listed = remaining
        if again := self._create():
            raise again

    def _create(self) -> RequestRejected | None:
        """Make the snapshot; return how ArcGIS refused it, None once it is listed.

        It is never tried again on a lost answer: the listing tells whether it was made.  Only one whose key ArcGIS
        answered is held to be ours, since a name alone could be a person's.
        """
        before = {snapshot.resource_key for snapshot in self._listed.snapshots}
        answered, refused = None, None
        try:
            answered = self._access.create(self._item_id, self._name, self._deadline)
        except ArcGISError as error:
            refused = error
        self._listed = self._access.snapshots(self._item_id, self._deadline)
        keys = {snapshot.resource_key for snapshot in self._listed.snapshots}
        if gone := before - keys:
            what = f"{len(gone)} snapshots of item {self._item_id} are gone since another was asked for"
            self._fail(UnexpectedAnswer(f"{what}; each is archived."))
        if answered in keys - before:
            marked = (replace(each, captured=each.resource_key == answered) for each in self._listed.snapshots)
            self._listed = replace(self._listed, snapshots=tuple(marked))
            return None
        if refused is None:
            raise UnexpectedAnswer(f"A snapshot of item {self._item_id} was said to be made and is not listed.")
        if any(snapshot.name == self._name for snapshot in self._listed.snapshots):
            return None
        if isinstance(refused, RequestRejected):
            return refused
        raise refused
