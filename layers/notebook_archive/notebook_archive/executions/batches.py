"""Cut the work of an execution into batches, and write what the attempts at a state write."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from notebook_archive.archive import Archive, spool_lines
from notebook_archive.backup.planned import BATCH_BYTES
from notebook_archive.errors import ArchiveUnavailable

# Maximum number of objects that the attempts at one state write. Step Functions makes fewer attempts than this.
MAX_ATTEMPTS = 20


def cut_into_batches[T: Mapping[str, Any]](entries: Iterable[T], batch_size: int) -> Iterator[list[T]]:
    """Yield lists of at most `batch_size` entries, each list of at most BATCH_BYTES bytes as JSON in ASCII."""
    batch: list[T] = []
    size = 0
    for entry in entries:
        entry_size = len(json.dumps(entry))
        if batch and (len(batch) >= batch_size or size + entry_size > BATCH_BYTES):
            yield batch
            size, batch = 0, []
        batch.append(entry)
        size += entry_size
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """The key of a plan that was written, and the number of its batches."""

    key: str
    batches: int


def write_plan(batches: Iterable[Mapping[str, Any]], make_key: Callable[[int], str], archive: Archive) -> WrittenPlan:
    """Write a plan with one batch in each line. `make_key` returns the key for a number of earlier attempts.

    An earlier attempt may have written its own plan, or may still do so. Neither plan replaces the other. May raise an
    ArchiveError.
    """
    with spool_lines(batches) as lines:
        first_key = make_key(0)
        number = write_under_new_key(lambda attempts: archive.put_lines_once(make_key(attempts), lines), first_key)
        return WrittenPlan(make_key(number), lines.count)


def write_under_new_key(write: Callable[[int], bool], what: str) -> int:
    """Call `write` with the numbers 0, 1, 2 … until it returns True, and return the last number.

    An earlier attempt may have written the same object, or may still do so. Neither replaces the other. Raises
    ArchiveUnavailable after MAX_ATTEMPTS attempts. `what` names the object in its message.
    """
    for earlier_attempts in range(MAX_ATTEMPTS):
        if write(earlier_attempts):
            return earlier_attempts
    raise ArchiveUnavailable(f"{what} could not be written.")
