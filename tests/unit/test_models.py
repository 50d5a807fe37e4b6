"""Test that the models parse what ArcGIS sends, in the form of the notebook server and in that of the portal."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_archive.errors import NotAnId, UnexpectedAnswer
from notebook_archive.models import (
    DIGEST_LENGTH,
    ItemId,
    NotebookItem,
    ResourceKey,
    Snapshot,
    SnapshotListing,
    format_size,
    join_digests,
    parse_epoch_milliseconds,
    parse_number,
)

ITEM = "0123456789abcdef" * 2
KEY = f"snapshot-{ITEM}.json"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def test_both_listings_give_the_same_snapshot() -> None:
    properties = {"name": "Before", "description": ""}
    listed = {"resourceKey": KEY, "created": "1735725600000", "properties": properties}
    resource = {"resource": KEY, "created": 1735725600000, "size": 17, "properties": properties}
    assert SnapshotListing.from_entries([listed]).snapshots == (Snapshot(ResourceKey(KEY), "Before", 1735725600000),)
    assert SnapshotListing.from_entries([resource]).snapshots == (
        Snapshot(ResourceKey(KEY), "Before", 1735725600000, 17),
    )


def test_snapshot_listed_twice_is_returned_once() -> None:
    assert len(SnapshotListing.from_entries([{"resourceKey": KEY}, {"resourceKey": KEY}]).snapshots) == 1


@pytest.mark.parametrize("entry", [{"resource": "notebook_preview.json"}, {"resource": f"../{KEY}"}])
def test_other_resources_are_skipped(entry: dict[str, Any]) -> None:
    assert SnapshotListing.from_entries([entry], 1) == SnapshotListing((), ())


@pytest.mark.parametrize("entry", [{}, None, 5, {"resourceKey": None}, {"resourceKey": f"../{KEY}"}])
def test_a_snapshot_under_an_undocumented_key_is_reported(entry: Any) -> None:
    listing = SnapshotListing.from_entries([entry, {"resource": KEY}])
    assert len(listing.snapshots) == len(listing.undocumented_keys) == 1


@settings(max_examples=200, derandomize=True, database=None)
@given(st.fixed_dictionaries({}, optional={"created": anything, "size": anything, "properties": anything}))
def test_snapshot_is_parsed_from_an_entry_with_any_values(beside: dict[str, Any]) -> None:
    snapshot = Snapshot.from_entry(ResourceKey(KEY), beside)
    assert isinstance(snapshot.name, str)
    assert isinstance(snapshot.created, int)
    assert snapshot.size is None or snapshot.size >= 0


def test_properties_leave_out_view_counts() -> None:
    sent = {"id": ITEM, "owner": "ana", "title": "Rivers", "modified": 5, "numViews": 9, "tags": ["x"], "size": 3}
    item = NotebookItem.from_portal(sent)
    assert item.properties == {"id": ITEM, "owner": "ana", "title": "Rivers", "modified": 5, "tags": ["x"]}
    assert (item.item_id, item.owner, item.title, item.modified) == (ITEM, "ana", "Rivers", 5)


@pytest.mark.parametrize(
    "item", [{}, {"id": ITEM}, {"id": ITEM, "owner": ""}, {"owner": "ana"}, {"id": 5, "owner": "ana"}]
)
def test_item_without_id_or_owner_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        NotebookItem.from_portal(item)


def test_malformed_item_id_from_the_portal_is_refused() -> None:
    with pytest.raises(NotAnId):
        NotebookItem.from_portal({"id": "../users", "owner": "ana"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1735725600000, 1735725600000), ("1735725600000", 1735725600000), (1.5, 1), (None, 0), ("", 0), ("soon", 0),
        (True, 0), (float("nan"), 0), (float("inf"), 0), (10**400, 0),
        ("1735725600000.5", 1735725600000), ("9" * 19, 0), ([], 0), ("-5", -5), ("²", 0),
    ],
)  # fmt: skip
def test_epoch_milliseconds_are_parsed_or_zero(value: object, expected: int) -> None:
    assert parse_epoch_milliseconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.0, 3), ("3", 3), ("3.0", 3), (-1, -1), ("-1", -1), (True, None), (None, None), ("three", None),
     ("", None), ("1e3", None), (float("nan"), None), (float("-inf"), None), (10**18, None), ("9" * 5000, None),
     ("\u0665", None), ([3], None), ({}, None)],
)  # fmt: skip
def test_number_may_be_a_string(value: object, expected: int | None) -> None:
    assert parse_number(value) == expected


OTHER = f"snapshot-{'f' * 32}.json"


@pytest.mark.parametrize("total", [3, "3", 3.0, "3.0"])
def test_duplicate_entry_is_not_counted_toward_the_total(total: object) -> None:
    listing = SnapshotListing.from_entries([{"resourceKey": KEY}, {"resourceKey": OTHER}, {"resourceKey": KEY}], total)
    assert (len(listing.snapshots), listing.missing_count) == (2, 1)
    assert (listing.is_doubtful, listing.is_uncounted) == (True, False)


@pytest.mark.parametrize("total", [None, "", "many", True, -1, [], {}, float("nan"), 0, 1])
def test_a_listing_without_a_usable_total_is_uncounted(total: object) -> None:
    listing = SnapshotListing.from_entries([{"resourceKey": KEY}, {"resourceKey": OTHER}], total)
    assert (len(listing.snapshots), listing.missing_count) == (2, 0)
    assert (listing.is_uncounted, listing.is_doubtful) == (True, False)


def test_listing_with_a_usable_total_is_counted() -> None:
    as_text = SnapshotListing.from_entries([{"resourceKey": KEY}, {"resourceKey": OTHER}], "2")
    assert as_text == SnapshotListing.from_entries([{"resource": KEY}, {"resource": OTHER}], 2)
    assert not as_text.is_uncounted
    assert not SnapshotListing.from_entries([{"resourceKey": KEY}], 1).is_uncounted


@pytest.mark.parametrize(("size", "expected"), [(17, 17), ("17", 17), (17.0, 17), (True, None), (-1, None)])
def test_size_may_be_a_string(size: object, expected: int | None) -> None:
    assert Snapshot.from_entry(ResourceKey(KEY), {"size": size}).size == expected


@pytest.mark.parametrize("owner", ["ana\udfff", "x" * 1001])
def test_owner_name_unfit_for_a_secret_name_is_refused(owner: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="owner is"):
        NotebookItem.from_portal({"id": ITEM, "owner": owner})


def test_item_title_and_properties_can_be_encoded() -> None:
    deep: object = []
    for _ in range(5000):
        deep = [deep]
    sent = {"id": ITEM, "owner": "ana", "title": "Rivers \ud800", "deep": deep, "tags": [["x"]]}
    item = NotebookItem.from_portal(sent)
    assert item.title == "Rivers ?"
    assert item.properties.keys() == {"id", "owner", "title", "tags"}


def test_digests_have_one_length_and_are_distinct() -> None:
    keys = [ResourceKey(f"snapshot-{number:032x}.json") for number in range(2000)]
    assert len({key.key_digest for key in keys}) == len(keys)
    assert {len(key.key_digest) for key in keys} == {DIGEST_LENGTH}
    joined = join_digests(keys[:3])
    assert [joined[i : i + DIGEST_LENGTH] for i in range(0, len(joined), DIGEST_LENGTH)] == [
        k.key_digest for k in keys[:3]
    ]


def test_an_id_formats_as_plain_text() -> None:
    assert f"{ItemId.parse(ITEM)}" == ITEM


@pytest.mark.parametrize(
    ("length", "title"), [(500, "é" * 500), (501, "é" * 497 + "..."), (300_000, "é" * 497 + "...")]
)
def test_long_title_is_cut_except_in_the_properties(length: int, title: str) -> None:
    item = NotebookItem.from_portal({"id": ITEM, "owner": "ana", "title": "é" * length})
    assert item.title == title
    assert item.properties["title"] == "é" * length


def test_too_long_owner_name_is_refused() -> None:
    assert NotebookItem.from_portal({"id": ITEM, "owner": "x" * 256}).owner == "x" * 256
    with pytest.raises(UnexpectedAnswer, match=f"item {ITEM}'s owner is too long .257 characters"):
        NotebookItem.from_portal({"id": ITEM, "owner": "x" * 257})


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (48_213, "48 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (41_900_000, "41.9 MB"),
        (999_950_000, "1.0 GB"),
    ],
)
def test_size_is_formatted_with_its_unit(number: int, words: str) -> None:
    assert format_size(number) == words
