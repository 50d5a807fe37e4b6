"""Test that the deployed functions may list the second place and restore from it, and may not write to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.arcgis import Item
from local.system import LocalSystem
from tests.local.conftest import SECOND_BUCKET
from tests.local.roles import session_of
from tests.local.test_restore import archived_flood_model, invoke


@pytest.fixture
def replicated(open_system: LocalSystem) -> Iterator[Item]:
    """Yield an archived notebook whose objects are copied to the second place and hidden in the archive."""
    s3, bucket = open_system.aws.s3, open_system.outputs["ArchiveBucket"]
    with archived_flood_model(open_system, open_system.arcgis.enterprise) as item:
        markers = []
        for listed in s3.list_objects_v2(Bucket=bucket, Prefix=f"notebooks/{item.id}/")["Contents"]:
            found = s3.get_object(Bucket=bucket, Key=listed["Key"])
            copied: Any = {"Body": found["Body"].read(), "Metadata": found["Metadata"], "ChecksumAlgorithm": "SHA256"}
            s3.put_object(Bucket=SECOND_BUCKET, Key=listed["Key"], **copied)
            markers.append((listed["Key"], s3.delete_object(Bucket=bucket, Key=listed["Key"])["VersionId"]))
        yield item
        for key, marker in markers:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=marker)


def test_deployed_functions_read_the_second_place(open_system: LocalSystem, replicated: Item) -> None:
    key = replicated.snapshots[0].resource_key
    event: dict[str, Any] = {"requestId": "second-place", "itemId": replicated.id, "resourceKey": key, "as": "new"}
    # An invocation that fails would be a finding of the doctor, whose tests use the same system.
    with pytest.raises(ClientError, match="404"):
        open_system.aws.s3.head_object(
            Bucket=open_system.outputs["ArchiveBucket"], Key=f"notebooks/{replicated.id}/snapshots/{key}"
        )
    record = invoke(open_system, "RestoreNotebookFunction", {**event, "from": "second-place"})
    assert (record["status"], record["level"]) == ("restored", 5)
    invoke(open_system, "UndoRestoreFunction", {"restoreId": "second-place"})
    started = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    plan = invoke(open_system, "PlanVerificationFunction", {"runId": "second-place", "startedAt": started})
    assert plan["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 0, "notReplicated": 0, "error": ""}
    for function in ("RestoreNotebook", "PlanVerification"):
        s3 = session_of(open_system, function).client("s3", endpoint_url=open_system.aws.endpoint_url)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=SECOND_BUCKET, Key="notebooks/any", Body=b"")
