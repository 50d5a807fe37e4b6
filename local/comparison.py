"""Compare the archive with what ArcGIS serves, byte for byte: snapshots and current content."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mypy_boto3_s3 import S3Client

from local.arcgis import Deployment, Item
from local.arcgis.content import Content, chunks, size_of

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison.

    `snapshots` and `copies` count the stored snapshots and the stored copies of current content that are equal to what
    ArcGIS serves. `differences` contains one sentence for each object that is missing, extra or different.
    """

    snapshots: int
    copies: int
    differences: list[str]

    @property
    def equal(self) -> int:
        """The number of snapshots and copies together. The run report counts both as snapshots."""
        return self.snapshots + self.copies


def is_readable(deployment: Deployment, item: Item) -> bool:
    """Return whether a credential in the archive's secrets can read the item's snapshots."""
    return deployment.user(item.owner).has_secret or not item.resources_refused


def has_readable_content(deployment: Deployment, item: Item) -> bool:
    """Return whether the item has content that a credential in the archive's secrets can read."""
    return bool(size_of(item.content)) and (deployment.user(item.owner).has_secret or not item.content_refused)


def compare(deployment: Deployment, s3: S3Client, bucket: str, *, with_current: bool) -> Comparison:
    """Read every stored snapshot and copy, and compare its bytes with those that ArcGIS serves now.

    `with_current` is True if the stack archives the current content of notebooks.
    """
    items = deployment.organisation.notebooks()
    served: dict[str, Content] = {
        f"notebooks/{item.id}/snapshots/{snapshot.resource_key}": snapshot.content
        for item in items
        if is_readable(deployment, item)
        for snapshot in item.snapshots
    }
    copied = {
        current_key(item): item.content for item in items if with_current and has_readable_content(deployment, item)
    }
    served |= copied
    stored = set(stored_snapshots(s3, bucket))
    differences = [f"Not archived: {key}" for key in served if key not in stored]
    differences += [f"Archived but not served: {key}" for key in sorted(stored - served.keys())]
    equal: set[str] = set()
    for key in sorted(stored & served.keys()):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        if _digest(body.iter_chunks(_CHUNK_BYTES)) == _digest(chunks(served[key])):
            equal.add(key)
        else:
            differences.append(f"Archived with different bytes: {key}")
    return Comparison(len(equal - copied.keys()), len(equal & copied.keys()), differences)


def current_key(item: Item) -> str:
    """Return the key under which the item's current content is archived."""
    return f"notebooks/{item.id}/current/{item.modified:013}-{_digest(chunks(item.content)).hex()[:12]}.ipynb"


def stored_snapshots(s3: S3Client, bucket: str) -> Iterator[str]:
    """Yield the keys of all archived snapshots and copies of current content, in order."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="notebooks/"):
        for listed in page.get("Contents", ()):
            if "/snapshots/" in listed["Key"] or listed["Key"].endswith(".ipynb"):
                yield listed["Key"]


def _digest(pieces: Iterable[bytes | memoryview]) -> bytes:
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(piece)
    return whole.digest()
