"""Measure planning a run for many notebooks that are archived already."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

# Number of keys that one call adds to the fake AWS. It refuses bodies of more than 2 MB.
_KEYS_PER_CALL = 10_000
SNAPSHOTS = 5


def make_keys(bucket: str, item_ids: Sequence[str]) -> Iterator[str]:
    """Yield lines with the paths of the objects of archived notebooks.

    Each notebook has SNAPSHOTS snapshots, its properties, and one copy of its content.
    """
    paths = (f"{bucket}/notebooks/{item_id}/{name}" for item_id in item_ids for name in _make_names(item_id))
    for some in itertools.batched(paths, _KEYS_PER_CALL, strict=False):
        yield "\n".join(some)


def _make_names(item_id: str) -> Iterator[str]:
    digests = [hashlib.blake2b(f"{item_id} {n}".encode(), digest_size=16).hexdigest() for n in range(SNAPSHOTS)]
    yield f"current/1735725600000-{digests[0][:12]}.ipynb"
    yield "item.json"
    yield from (f"snapshots/snapshot-{digest}.json" for digest in digests)
