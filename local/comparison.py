"""Whether the archive holds what ArcGIS serves: every snapshot that can be read, byte for byte, and nothing else."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mypy_boto3_s3 import S3Client

from local.arcgis import Deployment, Item
from local.arcgis.content import chunks

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many snapshots are stored as they are served, and one sentence for each that is not."""

    equal: int
    differences: list[str]


def is_readable(deployment: Deployment, item: Item) -> bool:
    """Whether any credential that the archive was given may read the item's snapshots."""
    return deployment.user(item.owner).has_secret or not item.resources_refused


def compare(deployment: Deployment, s3: S3Client, bucket: str) -> Comparison:
    """Read every stored snapshot back and compare it with what ArcGIS serves now."""
    served = {
        f"notebooks/{item.id}/snapshots/{snapshot.resource_key}": snapshot
        for item in deployment.organisation.notebooks()
        if is_readable(deployment, item)
        for snapshot in item.snapshots
    }
    stored = set(stored_snapshots(s3, bucket))
    differences = [f"Not archived: {key}" for key in served if key not in stored]
    differences += [f"Archived but not served: {key}" for key in sorted(stored - served.keys())]
    equal = 0
    for key in sorted(stored & served.keys()):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        if _digest(body.iter_chunks(_CHUNK)) == _digest(chunks(served[key].content)):
            equal += 1
        else:
            differences.append(f"Archived with other bytes than served: {key}")
    return Comparison(equal, differences)


def stored_snapshots(s3: S3Client, bucket: str) -> Iterator[str]:
    """The keys of the archived snapshots, in order."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="notebooks/"):
        for listed in page.get("Contents", ()):
            if "/snapshots/" in listed["Key"]:
                yield listed["Key"]


def _digest(pieces: Iterable[bytes | memoryview]) -> bytes:
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(piece)
    return whole.digest()
