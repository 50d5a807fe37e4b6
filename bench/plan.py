"""Fill the fake AWS with an archive of many notebooks, so that a plan can be measured without archiving them first."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

from bench.servers import BUCKET, Servers
from local.arcgis.seed import FIRST_CREATED_MS, MINUTE_MS

SNAPSHOTS = 5
# The fake AWS stores no body of more than 2 MB. This many keys take 1 MB.
_KEYS_PER_CALL = 10_000


def fill_archive(running: Servers, notebooks: int) -> None:
    """Archive the generated notebooks of the local ArcGIS, without bodies.

    Each notebook has SNAPSHOTS snapshots, its properties, and a copy of its content. Nothing has changed since then.
    """
    items = running.arcgis_control("GET", "items")["items"]
    if len(items) != notebooks:
        raise RuntimeError(f"The local ArcGIS has {len(items)} items, not {notebooks}.")
    for keys in itertools.batched(_make_keys([item["id"] for item in items]), _KEYS_PER_CALL, strict=False):
        running.aws_control("PUT", "\n".join(keys))


def _make_keys(item_ids: Sequence[str]) -> Iterator[str]:
    for number, item_id in enumerate(item_ids):
        digests = [hashlib.md5(f"{item_id} {version}".encode()).hexdigest() for version in range(SNAPSHOTS)]
        folder, modified = f"{BUCKET}/notebooks/{item_id}", FIRST_CREATED_MS + number * MINUTE_MS
        yield f"{folder}/item.json"
        yield f"{folder}/current/{modified}-{digests[0][:12]}.ipynb"
        yield from (f"{folder}/snapshots/snapshot-{digest}.json" for digest in digests)
