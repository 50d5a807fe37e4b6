"""Test that the deployed stack makes the backups that events request."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.arcgis import Item
from local.system import LocalSystem
from tests.cli.conftest import Run, run
from tests.local.conftest import ASKED_NOTEBOOKS

__all__ = ["run"]

PATIENCE_SECONDS = 240


def put_events(system: LocalSystem, details: list[dict[str, Any]]) -> None:
    events = system.aws.session.client("events", endpoint_url=system.aws.endpoint_url)
    entry = {"Source": "arcgis.notebooks", "DetailType": "SnapshotArchiveRequested"}
    for start in range(0, len(details), 10):
        entries = [{**entry, "Detail": json.dumps(detail)} for detail in details[start : start + 10]]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0  # type: ignore[arg-type]


def versions(system: LocalSystem) -> Counter[str]:
    """Return the number of object versions of each archived snapshot."""
    bucket = system.outputs["ArchiveBucket"]
    pages = system.aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="notebooks/")
    return Counter(each["Key"] for page in pages for each in page.get("Versions", ()) if "/snapshots/" in each["Key"])


def key_of(item: Item) -> str:
    return f"notebooks/{item.id}/snapshots/{item.snapshots[0].resource_key}"


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait until the condition is true. Return the seconds that this took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < PATIENCE_SECONDS, what
        time.sleep(0.2)
    return time.monotonic() - start


def waiting(system: LocalSystem, output: str) -> int:
    """Return the number of messages in a queue, including those that a function has received."""
    sqs = system.aws.session.client("sqs", endpoint_url=system.aws.endpoint_url)
    found = sqs.get_queue_attributes(QueueUrl=system.outputs[output], AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_an_event_becomes_an_archived_snapshot(asked: LocalSystem) -> None:
    item = asked.arcgis.enterprise.organisation.notebooks()[0]
    put_events(asked, [{"itemId": item.id}])
    until(lambda: versions(asked)[key_of(item)] == 1, "the snapshot is not archived")
    body = asked.aws.s3.get_object(Bucket=asked.outputs["ArchiveBucket"], Key=key_of(item))["Body"].read()
    assert body == item.snapshots[0].content


def test_500_duplicate_events_archive_20_snapshots_once(asked: LocalSystem) -> None:
    items = asked.arcgis.enterprise.organisation.notebooks()
    wanted = {key_of(item): 1 for item in items}
    assert len(wanted) == ASKED_NOTEBOOKS
    put_events(asked, [{"itemIds": [item.id]} for item in items] * 25)
    until(lambda: waiting(asked, "RequestQueue") == 0, "the queue is not empty")
    assert {key: count for key, count in versions(asked).items() if key in wanted} == wanted
    assert waiting(asked, "FailureQueue") == 0


def test_a_poll_archives_what_has_changed(asked: LocalSystem) -> None:
    item = asked.arcgis.enterprise.organisation.notebooks()[1]
    poll(asked)
    item.content = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    item.touch()
    assert poll(asked) == {"found": 1, "requested": 1, "postponed": 0}
    prefix = f"notebooks/{item.id}/current/{item.modified}-"
    bucket = asked.outputs["ArchiveBucket"]
    until(lambda: "Contents" in asked.aws.s3.list_objects_v2(Bucket=bucket, Prefix=prefix), "no copy is archived")
    assert poll(asked) == {"found": 0, "requested": 0, "postponed": 0}


def poll(system: LocalSystem) -> Any:
    """Invoke the function that polls for changes, as its schedule does, and return what it returns."""
    functions = system.aws.session.client("lambda", endpoint_url=system.aws.endpoint_url)
    answer = functions.invoke(FunctionName=system.outputs["PollChangesFunction"], Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


# This test waits two minutes while the queue delivers the message several times. tests/functions/test_requests.py tests
# each step separately.
@pytest.mark.soak
def test_failed_requests_can_be_sent_again_after_an_outage(
    asked: LocalSystem, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = asked.arcgis.enterprise.organisation.notebooks()[0]
    bucket = asked.outputs["ArchiveBucket"]
    for version in asked.aws.s3.list_object_versions(Bucket=bucket, Prefix=f"notebooks/{item.id}/").get("Versions", ()):
        asked.aws.s3.delete_object(
            Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"], BypassGovernanceRetention=True
        )
    with asked.arcgis.stopped():
        put_events(asked, [{"itemId": item.id}])
        until(lambda: waiting(asked, "FailureQueue") == 1, "nothing is in the failure queue")
    assert versions(asked)[key_of(item)] == 0
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps(asked.description()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    listed = run("failed", "list", "--local", "--json")
    assert (listed.status, [each["reason"] for each in listed.document["reasons"]]) == (3, ["arcgis-unavailable"])
    assert run("failed", "retry", "--local", "--json").document["retried"] == 1
    until(lambda: versions(asked)[key_of(item)] == 1, "the snapshot is not archived")
    assert waiting(asked, "FailureQueue") == 0
