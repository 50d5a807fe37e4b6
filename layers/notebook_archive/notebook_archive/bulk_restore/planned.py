"""The notebooks of a plan: its lines are batches of them."""

from collections.abc import Iterator, Mapping
from typing import NotRequired, TypedDict

import msgspec

from notebook_archive.archive import Archive
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.restore.request import Place


class PlannedRestore(TypedDict):
    """One notebook to restore, and the version that is restored.

    `resourceKey` is the version's name, and `at` the time of its content. `archivedOwner` is the owner in the archive,
    and `owner` the owner of the new item. `requestId` is the id of the request to restore it, which stays the same if
    the plan is carried out again. `isRepeated` is true if an invocation ran out of time while it restored the notebook.
    """

    itemId: str
    title: str
    archivedOwner: str
    owner: str
    resourceKey: str
    at: str
    requestId: str
    isRepeated: NotRequired[bool]


class Batch(TypedDict):
    """A line of the plan. `number` starts at 1. `part` counts how often the batch was returned unfinished.

    `to` is the other portal that the notebooks are restored to, if there is one. `place` is where the versions are
    read, if that is not the archive. With `dryRun`, nothing is changed.
    """

    number: int
    part: int
    dryRun: bool
    to: NotRequired[Mapping[str, str]]
    place: NotRequired[Place]
    notebooks: list[PlannedRestore]


def read_plan(key: str, archive: Archive) -> Iterator[Batch]:
    """Yield the batches of a plan, or nothing if it does not exist. Raises ArchiveDamaged if a line is not a batch."""
    try:
        for line in archive.read_lines(key):
            yield msgspec.convert(line, Batch)
    except (ValueError, RecursionError):
        raise ArchiveDamaged(f"{key} has a line that is not a batch of a bulk restore.") from None
