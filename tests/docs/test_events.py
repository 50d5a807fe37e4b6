"""Test that the events in docs/events.md are those that the code accepts and sends."""

import json
from typing import get_type_hints

from notebook_archive.backup.records import StoredVersion
from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.backup_requests.queue import FIRST_PAUSE_SECONDS, MAX_ATTEMPTS
from notebook_archive.events.details import (
    MAX_EVENT_SNAPSHOTS,
    MAX_REQUEST_ITEMS,
    REQUEST_SOURCE,
    DetailType,
    describe_stored,
)
from tests.docs.documents import EVENTS, FORMAT, ROOT, code_in


def test_example_request_is_accepted() -> None:
    (block,) = EVENTS.section("SnapshotArchiveRequested").fences("json")
    assert len(BackupRequest.of({"detail": json.loads(block)}).item_ids) == 2


def test_sample_event_entry_is_accepted() -> None:
    entries: list[dict[str, str]] = json.loads((ROOT / "events/archive_requests.event.json").read_text())
    for entry in entries:
        assert (entry["Source"], entry["DetailType"]) == (REQUEST_SOURCE, DetailType.SNAPSHOT_ARCHIVE_REQUESTED)
        assert BackupRequest.of({"detail": json.loads(entry["Detail"])})


def test_example_of_snapshot_archived_has_the_sent_fields() -> None:
    (block,) = EVENTS.section("SnapshotArchived").fences("json")
    example = json.loads(block)
    assert example["snapshots"][0].keys() == get_type_hints(StoredVersion).keys()
    outcome = {name: example[name] for name in ("itemId", "title", "owner")} | {"archived": example["snapshots"]}
    assert list(describe_stored(outcome, example["runId"], example["bucket"])) == [example]
    rows = {name for row in EVENTS.table("in the event") for name in code_in(row[0])}
    assert rows == example.keys()


def test_example_of_run_completed_has_the_documented_fields() -> None:
    (block,) = EVENTS.section("ArchiveRunCompleted").fences("json")
    event = json.loads(block)
    paragraph = FORMAT.text[FORMAT.text.index("The event `ArchiveRunCompleted`") :].split("\n\n")[0]
    assert event["detail"].keys() == set(code_in(paragraph)) - {event["detail-type"], event["source"], "EventBusName"}


def test_limits_and_pauses_match_the_code() -> None:
    text = EVENTS.prose
    assert f"list of 1 to {MAX_REQUEST_ITEMS} item ids" in text
    assert f"at most {MAX_EVENT_SNAPSHOTS} snapshots" in text
    pauses = [FIRST_PAUSE_SECONDS * 2**n for n in range(MAX_ATTEMPTS - 1)]
    assert f"after {pauses[0]}, {pauses[1]} and {pauses[2]} seconds" in text
