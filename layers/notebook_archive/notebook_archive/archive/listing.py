"""What the archive holds, as its keys tell."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Self

from notebook_archive.archive import keys
from notebook_archive.models import ItemId, ResourceKey

MAX_NOTES = 10
"""About the content of one notebook that are kept in memory, the latest."""


@dataclass(frozen=True, slots=True)
class Present:
    """What the archive has noted about the content of one notebook, and when, the latest last.

    The latest is what was written last, not what has the highest ``modified``: a portal that was restored goes back in
    time.
    """

    notes: tuple[tuple[datetime, keys.CopyId], ...] = ()

    @classmethod
    def of(cls, notes: list[tuple[datetime, keys.CopyId]]) -> Self:
        """Return the latest of the notes, with the latest copy and the latest capture's mark in any case."""
        ordered = sorted(notes)
        dropped, kept = cls(tuple(ordered[:-MAX_NOTES])), tuple(ordered[-MAX_NOTES:])
        last = (dropped.latest(keys.CopyId), dropped.latest(keys.CaptureMark))
        return cls((*sorted(each for each in last if each), *kept))

    def at(self, modified: int) -> tuple[datetime, keys.CopyId] | None:
        """Return what was noted last of the item as modified then, and when."""
        return next((note for note in reversed(self.notes) if note[1].modified == modified), None)

    def latest(self, kind: type[keys.CopyId], digest: str = "") -> tuple[datetime, keys.CopyId] | None:
        """Return the last note of exactly this kind, of content with this short digest if one is given."""
        return next(
            (
                note
                for note in reversed(self.notes)
                if type(note[1]) is kind and (not digest or note[1].short_digest == digest)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class Holding:
    """What the archive holds of one notebook, the latest last.

    ``item_written`` is None where it has no ``item.json``.  `last_written` is when its newest object was written, apart
    from the note that the item was deleted; `deletion_noted` is when that note was written, or None.  `sizes` are the
    sizes in bytes of each snapshot and of the altered bodies beside it.
    """

    item_id: ItemId
    snapshots: tuple[ResourceKey, ...]
    item_written: datetime | None
    present: Present = field(default_factory=Present)
    sizes: Mapping[ResourceKey, tuple[int, ...]] = field(default_factory=dict)
    last_written: datetime | None = None
    deletion_noted: datetime | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether the note that the item was deleted is newer than all its other objects.

        S3 gives whole seconds, so if both times are equal, the note does not count as newer.
        """
        if self.deletion_noted is None:
            return False
        return self.last_written is None or self.deletion_noted > self.last_written


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing of the bucket gives it.  `size` is in bytes."""

    key: str
    written: datetime
    size: int


def group_holdings(objects: Iterable[ListedObject]) -> Iterator[Holding]:
    """Yield what the listed objects below `notebooks/` mean. The objects come in the order of their keys."""
    ours = ((parsed, listed) for listed in objects if (parsed := keys.parse(listed.key)))
    for item_id, group in groupby(ours, key=lambda entry: entry[0][0]):
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
        held = tuple(key for _, key in sorted(snapshots))
        yield Holding(item_id, held, item_written, Present.of(notes), sizes, last_written, deletion_noted)
