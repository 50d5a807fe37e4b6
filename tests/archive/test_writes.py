"""Test that only responses from S3 itself are accepted, and writes only if S3 confirms the checksum."""

import hashlib
from collections.abc import Callable

import pytest

from notebook_archive.archive import Archive, ArchiveReader, CopyId, RunId, spool_lines
from notebook_archive.errors import ArchiveDenied, ArchiveUnavailable
from notebook_archive.models import ItemId, ResourceKey
from tests.strict_s3 import ACCOUNT, BUCKET, Fault, StrictS3

ITEM = ItemId("1" * 32)
BODY = b'{"cells":[],"nbformat":4}'
DIGEST = hashlib.sha256(BODY)
METADATA = {"sha256": DIGEST.hexdigest(), "run-id": "2026-11-28/one"}
RUN = RunId("2026-11-28/one")
KEY = ResourceKey(f"snapshot-{'2' * 32}.json")
COPY = CopyId.from_content(1_735_725_600_000, DIGEST.digest())


def put_lines(archive: Archive, key: str, lines: list[dict[str, int]]) -> bool:
    """Write JSON Lines once. Return whether they were written."""
    with spool_lines(lines) as spooled:
        return archive.put_lines_once(key, spooled)


WRITES: dict[str, Callable[[Archive], object]] = {
    "snapshot": lambda archive: archive.put_snapshot(ITEM, KEY, BODY, DIGEST.digest(), METADATA, {}),
    "copy": lambda archive: archive.put_copy(ITEM, COPY, BODY, DIGEST.digest(), METADATA, {}),
    "item": lambda archive: archive.put_item_properties(ITEM, {"title": "Flüsse"}),
    "report": lambda archive: archive.put_document(RUN.key("report.json"), {"status": "complete"}),
    "outcomes": lambda archive: archive.put_document_once(RUN.key("outcomes/000001.json"), {"outcomes": []}),
    "plan": lambda archive: put_lines(archive, RUN.key("plan.jsonl"), [{"number": 1}, {"number": 2}]),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@each_write
def test_a_confirmed_write_costs_one_call(archive: Archive, s3: StrictS3, write: Callable[[Archive], object]) -> None:
    write(archive)
    assert s3.counts() == {"PutObject": 1}
    [stored] = s3.contents().values()
    assert stored.checksum


@each_write
@pytest.mark.parametrize("kind", ["page", "empty"])
def test_a_proxys_200_is_not_a_write(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object], kind: str
) -> None:
    s3.faults = [Fault("PutObject", kind)]
    with pytest.raises(ArchiveUnavailable, match="does not confirm"):
        write(archive)
    assert s3.contents() == {}
    write(archive)
    assert len(s3.contents()) == 1


@each_write
def test_write_without_checksum_is_verified_by_head_request(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object]
) -> None:
    s3.faults = [Fault("PutObject", "no-checksum")]
    write(archive)
    assert s3.counts() == {"PutObject": 1, "HeadObject": 1}
    assert len(s3.contents()) == 1


def test_an_unconfirmed_write_over_other_bytes_fails(archive: Archive, s3: StrictS3) -> None:
    archive.put_item_properties(ITEM, {"title": "Rivers"})
    before = s3.contents()
    s3.faults = [Fault("PutObject", "page")]
    with pytest.raises(ArchiveUnavailable, match="does not confirm"):
        archive.put_item_properties(ITEM, {"title": "Lakes"})
    assert s3.contents() == before


@each_write
@pytest.mark.parametrize(("kind", "error"), [("403-", ArchiveDenied), ("500-", ArchiveUnavailable)])
def test_a_failed_head_raises_its_own_error(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object], kind: str, error: type[Exception]
) -> None:
    s3.faults = [Fault("PutObject", "no-checksum"), Fault("HeadObject", kind, times=None)]
    with pytest.raises(error):
        write(archive)


READS: dict[str, tuple[str, Callable[[Archive], object]]] = {
    "listing": ("ListObjectsV2", lambda archive: archive.list_keys("notebooks/")),
    "notebook": ("ListObjectsV2", lambda archive: archive.list_one_notebook(ITEM)),
    "document": ("GetObject", lambda archive: archive.read_object(RUN.key("plan.jsonl"))),
    "captured note": ("HeadObject", lambda archive: archive.has_captured_note(ITEM, COPY)),
    "digest": ("HeadObject", lambda archive: archive.read_snapshot_digest(ITEM, KEY)),
}


@pytest.mark.parametrize("kind", ["page", "empty"])
@pytest.mark.parametrize("read", READS)
def test_a_proxys_200_is_not_an_answer_of_s3(archive: Archive, s3: StrictS3, read: str, kind: str) -> None:
    """Otherwise the archive would seem empty, or seem to hold an object that it does not have."""
    operation, call = READS[read]
    s3.faults = [Fault(operation, kind)]
    with pytest.raises(ArchiveUnavailable, match="not from S3"):
        call(archive)
    call(archive)


VERIFIED_READS: dict[str, Callable[[ArchiveReader], object]] = {
    "open": lambda reader: reader.open(ITEM, KEY),
    "verify": lambda reader: reader.verify(ITEM, KEY),
    "owner": lambda reader: reader.read_owner(ITEM),
}


@pytest.mark.parametrize("kind", ["page", "empty"])
@pytest.mark.parametrize("read", VERIFIED_READS)
def test_reader_refuses_an_answer_that_is_not_from_s3(s3: StrictS3, read: str, kind: str) -> None:
    reader = ArchiveReader(s3.client(), BUCKET, ACCOUNT)
    s3.faults = [Fault("GetObject", kind)]
    with pytest.raises(ArchiveUnavailable, match="not from S3"):
        VERIFIED_READS[read](reader)
    assert not VERIFIED_READS[read](reader)
