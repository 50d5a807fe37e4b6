"""Test that copies of a notebook's content are stored like snapshots, and named by time and checksum."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, CapturedNote, ContentNotes, CopyId, RunId, SeenNote, StoreResult
from notebook_archive.archive.listing import MAX_NOTES
from notebook_archive.clock import Deadline
from notebook_archive.errors import ArchiveConflict, ArchiveDenied
from notebook_archive.models import ItemId
from tests.archive.servers import only_moto
from tests.archive.test_listing import snapshot
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3

ITEM = ItemId(f"{1:032x}")
RUN = RunId("2026-11-22/one")
BODY = b'{"cells":[],"nbformat":4}'
DIGEST = hashlib.sha256(BODY)
COPY = CopyId.from_content(1_735_725_600_000, DIGEST.digest())
PATH = f"notebooks/{ITEM}/current/1735725600000-{DIGEST.hexdigest()[:12]}.ipynb"


def put(archive: Archive, body: bytes = BODY, run: str = RUN, copy: CopyId = COPY) -> StoreResult:
    digest = hashlib.sha256(body)
    metadata = {"run-id": run, "sha256": digest.hexdigest()}
    return archive.put_copy(ITEM, copy, body, digest.digest(), metadata, {"owner": "ana"})


def fill_at(s3: StrictS3, key: str, moment: datetime) -> None:
    """Put an object into the bucket as if it was written at that moment."""
    s3.put(key)
    s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[key].last_modified = moment


def test_a_copy_is_stored_once(archive: Archive, s3: StrictS3) -> None:
    assert put(archive) == StoreResult("archived", PATH, RUN)
    assert s3.contents()[PATH].tags == {"owner": "ana", "kind": "current", "schema": "1"}
    assert put(archive, run="2026-11-23/two") == StoreResult("unchanged", PATH, RUN)
    assert (s3.contents()[PATH].body, s3.contents()[PATH].versions) == (BODY, 1)
    assert s3.counts() == {"PutObject": 2, "HeadObject": 1}


def test_another_copy_under_the_same_key_is_a_conflict(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    with pytest.raises(ArchiveConflict, match=PATH):
        put(archive, BODY + b" ")
    assert s3.contents()[PATH].body == BODY


def test_a_copy_is_recognized_by_its_whole_checksum(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    assert archive.has_copy(ITEM, COPY, DIGEST.digest())
    assert not archive.has_copy(ITEM, COPY, DIGEST.digest()[:6] + bytes(26)), (
        "the digest in the key is the same, but the checksum differs"
    )
    assert not archive.has_copy(ITEM, CopyId.from_content(1, DIGEST.digest()), DIGEST.digest())
    s3.faults = [Fault("HeadObject", "403-AccessDenied", times=None)]
    with pytest.raises(ArchiveDenied):
        archive.has_copy(ITEM, COPY, DIGEST.digest())


@only_moto
def test_the_latest_copy_is_the_one_written_last(archive: Archive, s3: StrictS3) -> None:
    """It need not have the highest `modified`: the portal may have been restored."""
    s3.put(snapshot(1, 1), f"notebooks/{ITEM}/item.json")
    assert archive.list_one_notebook(ITEM).content_notes == ContentNotes()
    later = CopyId.from_content(COPY.modified + 1, DIGEST.digest())
    for day, copy in enumerate((later, COPY), 1):
        fill_at(
            s3, f"notebooks/{ITEM}/current/{copy}.ipynb", datetime(2026, 11, day, tzinfo=UTC).replace(tzinfo=None)
        )  # as moto has them
    for _ in range(2):
        archive.put_content_note(ITEM, SeenNote(later), RUN)
    held = archive.list_one_notebook(ITEM)
    last, seen = held.content_notes.find_latest(CopyId), held.content_notes.find_by_modified(later.modified)
    assert last
    assert last[1] == COPY
    assert seen
    assert (seen[1], type(seen[1])) == (later, SeenNote)
    assert (len(held.sizes), held.item_written is None) == (1, False)
    assert list(archive.list_notebooks(Deadline(60))) == [held]
    assert s3.contents()[f"notebooks/{ITEM}/current/{later}.seen"].versions == 1


def test_a_seen_note_alone_is_not_a_copy(archive: Archive) -> None:
    archive.put_content_note(ITEM, SeenNote(COPY), RUN)
    notes = archive.list_one_notebook(ITEM).content_notes
    assert notes.find_latest(CopyId) is None
    assert notes.find_by_modified(COPY.modified)


def test_latest_copy_and_captured_note_are_always_kept() -> None:
    captured, *seen = (CopyId.from_content(number, DIGEST.digest()) for number in range(2 * MAX_NOTES))
    day = datetime(2026, 11, 1, tzinfo=UTC)
    notes: list[tuple[datetime, CopyId]] = [(day, CapturedNote(captured)), (day, COPY)]
    notes += [(day + timedelta(hours=number), SeenNote(copy)) for number, copy in enumerate(seen, 1)]
    kept = ContentNotes.keep_latest(notes[::-1])
    assert len(kept.notes) == MAX_NOTES + 2
    assert kept.find_latest(CopyId) == (day, COPY)
    assert kept.find_latest(CapturedNote) == (day, captured)
    assert kept.find_by_modified(seen[-1].modified) == notes[-1]
    assert kept.find_by_modified(seen[0].modified) is None, "the oldest are dropped"
