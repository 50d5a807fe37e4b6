"""Whether the archive holds what ArcGIS serves: every snapshot and content that can be read, byte for byte, no more."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mypy_boto3_s3 import S3Client

from local.arcgis import Deployment, Item
from local.arcgis.content import Content, chunks, size_of

_CHUNK = 1024 * 1024
_BODY = re.compile(r"notebooks/[0-9a-f]{32}/(?:snapshots/.*|current/.*\.ipynb)")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many snapshots and copies are stored as they are served, and one sentence for each body that is not."""

    snapshots: int
    copies: int
    differences: list[str]


def is_readable(deployment: Deployment, item: Item) -> bool:
    """Whether any credential that the archive was given may read the item's snapshots."""
    return deployment.user(item.owner).has_secret or not item.resources_refused


def compare(deployment: Deployment, s3: S3Client, bucket: str, *, with_current: bool) -> Comparison:
    """Read every stored body back and compare it with what ArcGIS serves now.

    `with_current` says whether the stack archives the current content of notebooks.
    """
    served = {
        key: content
        for item in deployment.organisation.notebooks()
        for key, content in _served(deployment, item)
        if with_current or "/snapshots/" in key
    }
    stored = set(stored_bodies(s3, bucket))
    differences = [f"Not archived: {key}" for key in served if key not in stored]
    differences += [f"Archived but not served: {key}" for key in sorted(stored - served.keys())]
    equal: list[str] = []
    for key in sorted(stored & served.keys()):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        if _digest(body.iter_chunks(_CHUNK)).digest() == _digest(chunks(served[key])).digest():
            equal.append(key)
        else:
            differences.append(f"Archived with other bytes than served: {key}")
    snapshots = sum("/snapshots/" in key for key in equal)
    return Comparison(snapshots, len(equal) - snapshots, differences)


def _served(deployment: Deployment, item: Item) -> Iterator[tuple[str, Content]]:
    """The keys under which the item's readable snapshots and content belong into the archive, and their bodies."""
    if is_readable(deployment, item):
        for snapshot in item.snapshots:
            yield f"notebooks/{item.id}/snapshots/{snapshot.resource_key}", snapshot.content
    may_read = deployment.user(item.owner).has_secret or not item.content_refused
    if may_read and size_of(item.content):
        digits = _digest(chunks(item.content)).hexdigest()[:12]
        yield f"notebooks/{item.id}/current/{item.modified:013d}-{digits}.ipynb", item.content


def stored_bodies(s3: S3Client, bucket: str) -> Iterator[str]:
    """The keys of the archived snapshots and copies, in order."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="notebooks/"):
        for listed in page.get("Contents", ()):
            if _BODY.fullmatch(listed["Key"]):
                yield listed["Key"]


def stored_snapshots(s3: S3Client, bucket: str) -> Iterator[str]:
    """The keys of the archived snapshots, in order."""
    return (key for key in stored_bodies(s3, bucket) if "/snapshots/" in key)


def _digest(pieces: Iterable[bytes | memoryview]) -> "hashlib._Hash":
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(piece)
    return whole
