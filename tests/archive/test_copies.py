"""Copies of a notebook's content: stored as snapshots are, and told apart by time and checksum."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, CaptureMark, CopyId, Present, RunId, Sighting, Stored
from notebook_archive.archive.listing import MAX_NOTES
from notebook_archive.errors import ArchiveConflict, ArchiveDenied
from notebook_archive.models import ItemId
from tests.archive.test_holdings import fill, snapshot
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3, contents

ITEM = ItemId(f"{1:032x}")
RUN = RunId("2026-11-22/one")
BODY = b'{"cells":[],"nbformat":4}'
DIGEST = hashlib.sha256(BODY)
COPY = CopyId.of(1_735_725_600_000, DIGEST.digest())
PATH = f"notebooks/{ITEM}/current/1735725600000-{DIGEST.hexdigest()[:12]}.ipynb"


def put(archive: Archive, body: bytes = BODY, run: str = RUN, copy: CopyId = COPY) -> Stored:
    digest = hashlib.sha256(body)
    metadata = {"run-id": run, "sha256": digest.hexdigest()}
    return archive.put_copy(ITEM, copy, body, digest.digest(), metadata, {"owner": "ana"})


def written(key: str, moment: datetime) -> None:
    """Put an object there as if at that moment."""
    fill(key)
    s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[key].last_modified = moment


def test_a_copy_is_stored_once(archive: Archive, s3: StrictS3) -> None:
    assert put(archive) == Stored("archived", PATH, RUN)
    assert contents()[PATH].tags == {"owner": "ana", "kind": "current", "schema": "1"}
    assert put(archive, run="2026-11-23/two") == Stored("unchanged", PATH, RUN)
    assert (contents()[PATH].body, contents()[PATH].versions) == (BODY, 1)
    assert s3.counts() == {"PutObject": 2, "HeadObject": 1}


def test_another_copy_under_the_same_key_is_a_conflict(archive: Archive) -> None:
    put(archive)
    with pytest.raises(ArchiveConflict, match=PATH):
        put(archive, BODY + b" ")
    assert contents()[PATH].body == BODY


def test_the_whole_checksum_says_whether_a_copy_is_the_content(archive: Archive, s3: StrictS3) -> None:
    put(archive)
    assert archive.has_copy(ITEM, COPY, DIGEST.digest())
    assert not archive.has_copy(ITEM, COPY, DIGEST.digest()[:6] + bytes(26)), "the digits of the key alone do not"
    assert not archive.has_copy(ITEM, CopyId.of(1, DIGEST.digest()), DIGEST.digest())
    s3.faults = [Fault("HeadObject", "403-AccessDenied", times=None)]
    with pytest.raises(ArchiveDenied):
        archive.has_copy(ITEM, COPY, DIGEST.digest())


def test_a_holding_has_the_copy_that_was_written_last(archive: Archive) -> None:
    """Not the one with the highest time: the portal may have been restored."""
    fill(snapshot(1, 1), f"notebooks/{ITEM}/item.json")
    assert archive.holding(ITEM).present == Present()
    later = CopyId.of(COPY.modified + 1, DIGEST.digest())
    for day, copy in enumerate((later, COPY), 1):
        written(
            f"notebooks/{ITEM}/current/{copy}.ipynb", datetime(2026, 11, day, tzinfo=UTC).replace(tzinfo=None)
        )  # as moto has them
    for _ in range(2):
        archive.put_note(ITEM, Sighting(later), RUN)
    held = archive.holding(ITEM)
    last, seen = held.present.latest(CopyId), held.present.at(later.modified)
    assert last
    assert last[1] == COPY
    assert seen
    assert (seen[1], type(seen[1])) == (later, Sighting)
    assert (len(held.snapshots), held.item_written is None) == (1, False)
    assert list(archive.holdings()) == [held]
    assert contents()[f"notebooks/{ITEM}/current/{later}.seen"].versions == 1


def test_a_sighting_alone_is_no_copy(archive: Archive) -> None:
    archive.put_note(ITEM, Sighting(COPY), RUN)
    present = archive.holding(ITEM).present
    assert present.latest(CopyId) is None
    assert present.at(COPY.modified)


def test_the_last_copy_and_the_last_mark_are_kept_however_much_was_noted_since() -> None:
    marked, *noted = (CopyId.of(number, DIGEST.digest()) for number in range(2 * MAX_NOTES))
    day = datetime(2026, 11, 1, tzinfo=UTC)
    notes: list[tuple[datetime, CopyId]] = [(day, CaptureMark(marked)), (day, COPY)]
    notes += [(day + timedelta(hours=number), Sighting(note)) for number, note in enumerate(noted, 1)]
    present = Present.of(notes[::-1])
    assert len(present.notes) == MAX_NOTES + 2
    assert present.latest(CopyId) == (day, COPY)
    assert present.latest(CaptureMark) == (day, marked)
    assert present.at(noted[-1].modified) == notes[-1]
    assert present.at(noted[0].modified) is None, "that one was dropped"
