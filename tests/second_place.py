"""The second place in moto, which does not replicate: `replicate` copies objects as S3 documents it."""

import copy
from typing import Any, Final

import boto3
from moto.s3.models import FakeDeleteMarker, s3_backends

from tests.strict_s3 import ACCOUNT, BUCKET, SECOND_BUCKET

REGION: Final = "eu-central-1"


def make_second_bucket(name: str = SECOND_BUCKET) -> None:
    """Make the bucket of the second place as docs/second-place.yaml does, with versioning and Object Lock."""
    # A session of its own, so that no test counts or checks the call.
    client = boto3.Session().client("s3", REGION)
    client.create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def replicate(prefix: str = "", source: str = BUCKET, target: str = SECOND_BUCKET) -> None:
    """Copy the S3 versions that the second place does not have yet.

    A replica has the key, the version id, the bytes, the metadata, the tags, the retention and the time of its
    original. Delete markers are not copied, and nothing is deleted.
    """
    backend = s3_backends[ACCOUNT]["aws"]
    originals, replicas = backend.get_bucket(source).keys, backend.get_bucket(target).keys
    for key in [each for each in originals if each.startswith(prefix)]:
        held = list(replicas.getlist(key) or ())
        there = {each.version_id for each in held}
        written = [each for each in originals.getlist(key) if not isinstance(each, FakeDeleteMarker)]
        held += [_copy(each, target) for each in written if each.version_id not in there]
        replicas.setlist(key, held)


def _copy(original: Any, target: str) -> Any:
    replica = copy.deepcopy(original)
    replica.bucket_name = target
    tagger = s3_backends[ACCOUNT]["aws"].tagger
    tagger.tag_resource(replica.arn, tagger.list_tags_for_resource(original.arn)["Tags"])
    return replica


def lose_bucket(name: str = BUCKET) -> None:
    """Delete a bucket with everything in it, which no role of the stack may do."""
    backend = s3_backends[ACCOUNT]["aws"]
    backend.get_bucket(name).keys.clear()
    backend.delete_bucket(name)


def held_replica(key: str) -> Any:
    """Return moto's own object of the current version of a replica."""
    return s3_backends[ACCOUNT]["aws"].get_bucket(SECOND_BUCKET).keys[key]


def lose(key: str) -> None:
    """Delete a replica with all its S3 versions."""
    s3_backends[ACCOUNT]["aws"].get_bucket(SECOND_BUCKET).keys.pop(key)
