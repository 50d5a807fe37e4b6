"""Work on several entries at a time, as far as the time of an invocation allows."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from notebook_archive.clock import Deadline


def work_in_time[T, R](
    entries: Sequence[T],
    work: Callable[[T], R],
    threads: int,
    deadline: Deadline,
    *,
    reserve_seconds: float,
    always_start: int = 0,
) -> list[R | None]:
    """Work on entries in threads. Return the result for each entry, or None if it was not started in time.

    An entry is not started if less than `reserve_seconds` are left. The first `always_start` entries are always
    started. So the rest of a batch is always shorter than the batch.
    """

    def start(position: int, entry: T) -> R | None:
        if position >= always_start and deadline.remaining() < reserve_seconds:
            return None
        return work(entry)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="batch") as pool:
        return list(pool.map(start, range(len(entries)), entries))
