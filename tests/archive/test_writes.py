"""An answer of S3 counts only if it is S3's own: a write if the checksum is confirmed, whatever is written."""

import hashlib
from collections.abc import Callable

import pytest

from notebook_archive.archive import Archive, CopyId, RunId
from notebook_archive.errors import ArchiveDenied, ArchiveUnavailable
from notebook_archive.models import ItemId, ResourceKey
from tests.strict_s3 import Fault, StrictS3, contents

ITEM = ItemId("1" * 32)
BODY = b'{"cells":[],"nbformat":4}'
DIGEST = hashlib.sha256(BODY)
METADATA = {"sha256": DIGEST.hexdigest(), "run-id": "2026-11-28/one"}
RUN = RunId("2026-11-28/one")
KEY = ResourceKey(f"snapshot-{'2' * 32}.json")
COPY = CopyId.of(1_735_725_600_000, DIGEST.digest())

WRITES: dict[str, Callable[[Archive], object]] = {
    "snapshot": lambda archive: archive.put_snapshot(ITEM, KEY, BODY, DIGEST.digest(), METADATA, {}),
    "copy": lambda archive: archive.put_copy(ITEM, COPY, BODY, DIGEST.digest(), METADATA, {}),
    "item": lambda archive: archive.put_item(ITEM, {"title": "Flüsse"}),
    "report": lambda archive: archive.put_document(RUN.key("report.json"), {"status": "complete"}),
    "outcomes": lambda archive: archive.put_new(RUN.key("outcomes/000001.json"), {"outcomes": []}),
    "plan": lambda archive: archive.put_new_lines(RUN.key("plan.jsonl"), [{"number": 1}, {"number": 2}]),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@each_write
def test_a_confirmed_write_costs_one_call(archive: Archive, s3: StrictS3, write: Callable[[Archive], object]) -> None:
    write(archive)
    assert s3.counts() == {"PutObject": 1}
    [stored] = contents().values()
    assert stored.checksum


@each_write
@pytest.mark.parametrize("kind", ["page", "empty"])
def test_another_answer_with_200_is_not_a_write(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object], kind: str
) -> None:
    s3.faults = [Fault("PutObject", kind)]
    with pytest.raises(ArchiveUnavailable, match="does not confirm"):
        write(archive)
    assert contents() == {}
    write(archive)
    assert len(contents()) == 1


@each_write
def test_a_head_checks_an_answer_without_a_checksum(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object]
) -> None:
    s3.faults = [Fault("PutObject", "no-checksum")]
    write(archive)
    assert s3.counts() == {"PutObject": 1, "HeadObject": 1}
    assert len(contents()) == 1


def test_other_bytes_under_the_key_are_not_the_write(archive: Archive, s3: StrictS3) -> None:
    archive.put_item(ITEM, {"title": "Rivers"})
    before = contents()
    s3.faults = [Fault("PutObject", "page")]
    with pytest.raises(ArchiveUnavailable, match="does not confirm"):
        archive.put_item(ITEM, {"title": "Lakes"})
    assert contents() == before


@each_write
@pytest.mark.parametrize(("kind", "error"), [("403-", ArchiveDenied), ("500-", ArchiveUnavailable)])
def test_a_head_that_fails_is_named(
    archive: Archive, s3: StrictS3, write: Callable[[Archive], object], kind: str, error: type[Exception]
) -> None:
    s3.faults = [Fault("PutObject", "no-checksum"), Fault("HeadObject", kind, times=None)]
    with pytest.raises(error):
        write(archive)


READS: dict[str, tuple[str, Callable[[Archive], object]]] = {
    "listing": ("ListObjectsV2", lambda archive: archive.list_keys("notebooks/")),
    "holding": ("ListObjectsV2", lambda archive: archive.holding(ITEM)),
    "document": ("GetObject", lambda archive: archive.get(RUN.key("plan.jsonl"))),
    "mark": ("HeadObject", lambda archive: archive.has_mark(ITEM, COPY)),
    "digest": ("HeadObject", lambda archive: archive.digest(ITEM, KEY)),
}


@pytest.mark.parametrize("kind", ["page", "empty"])
@pytest.mark.parametrize("read", READS)
def test_a_200_of_something_else_is_not_an_answer(archive: Archive, s3: StrictS3, read: str, kind: str) -> None:
    """Else the archive looks empty, or as if it held what it has not."""
    operation, call = READS[read]
    s3.faults = [Fault(operation, kind)]
    with pytest.raises(ArchiveUnavailable, match="not S3's own"):
        call(archive)
    call(archive)
