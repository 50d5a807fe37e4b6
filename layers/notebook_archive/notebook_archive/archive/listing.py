"""Derive the content of the archive from the bucket's keys."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Self

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.models import ItemId, ResourceKey, join_digests

# Maximum number of notes about one notebook's content that are kept in memory. The latest are kept.
MAX_NOTES = 10


@dataclass(frozen=True, slots=True)
class ContentNotes:
    """The copies of one notebook's content and the notes about it, with the times when they were written.

    They are sorted by these times, so the latest comes last. The latest need not have the highest `modified`, because a
    portal that was restored from a backup reports earlier times again.
    """

    notes: tuple[tuple[datetime, keys.CopyId], ...] = ()

    @classmethod
    def keep_latest(cls, notes: list[tuple[datetime, keys.CopyId]]) -> Self:
        """Return the MAX_NOTES latest notes. The latest copy and the latest CapturedNote are always included."""
        ordered = sorted(notes)
        dropped, kept = cls(tuple(ordered[:-MAX_NOTES])), tuple(ordered[-MAX_NOTES:])
        last = (dropped.find_latest(keys.CopyId), dropped.find_latest(keys.CapturedNote))
        return cls((*sorted(each for each in last if each), *kept))

    def find_by_modified(self, modified: int) -> tuple[datetime, keys.CopyId] | None:
        """Return the latest note that has this `modified`, or None."""
        return next((note for note in reversed(self.notes) if note[1].modified == modified), None)

    def find_latest(self, kind: type[keys.CopyId], digest: str = "") -> tuple[datetime, keys.CopyId] | None:
        """Return the latest note of exactly this kind, or None. If a short digest is given, it must match."""
        return next(
            (
                note
                for note in reversed(self.notes)
                if type(note[1]) is kind and (not digest or note[1].short_digest == digest)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class ArchivedNotebook:
    """The archived objects of one notebook.

    `key_digests` are the joined digests of its snapshots' keys, in the order in which the snapshots were written. A
    run keeps them for all notebooks in memory, and the keys would take five times the space. `item_written` is None
    if the notebook has no `item.json`. `last_written` is the time at which its newest object was written, except
    `deleted.json`. `deletion_noted` is the time at which `deleted.json` was written, or None. `sizes` contains, in
    the same order as the digests, the sizes in bytes of each snapshot's body and of its altered bodies.
    """

    item_id: ItemId
    key_digests: str
    item_written: datetime | None
    content_notes: ContentNotes = field(default_factory=ContentNotes)
    sizes: tuple[tuple[int, ...], ...] = ()
    last_written: datetime | None = None
    deletion_noted: datetime | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether `deleted.json` is newer than all other objects of the notebook.

        S3 reports whole seconds. If the times are equal, `deleted.json` does not count as newer.
        """
        if self.deletion_noted is None:
            return False
        return self.last_written is None or self.deletion_noted > self.last_written


def group_by_notebook(objects: Iterable[ListedObject]) -> Iterator[ArchivedNotebook]:
    """Yield the notebooks that the objects below `notebooks/` belong to. `objects` must be in key order."""
    parsed_objects = ((parsed, listed) for listed in objects if (parsed := keys.parse(listed.key)))
    for item_id, group in groupby(parsed_objects, key=lambda entry: entry[0][0]):
        snapshots: list[tuple[datetime, ResourceKey]] = []
        sizes: dict[ResourceKey, tuple[int, ...]] = {}
        notes: list[tuple[datetime, keys.CopyId]] = []
        item_written: datetime | None = None
        last_written: datetime | None = None
        deletion_noted: datetime | None = None
        for (_, name), listed in group:
            if name is keys.ItemNote.DELETION:
                deletion_noted = listed.written
                continue
            last_written = max(listed.written, last_written or listed.written)
            if isinstance(name, keys.CopyId):
                notes.append((listed.written, name))
            elif isinstance(name, keys.ItemNote):
                item_written = listed.written
            else:
                key = name.resource_key if isinstance(name, keys.AlteredSnapshot) else name
                sizes[key] = (*sizes.get(key, ()), listed.size)
                if isinstance(name, ResourceKey):
                    snapshots.append((listed.written, name))
        in_order = [key for _, key in sorted(snapshots)]
        yield ArchivedNotebook(
            item_id,
            join_digests(in_order),
            item_written,
            ContentNotes.keep_latest(notes),
            tuple(sizes[key] for key in in_order),
            last_written,
            deletion_noted,
        )
