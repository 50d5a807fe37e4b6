"""What the archive holds, as its keys tell."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from notebook_archive.archive import keys
from notebook_archive.models import ItemId, ResourceKey


@dataclass(frozen=True, slots=True)
class Present:
    """The copy of a notebook's content that was archived last, what the content was last found to be, and when."""

    copy: keys.CopyId
    seen: keys.CopyId
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """What the archive holds of one notebook, the latest last.  ``item_written`` is None where it has no
    ``item.json``."""

    item_id: ItemId
    snapshots: tuple[ResourceKey, ...]
    item_written: datetime | None
    present: Present | None = None


def grouped(objects: Iterable[tuple[str, datetime]]) -> Iterator[Holding]:
    """Yield what keys below ``notebooks/``, in order, and the times at which they were written stand for."""
    ours = ((parsed, written) for key, written in objects if (parsed := keys.parse(key)))
    for item_id, group in groupby(ours, key=lambda entry: entry[0][0]):
        snapshots: list[tuple[datetime, ResourceKey]] = []
        copies: list[tuple[datetime, keys.CopyId]] = []
        item_written: datetime | None = None
        for (_, name), written in group:
            if name is None:
                item_written = written
            elif isinstance(name, ResourceKey):
                snapshots.append((written, name))
            else:
                copies.append((written, name))
        yield Holding(item_id, tuple(key for _, key in sorted(snapshots)), item_written, _present(copies))


def _present(copies: list[tuple[datetime, keys.CopyId]]) -> Present | None:
    """The latest is what was written last, not what has the highest ``modified``: a portal that was restored goes back
    in time."""
    latest = max((entry for entry in copies if not isinstance(entry[1], keys.Sighting)), default=None)
    if latest is None:
        return None
    seen_at, seen = max(copies)
    return Present(latest[1], seen, seen_at)
