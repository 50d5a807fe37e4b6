"""Test that a snapshot is stored once and completely, is never overwritten, and that S3's errors become our own."""

import hashlib
import json
import tempfile
from base64 import b64encode
from io import BytesIO
from urllib.parse import unquote

import pytest

from notebook_archive.archive import Archive, StoreResult
from notebook_archive.archive.store import CONFLICT_ATTEMPTS
from notebook_archive.errors import ArchiveConflict, ArchiveDenied, ArchiveError, ArchiveUnavailable
from notebook_archive.models import ItemId, ResourceKey
from tests.strict_s3 import BUCKET, Fault, StrictS3

ITEM = ItemId("1" * 32)
KEY = ResourceKey(f"snapshot-{'2' * 32}.json")
PATH = f"notebooks/{ITEM}/snapshots/{KEY}"
BODY = json.dumps({"cells": ["é" * 5000], "nbformat": 4}).encode()


def put(archive: Archive, body: bytes = BODY, run: str = "2026-11-22/one", *, as_file: bool = False) -> StoreResult:
    digest = hashlib.sha256(body)
    metadata = {"title": "Карта рек", "run-id": run, "sha256": digest.hexdigest(), "kernel": ""}
    sent = BytesIO(body) if as_file else body
    return archive.put_snapshot(ITEM, KEY, sent, digest.digest(), metadata, {"owner": "o'ana", "runtime": ""})


@pytest.mark.parametrize("as_file", [True, False])
def test_a_snapshot_has_checksum_metadata_and_tags(archive: Archive, s3: StrictS3, *, as_file: bool) -> None:
    assert put(archive, as_file=as_file) == StoreResult("archived", PATH, "2026-11-22/one")
    stored = s3.contents()[PATH]
    assert stored.body == BODY
    assert stored.checksum == b64encode(hashlib.sha256(BODY).digest()).decode()
    assert unquote(stored.metadata["title"]) == "Карта рек"
    assert stored.metadata.keys() == {"title", "run-id", "sha256"}
    assert stored.tags == {"owner": "o_ana", "kind": "snapshot", "schema": "1"}


def test_a_new_snapshot_costs_one_call(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    assert s3.calls == [("PutObject", PATH)]


def test_unchanged_bytes_name_the_run_that_stored_them(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    assert put(archive, run="2026-11-23/two") == StoreResult("unchanged", PATH, "2026-11-22/one")
    assert s3.contents()[PATH].versions == 1
    assert s3.counts() == {"PutObject": 2, "HeadObject": 1}


def test_other_bytes_are_a_conflict_and_change_nothing(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    with pytest.raises(ArchiveConflict, match=PATH):
        put(archive, BODY + b" ", run="2026-11-23/two")
    assert (s3.contents()[PATH].body, s3.contents()[PATH].versions) == (BODY, 1)


def test_an_object_without_a_checksum_is_a_conflict(archive: Archive, s3: StrictS3) -> None:
    s3.put(PATH, body=BODY)
    with pytest.raises(ArchiveConflict):
        put(archive)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_write_whose_answer_was_lost_counts_as_archived(archive: Archive, s3: StrictS3, *, as_file: bool) -> None:
    s3.faults = [Fault("PutObject", "lost-answer")]
    assert put(archive, as_file=as_file) == StoreResult("archived", PATH, "2026-11-22/one")
    assert s3.counts() == {"PutObject": 2, "HeadObject": 1}
    assert s3.contents()[PATH].versions == 1


@pytest.mark.parametrize("kind", ["reset", "timeout", "500-InternalError", "503-SlowDown"])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_transient_fault_is_retried_with_the_whole_body(
    archive: Archive, s3: StrictS3, kind: str, *, as_file: bool
) -> None:
    s3.faults = [Fault("PutObject", kind)]
    assert put(archive, as_file=as_file).state == "archived"
    assert s3.contents()[PATH].body == BODY


def test_a_large_file_is_sent_whole_after_a_reset(archive: Archive, s3: StrictS3) -> None:
    body = b'{"cells":["' + b"x" * 9_000_000 + b'"],"nbformat":4}'
    s3.faults = [Fault("PutObject", "reset", times=2)]
    digest = hashlib.sha256(body)
    with tempfile.SpooledTemporaryFile(max_size=1000) as file:
        file.write(body)
        file.seek(0)
        archive.put_snapshot(ITEM, KEY, file, digest.digest(), {"sha256": digest.hexdigest()}, {})
    assert s3.contents()[PATH].body == body


def test_409_is_retried_with_growing_pauses(archive: Archive, s3: StrictS3, pauses: list[float]) -> None:
    s3.faults = [Fault("PutObject", "409-ConditionalRequestConflict", times=CONFLICT_ATTEMPTS - 1)]
    assert put(archive, as_file=True).state == "archived"
    assert s3.contents()[PATH].body == BODY
    assert pauses == sorted(pauses)
    assert len(pauses) == CONFLICT_ATTEMPTS - 1
    assert 0 < sum(pauses) < 10


def test_an_endless_409_is_given_up(archive: Archive, s3: StrictS3) -> None:
    s3.faults = [Fault("PutObject", "409-ConditionalRequestConflict", times=None)]
    with pytest.raises(ArchiveUnavailable, match="ConditionalRequestConflict"):
        put(archive)
    assert s3.counts() == {"PutObject": CONFLICT_ATTEMPTS}
    assert s3.contents() == {}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("403-AccessDenied", ArchiveDenied),
        ("400-KMS.DisabledException", ArchiveDenied),
        ("404-NoSuchBucket", ArchiveDenied),
        ("400-BadDigest", ArchiveUnavailable),
        ("500-InternalError", ArchiveUnavailable),
        ("503-SlowDown", ArchiveUnavailable),
        ("reset", ArchiveUnavailable),
        ("timeout", ArchiveUnavailable),
    ],
)
def test_persistent_error_message_has_code_and_key(s3: StrictS3, kind: str, error: type[ArchiveError]) -> None:
    s3.faults = [Fault("PutObject", kind, times=None)]
    archive = Archive(s3.client(attempts=2), BUCKET, "123456789012", sleep=lambda _: None)
    with pytest.raises(error) as raised:
        put(archive)
    assert PATH in str(raised.value)
    code = {"reset": "ConnectionClosedError", "timeout": "ReadTimeoutError"}.get(kind, kind.partition("-")[2])
    assert code in str(raised.value)
    assert s3.contents() == {}


@pytest.mark.parametrize(
    ("kind", "error"), [("403-", ArchiveDenied), ("500-", ArchiveUnavailable), ("404-", ArchiveError)]
)
def test_failed_comparison_message_has_the_key(
    archive: Archive, s3: StrictS3, kind: str, error: type[ArchiveError]
) -> None:
    put(archive)
    s3.faults = [Fault("HeadObject", kind, times=None)]
    with pytest.raises(error, match=PATH):
        put(archive)


def test_any_text_is_accepted_as_title_and_owner(archive: Archive, s3: StrictS3) -> None:
    digest = hashlib.sha256(BODY)
    title = "\u202e🗺️ \x00\x1f\x7f\r\nX-Injected: 1 " + "水" * 4000 + "\ud800"
    metadata = {"title": title, "owner": title, "snapshot-name": title, "sha256": digest.hexdigest()}
    archive.put_snapshot(ITEM, KEY, BODY, digest.digest(), metadata, {"owner": title, "runtime": title})
    assert s3.contents()[PATH].body == BODY
