"""Making a snapshot of a notebook that has changed since its last one, in the name of a run."""

import time
from dataclasses import dataclass, replace

from notebook_archive.arcgis.routes import Access
from notebook_archive.archive import RunId, Shelf
from notebook_archive.deadline import Deadline
from notebook_archive.errors import ArcGISError, NoFreeSlot, NotebookArchiveError, RequestRejected, UnexpectedAnswer
from notebook_archive.models import ItemId, Listing
from notebook_archive.pipeline.outcomes import Outcome, Planned, SnapshotProblem, problem
from notebook_archive.pipeline.slots import PREFIX, capture_name, free_slot

SLOTS = 5
"""Snapshots that ArcGIS allows a notebook unless its administrator changed it.  With fewer, a refusal has another
cause."""
SETTLED_MS = 10_000
"""An item that is modified so soon after its newest snapshot counts as unchanged: that making a snapshot leaves an
item's ``modified`` alone is documented nowhere."""
PAUSE_SECONDS = 900
"""Between two captures of one notebook, so that saving it again and again does not use up its slots."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """How snapshots are made: ``rotates`` allows to free a slot, for which ``shelf`` reads the archive."""

    shelf: Shelf
    rotates: bool = False
    pause_seconds: float = PAUSE_SECONDS


class Capture:
    """One notebook's capture in one invocation.  ``skipped`` and ``failed`` say afterwards why there is none."""

    def __init__(
        self,
        capturing: Capturing,
        item_id: ItemId,
        modified: int,
        access: Access,
        run: RunId,
        limit: int,
        deadline: Deadline,
    ) -> None:
        """``modified`` is the item's, ``limit`` the bytes of the largest snapshot that is read."""
        self._capturing, self._item_id, self._modified = capturing, item_id, modified
        self._access, self._limit, self._deadline = access, limit, deadline
        self._name = capture_name(run)
        self._listed = Listing((), ())
        self.skipped: list[SnapshotProblem] = []
        self.failed: list[SnapshotProblem] = []

    def attempt(self, listed: Listing) -> Listing:
        """Return the snapshots as they are afterwards, with a new one where the notebook has changed since those that
        are listed.  Raises nothing that is a NotebookArchiveError: what is there is to be archived all the same.
        """
        self._listed = listed
        try:
            if self._is_due():
                self._make()
        except NoFreeSlot as error:
            self.skipped.append({"resourceKey": "", **problem(error)})
        except NotebookArchiveError as error:
            self.failed.append({"resourceKey": "", **problem(error)})
        return self._listed

    def _is_due(self) -> bool:
        snapshots = self._listed.snapshots
        # What a doubtful listing leaves out may be the newest; that it is doubtful fails the notebook anyway.
        if self._access.as_owner is None or self._listed.doubtful:
            return False
        if not snapshots:
            return True
        if any(snapshot.name == self._name for snapshot in snapshots):
            return False  # an earlier try of this run made it
        newest = max(snapshot.created for snapshot in snapshots)
        if not newest:
            raise UnexpectedAnswer(f"The listing of item {self._item_id} does not tell when its snapshots were made.")
        ours = max((snapshot.created for snapshot in snapshots if snapshot.name.startswith(PREFIX)), default=0)
        return self._modified > newest + SETTLED_MS and ours < (time.time() - self._capturing.pause_seconds) * 1000

    def _make(self) -> None:
        refused = self._create()
        if refused is None:
            return
        if len(self._listed.snapshots) < SLOTS or self._listed.doubtful:
            raise refused
        item_id, listed = self._item_id, self._listed
        full = NoFreeSlot(f"Item {item_id} has {len(listed.snapshots)} snapshots, and ArcGIS refused another.")
        if not self._capturing.rotates:
            raise full
        remaining = free_slot(item_id, listed, self._access, self._capturing.shelf, self._limit, self._deadline)
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
        answered, refused = None, None
        try:
            answered = self._access.create(self._item_id, self._name, self._deadline)
        except ArcGISError as error:
            refused = error
        self._listed = self._access.snapshots(self._item_id, self._deadline)
        keys = {snapshot.resource_key for snapshot in self._listed.snapshots}
        if answered in keys:
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


def captured(
    capturing: Capturing | None,
    item_id: ItemId,
    planned: Planned,
    access: Access,
    run: RunId,
    limit: int,
    deadline: Deadline,
    listed: Listing,
    made: Outcome,
) -> Listing:
    """Return the listing, with a new snapshot where that is asked for and due; note in ``made`` why there is none."""
    if capturing is None:
        return listed
    capture = Capture(capturing, item_id, planned.get("modified", 0), access, run, limit, deadline)
    listed = capture.attempt(listed)
    made["skipped"] += capture.skipped
    made["failed"] += capture.failed
    return listed
