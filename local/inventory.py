"""Read from S3 which versions of notebooks the archive contains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from mypy_boto3_s3 import S3Client

from local.comparison import stored_snapshots


@dataclass(frozen=True, slots=True)
class Version:
    """An archived version of a notebook: a snapshot, or a copy of its content."""

    key: str
    size: int
    metadata: Mapping[str, str]

    @property
    def item_id(self) -> str:
        """The id of the notebook."""
        return self.key.split("/")[1]

    @property
    def created(self) -> str:
        """The creation time that ArcGIS reports for this version, in ISO 8601 with `Z`, or empty if it reports none."""
        return self.metadata.get("snapshot-created") or self.metadata.get("modified", "")


def read_versions(s3: S3Client, bucket: str) -> Iterator[Version]:
    """Yield every archived version in the order of the keys, so that the versions of one notebook are adjacent."""
    for key in stored_snapshots(s3, bucket):
        head = s3.head_object(Bucket=bucket, Key=key)
        yield Version(key, head["ContentLength"], {name: unquote(value) for name, value in head["Metadata"].items()})


def read_tags(s3: S3Client, bucket: str, key: str) -> dict[str, str]:
    """Return the tags of an object, by name."""
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
