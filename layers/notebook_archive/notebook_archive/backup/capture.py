"""Take a snapshot of a notebook if none of its snapshots contains the current content."""

import contextlib
import time
from dataclasses import dataclass

from notebook_archive.archive import CaptureRecord
from notebook_archive.backup.job import CaptureSettings, NotebookJob
from notebook_archive.backup.outcome import Verdict
from notebook_archive.backup.slots import CAPTURE_PREFIX, capture_name, free_slot, is_capture
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
from notebook_archive.models import ResourceKey, SnapshotListing

# No snapshot is taken with less time left, because the same invocation has to archive it.
START_SECONDS = 30.0
# Time reserved for taking a snapshot and downloading it, in multiples of the time that fetching the content took.
FETCH_TIMES = 3


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """The result of an attempt to take a snapshot.

    `listed` is what ArcGIS lists afterwards. `captured` is the key of the new snapshot. `freed` is the key of the
    snapshot that was deleted to free a slot for it. `verdicts` say what went wrong, or why no snapshot was taken
    although one was due.
    """

    listed: SnapshotListing
    captured: ResourceKey | None
    freed: ResourceKey | None
    verdicts: tuple[Verdict, ...]


class Capture:
    """The capture of one notebook in one invocation."""

    def __init__(self, job: NotebookJob, settings: CaptureSettings, listed: SnapshotListing) -> None:
        """Prepare a capture. All snapshots in `listed` must be archived already."""
        self._job, self._settings, self._listed = job, settings, listed
        self._archive, self._content = job.context.archive, job.content
        self._name = capture_name(job.run)
        self._what = f"item {job.item_id}"
        self._records: dict[ResourceKey, CaptureRecord] = {}
        self._made: tuple[ResourceKey, CaptureRecord] | None = None
        self._is_recorded = False
        self._captured: ResourceKey | None = None
        self._freed: ResourceKey | None = None
        self._verdicts: list[Verdict] = []

    def attempt(self) -> CaptureResult:
        """Take a snapshot if none contains the current content. Never raises a NotebookArchiveError."""
        if refusal := self._job.access.refusal:  # the owner has a credential, but ArcGIS refuses it
            self._verdicts.append(Verdict.skip(refusal))
        else:
            try:
                self._make_if_due()
            except (NoContent, NoFreeSlot) as error:
                self._verdicts.append(Verdict.skip(error))
            except NotebookArchiveError as error:
                self._verdicts.append(Verdict.fail(error))
        return CaptureResult(self._listed, self._captured, self._freed, tuple(self._verdicts))

    def confirm(self) -> NotebookArchiveError | None:
        """Write to the archive that the new snapshot contains the content. Return an error if it does not contain it.

        Call this after the new snapshot is archived. Its bytes are compared with those of the content. Esri does not
        document that they are the same, so a snapshot with the same notebook as JSON also counts. A snapshot with any
        other notebook, such as an empty one, does not count as a capture.
        """
        if self._made is None:
            return None
        key, record = self._made
        try:
            if not self._is_recorded:
                self._archive.put_capture_record(self._job.item_id, key, record)
            holds_content = self._holds_content(key)
            if holds_content is False:
                return self._describe_other_content(key)
            if holds_content:
                self._content.note(self._archive, self._job.run, captured=True)
        except NotebookArchiveError as error:
            return error
        return None

    def _holds_content(self, key: ResourceKey) -> bool | None:
        """Return whether a snapshot contains the content.

        Returns None if the snapshot is not archived, or if the content has changed.
        """
        digest = self._archive.read_snapshot_digest(self._job.item_id, key)
        if digest is None:
            return None
        if digest == self._content.staged().digest:
            return True
        opened = self._settings.reader.open(self._job.item_id, key)
        if opened is None:
            return None
        with opened:
            archived = opened.read(IN_MEMORY_BYTES)
        return self._content.is_in(archived)

    def _describe_other_content(self, key: ResourceKey) -> UnexpectedAnswer:
        other = f"Snapshot {key} was made from the content of {self._what}, but contains something else."
        return UnexpectedAnswer(f"{other} No other snapshot is made until the notebook is saved again.")

    def _make_if_due(self) -> None:
        """Make a snapshot, unless one already contains the content or it is too early for another.

        The notebook's `modified` does not decide this. A notebook may be saved in the same second in which a snapshot
        is taken. A change of the title changes `modified` too.
        """
        if self._is_ruled_out():
            return
        if not self._content.planned["modified"]:
            raise UnexpectedAnswer(f"The portal does not say when {self._what} was modified.")
        self._records = self._read_records()
        if self._is_too_early():
            return
        if self._find_content():
            self._content.is_archived = True
            return
        self._require_time(FETCH_TIMES, START_SECONDS)
        earlier, self._listed = self._listed, self._list()
        if _keys(earlier) != _keys(self._listed) or self._listed.is_doubtful:
            return  # somebody made or deleted a snapshot, so the next run decides
        self._make()

    def _is_ruled_out(self) -> bool:
        """Return True if the plan and the listing are enough to decide that no snapshot is made."""
        # If the listing is doubtful, a snapshot that it leaves out may contain the content. The notebook then fails
        # because of the listing.
        if not self._job.access.can_create or self._listed.is_doubtful:
            return True
        if any(snapshot.name == self._name for snapshot in self._listed.snapshots):
            return True  # an earlier attempt of this run made it
        return bool(self._content.planned.get("settled")) and self._content.is_captured

    def _is_too_early(self) -> bool:
        """Return True if this system made another snapshot of the notebook a short time ago."""
        # Compare times of this function's clock only, because a portal's clock may be wrong by an hour.
        pause = self._settings.pause_seconds * 1000
        return any(_now() - record.at < pause for record in self._records.values())

    def _read_records(self) -> dict[ResourceKey, CaptureRecord]:
        """Return the records of the listed snapshots that this system made."""
        named = [snapshot for snapshot in self._listed.snapshots if snapshot.name.startswith(CAPTURE_PREFIX)]
        read = [(each, self._archive.read_capture_record(self._job.item_id, each.resource_key)) for each in named]
        return {snapshot.resource_key: record for snapshot, record in read if record and is_capture(snapshot, record)}

    def _find_content(self) -> bool:
        """Look for a snapshot that contains the content, or once contained it. Return True if there is one.

        The notes in the archive decide, or the digests of the archived snapshots. The result is noted in the
        archive. Raises NoFreeSlot if there is no room for a new snapshot, and UnexpectedAnswer if an earlier capture of
        the content contains something else.
        """
        content, archive, run = self._content, self._archive, self._job.run
        if content.is_captured:
            content.note(archive, run)
            return True
        settled = content.planned.get("settled")
        if settled and self._is_full():
            if any(digest.hex().startswith(settled) for digest in self._list_digests()):
                return True
            raise self._describe_full("which reaches SnapshotLimit")
        digest = content.staged().digest
        if archive.has_captured_note(self._job.item_id, content.copy):
            content.note(archive, run)
            return True
        same_time = {
            key: record.content
            for key, record in self._records.items()
            if record.content.modified == content.copy.modified
        }
        same_content = [key for key, copy in same_time.items() if copy == content.copy]
        if digest in self._list_digests() or any(map(self._holds_content, same_content)):
            content.note(archive, run, captured=True)
            return True
        if same_content:
            raise self._describe_other_content(same_content[0])
        if len(same_time) > 1:
            raise UnexpectedAnswer(
                f"The content of {self._what} is different each time it is read, but its time of change stays the same."
            )
        content.note(archive, run)
        return False

    def _list_digests(self) -> list[bytes]:
        newest_first = sorted(self._listed.snapshots, key=lambda each: each.created, reverse=True)
        found = (
            self._archive.read_snapshot_digest(self._job.item_id, snapshot.resource_key) for snapshot in newest_first
        )
        return [digest for digest in found if digest]

    def _is_full(self) -> bool:
        """Return True if no slot is free and none can be freed."""
        return len(self._listed.snapshots) >= self._settings.limit and not (self._settings.rotates and self._records)

    def _describe_full(self, why: str) -> NoFreeSlot:
        return NoFreeSlot(f"Item {self._job.item_id} has {len(self._listed.snapshots)} snapshots, {why}.")

    def _require_time(self, fetches: int, seconds: float) -> None:
        if self._job.deadline.remaining() < max(seconds, fetches * self._content.seconds):
            raise DeadlineExceeded(f"No time was left to make a snapshot of {self._what} and archive it.")

    def _list(self) -> SnapshotListing:
        return self._job.access.list_snapshots(self._job.item_id)

    def _make(self) -> None:
        # On Kubernetes, Esri's client always sends the content. What ArcGIS does there without it is not documented.
        text = self._content.text() if self._job.access.is_on_kubernetes() else ""
        self._content.close()  # from here on, only its digest is used
        refused = self._create(text)
        if refused is None:
            return
        if len(self._listed.snapshots) < self._settings.limit or self._listed.is_doubtful:
            raise refused
        full = self._describe_full("and ArcGIS refused another")
        if not self._settings.rotates:
            raise full
        self._require_time(2 * FETCH_TIMES, 2 * START_SECONDS)  # to free a slot, a snapshot is downloaded too
        slot = free_slot(self._job, self._listed, self._settings.reader)
        self._verdicts += map(Verdict.fail, slot.kept)
        self._freed = slot.freed
        if slot.listed is None:
            raise slot.error or full
        self._listed = slot.listed
        self._require_time(FETCH_TIMES, START_SECONDS)
        if again := self._create(text):
            raise again

    def _create(self, text: str) -> RequestRejected | None:
        """Make the snapshot. Return ArcGIS's refusal, or None if the new snapshot is listed.

        If the response is lost, the request is not repeated, because the listing shows whether the snapshot was made.
        A snapshot counts as ours only if ArcGIS returned its key: a person could have made one with the same name.
        """
        before = _keys(self._listed)
        answered, refused = None, None
        try:
            answered = self._job.access.create_snapshot(self._job.item_id, self._name, text)
        except ArcGISError as error:
            refused = error
        if answered and answered not in before:
            self._record(answered)
        self._listed = self._list()
        after = _keys(self._listed)
        if gone := before - after:
            noun = "1 snapshot" if len(gone) == 1 else f"{len(gone)} snapshots"
            what = f"{noun} of {self._what} disappeared from ArcGIS while a new one was made"
            kept = "It is archived." if len(gone) == 1 else "All are archived."
            self._verdicts.append(Verdict.fail(UnexpectedAnswer(f"{what}. {kept}")))
        if answered in after - before:
            return None
        if refused is None:
            self._captured = None
            raise UnexpectedAnswer(f"ArcGIS reported that it made a snapshot of {self._what}, but does not list it.")
        if any(snapshot.name == self._name for snapshot in self._listed.snapshots):
            return None
        if isinstance(refused, RequestRejected):
            return refused
        raise refused

    def _record(self, key: ResourceKey) -> None:
        """Write a capture record that says that this run made the snapshot. Done first, before anything can fail.

        If S3 does not store the record, `confirm` writes it again.
        """
        record = CaptureRecord(self._job.run, self._content.copy, _now())
        self._made, self._captured = (key, record), key
        with contextlib.suppress(ArchiveError):
            self._archive.put_capture_record(self._job.item_id, key, record)
            self._is_recorded = True


def _now() -> int:
    return int(time.time() * 1000)


def _keys(listed: SnapshotListing) -> set[ResourceKey]:
    return {snapshot.resource_key for snapshot in listed.snapshots}
