"""Making a snapshot of a notebook whose content is in none, in the name of a run."""

import contextlib
import time

from notebook_archive.archive import CaptureRecord
from notebook_archive.backup.job import CaptureSettings, NotebookJob
from notebook_archive.backup.outcome import Outcome, problem
from notebook_archive.backup.slots import PREFIX, capture_name, free_slot, is_ours
from notebook_archive.backup.staging import IN_MEMORY_BYTES
from notebook_archive.errors import (
    ArcGISError,
    ArchiveError,
    DeadlineExceeded,
    NoContent,
    NoFreeSlot,
    NotebookArchiveError,
    RequestRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ResourceKey, Snapshot, SnapshotListing

START_SECONDS = 30.0
"""With less time left nothing is made: a snapshot is archived by the invocation that makes it."""
FETCH_TIMES = 3
"""Times that it took to fetch the content; as much is left for making a snapshot and fetching it."""


class Capture:
    """One notebook's capture in one invocation, which notes in ``made`` why there is none."""

    def __init__(self, job: NotebookJob, capturing: CaptureSettings, made: Outcome) -> None:
        self._job, self._capturing, self._made = job, capturing, made
        self._archive, self._content = job.context.archive, job.content
        self._name = capture_name(job.run)
        self._what = f"item {job.item_id}"
        self._listed = SnapshotListing((), ())
        self._notes: dict[ResourceKey, CaptureRecord] = {}
        self._answered: tuple[ResourceKey, CaptureRecord] | None = None
        self._is_noted = False

    def attempt(self, listed: SnapshotListing) -> SnapshotListing:
        """Return the snapshots as they are afterwards, with a new one where none of them holds the present content.

        Everything that is ``listed`` is archived already.  Raises nothing that is a NotebookArchiveError.
        """
        self._listed = listed
        if refusal := self._job.access.refusal:  # the owner has a credential, but ArcGIS refuses it
            self._made["skipped"].append({"resourceKey": "", **problem(refusal)})
            return listed
        try:
            if self._is_due() and self._is_alone():
                self._make()
        except (NoContent, NoFreeSlot) as error:
            self._made["skipped"].append({"resourceKey": "", **problem(error)})
        except NotebookArchiveError as error:
            self._fail(error)
        return self._listed

    def confirm(self) -> None:
        """Note that a snapshot holds the content, once the one that was made is archived.

        The bytes must be the same. Esri does not document that they are, so the same notebook as JSON counts too. A
        snapshot that holds another notebook, such as an empty one, never counts as a capture.
        """
        if self._answered is None:
            return
        key, made = self._answered
        try:
            if not self._is_noted:
                self._archive.put_capture_record(self._job.item_id, key, made)
            is_held = self._holds_content(key)
            if is_held:
                self._content.note(self._archive, self._job.run, captured=True)
            elif is_held is False:
                raise self._other_content(key)
        except NotebookArchiveError as error:
            self._fail(error)

    def _fail(self, error: NotebookArchiveError) -> None:
        self._made["failed"].append({"resourceKey": "", **problem(error)})

    def _holds_content(self, key: ResourceKey) -> bool | None:
        """Return whether a snapshot holds the content, or None if it is not archived or the content has changed."""
        digest = self._digest_of(key)
        if digest is None or digest == self._content.staged().digest:
            return True if digest else None
        opened = self._capturing.reader.open(self._job.item_id, key)
        if opened is None:
            return None
        with opened:
            archived = opened.read(IN_MEMORY_BYTES)
        return self._content.is_in(archived)

    def _other_content(self, key: ResourceKey) -> UnexpectedAnswer:
        held = f"Snapshot {key} was made from the content of {self._what}, but holds something else."
        return UnexpectedAnswer(f"{held} No other snapshot is made until the notebook is saved again.")

    def _digest_of(self, key: ResourceKey) -> bytes | None:
        return self._archive.read_snapshot_digest(self._job.item_id, key)

    def _is_due(self) -> bool:
        """Whether nothing known holds the content.  The notebook's times do not tell: a save may come within the second
        of a snapshot, and a change of title counts as one."""
        # What a doubtful listing leaves out may hold it; that it is doubtful fails the notebook anyway.
        if not self._job.access.can_create or self._listed.is_doubtful:
            return False
        if any(snapshot.name == self._name for snapshot in self._listed.snapshots):
            return False  # an earlier try of this run made it
        if not self._content.planned["modified"]:
            raise UnexpectedAnswer(f"The portal does not tell when {self._what} was modified.")
        settled = self._content.planned.get("settled")
        if settled and self._content.is_captured:
            return False
        self._notes = self._read_notes()
        # By our own clock: those of portals are wrong by an hour at times.
        pause = self._capturing.pause_seconds * 1000
        if any(_now() - made.at < pause for made in self._notes.values()):
            return False
        if self._is_known():
            self._content.is_archived = True
            return False
        self._need(FETCH_TIMES, START_SECONDS)
        return True

    def _read_notes(self) -> dict[ResourceKey, CaptureRecord]:
        """Return what is noted of the listed snapshots that this system made."""
        named = [snapshot for snapshot in self._listed.snapshots if snapshot.name.startswith(PREFIX)]
        noted = [(each, self._archive.read_capture_record(self._job.item_id, each.resource_key)) for each in named]
        return {snapshot.resource_key: made for snapshot, made in noted if made and is_ours(snapshot, made)}

    def _is_known(self) -> bool:
        """Whether a snapshot holds the content, or once did: by what is noted, or by the bytes of those listed."""
        content, archive, run = self._content, self._archive, self._job.run
        if content.is_captured:
            content.note(archive, run)
            return True
        settled = content.planned.get("settled")
        if settled and self._is_full():
            if any(digest.hex().startswith(settled) for digest in self._digests()):
                return True
            raise self._full("which is as many as SnapshotLimit says")
        digest = content.staged().digest
        if archive.has_captured_note(self._job.item_id, content.copy):
            content.note(archive, run)
            return True
        same = {
            key: made.content for key, made in self._notes.items() if made.content.modified == content.copy.modified
        }
        made_of_it = [key for key, of in same.items() if of == content.copy]
        if digest in self._digests() or any(map(self._holds_content, made_of_it)):
            content.note(archive, run, captured=True)
            return True
        if made_of_it:
            raise self._other_content(made_of_it[0])
        if len(same) > 1:
            raise UnexpectedAnswer(f"The content of {self._what} is another at each look, and its time stays the same.")
        content.note(archive, run)
        return False

    def _digests(self) -> list[bytes]:
        newest_first = sorted(self._listed.snapshots, key=_age, reverse=True)
        found = (self._digest_of(snapshot.resource_key) for snapshot in newest_first)
        return [digest for digest in found if digest]

    def _is_full(self) -> bool:
        """Whether there is no slot, and none that could be freed."""
        return len(self._listed.snapshots) >= self._capturing.limit and not (self._capturing.rotates and self._notes)

    def _full(self, why: str) -> NoFreeSlot:
        return NoFreeSlot(f"{self._what.capitalize()} has {len(self._listed.snapshots)} snapshots, {why}.")

    def _need(self, looks: int, seconds: float) -> None:
        if self._job.deadline.remaining() < max(seconds, looks * self._content.seconds):
            raise DeadlineExceeded(f"No time was left to make a snapshot of {self._what} and archive it.")

    def _is_alone(self) -> bool:
        """Whether nobody made or deleted a snapshot meanwhile; what there is then is left to the next run."""
        earlier, self._listed = self._listed, self._list()
        return _keys(earlier) == _keys(self._listed) and not self._listed.is_doubtful

    def _list(self) -> SnapshotListing:
        return self._job.access.list_snapshots(self._job.item_id)

    def _make(self) -> None:
        # Esri's client for Kubernetes always sends the content, so it is not known what ArcGIS makes without it there.
        text = self._content.text() if self._job.access.is_on_kubernetes() else ""
        self._content.close()  # only its digest is used from here on
        refused = self._create(text)
        if refused is None:
            return
        if len(self._listed.snapshots) < self._capturing.limit or self._listed.is_doubtful:
            raise refused
        full = self._full("and ArcGIS refused another")
        if not self._capturing.rotates:
            raise full
        self._need(2 * FETCH_TIMES, 2 * START_SECONDS)  # for the proof as well
        remaining = free_slot(self._job, self._listed, self._capturing.reader, self._made, self._fail)
        if remaining is None:
            raise full
        self._listed = remaining
        self._need(FETCH_TIMES, START_SECONDS)
        if again := self._create(text):
            raise again

    def _create(self, text: str) -> RequestRejected | None:
        """Make the snapshot; return how ArcGIS refused it, None once it is listed.

        It is never tried again on a lost answer: the listing tells whether it was made.  Only one whose key ArcGIS
        answered is held to be ours, since a name alone could be a person's.
        """
        before = _keys(self._listed)
        answered, refused = None, None
        try:
            answered = self._job.access.create_snapshot(self._job.item_id, self._name, text)
        except ArcGISError as error:
            refused = error
        if answered and answered not in before:
            self._note(answered)
        self._listed = self._list()
        after = _keys(self._listed)
        if gone := before - after:
            what = f"{len(gone)} snapshots of {self._what} are gone since another was asked for"
            self._fail(UnexpectedAnswer(f"{what}; each is archived."))
        if answered in after - before:
            return None
        if refused is None:
            self._made.pop("captured", None)
            raise UnexpectedAnswer(f"A snapshot of {self._what} was said to be made and is not listed.")
        if any(snapshot.name == self._name for snapshot in self._listed.snapshots):
            return None
        if isinstance(refused, RequestRejected):
            return refused
        raise refused

    def _note(self, answered: ResourceKey) -> None:
        """Note who made it, before anything else can go wrong; ``confirm`` tries it again."""
        made = CaptureRecord(self._job.run, self._content.copy, _now())
        self._answered, self._made["captured"] = (answered, made), answered
        with contextlib.suppress(ArchiveError):
            self._archive.put_capture_record(self._job.item_id, answered, made)
            self._is_noted = True


def _now() -> int:
    return int(time.time() * 1000)


def _keys(listed: SnapshotListing) -> set[ResourceKey]:
    return {snapshot.resource_key for snapshot in listed.snapshots}


def _age(snapshot: Snapshot) -> int:
    return snapshot.created
