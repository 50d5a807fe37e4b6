"""List the second place: the bucket in another region or account to which S3 replicates the archive.

S3 keeps the key, the version id, the metadata, the tags and the retention of what it replicates. So an object and its
replica are compared by key and version id. An `ArchiveReader` reads the replicas.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket, ListedKey, ListedObject
from notebook_archive.models import ItemId

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class SecondPlace:
    """The second place, which is only read. Every method may raise ArchiveDenied or ArchiveUnavailable.

    Threads may share it.
    """

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self.bucket_name = bucket
        self._bucket = Bucket(s3, bucket, owner)

    def list_versions(self, first: str, last: str) -> Iterator[ListedKey]:
        """Yield the keys that belong to the shards from `first` to `last`, like `Archive.list_versions`."""
        return self._bucket.list_versions(keys.NOTEBOOKS, *keys.shard_range(first, last))

    def list_documents(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, in key order."""
        return self._bucket.list_objects(prefix)

    def list_item_versions(self, item_id: ItemId) -> Iterator[ListedKey]:
        """Yield the keys of one notebook, with all their S3 versions, in key order."""
        return self._bucket.list_versions(keys.notebook_prefix(item_id), "", "")
