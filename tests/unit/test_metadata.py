"""Test that metadata and tags are within S3's limits for any text, and that metadata decodes to the same text."""

import re
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_archive.archive.metadata import CUT, encode_metadata, encode_tags
from notebook_archive.clock import format_moment

quick = settings(max_examples=30, derandomize=True, database=None)
FREE = ("title", "owner", "snapshot-name", "kernel", "runtime", "runtime-version", "source-host", "route")
FIXED = {
    "item-id": "a" * 32,
    "resource-key": f"snapshot-{'b' * 32}.json",
    "snapshot-created": "2026-11-22T05:00:00.000Z",
    "run-id": "2026-11-22/" + "r" * 80,
    "sha256": "c" * 64,
    "nbformat": "4.5",
    "cells": "1234",
}
any_text = st.text(st.characters(), max_size=1500) | st.text(st.characters(codec="ascii"), max_size=1500)
control = re.compile(r"[\x00-\x1f\x7f]")


def size(metadata: dict[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())


@quick
@given(st.fixed_dictionaries(dict.fromkeys(FREE, any_text)))
def test_metadata_is_ascii_and_fits_for_any_text(texts: dict[str, str]) -> None:
    made = encode_metadata({**FIXED, **texts})
    assert size(made) <= 2048
    for name, value in made.items():
        assert name.isascii()
        assert value.isascii()
        assert value.isprintable(), "a header value must not contain control characters"
        assert value == value.strip()
        assert value, "empty values are left out"
    assert {name: made[name] for name in FIXED} == FIXED, "ids and digests are never cut"


@quick
@given(any_text)
def test_value_decodes_to_the_same_text_or_is_marked_as_cut(text: str) -> None:
    value = encode_metadata({"title": text}).get("title", "")
    readable = control.sub(" ", text).strip().encode(errors="replace").decode()
    if value.endswith(CUT) and unquote(value) != readable:
        assert readable.startswith(unquote(value.removesuffix(CUT), errors="strict"))
    else:
        assert unquote(value, errors="strict") == readable


def test_long_value_is_cut_between_two_characters() -> None:
    value = encode_metadata({"title": "😀" * 500})["title"]
    assert len(value) > 580
    assert unquote(value.removesuffix("..."), errors="strict") == "😀" * (len(value) // 12)


def test_the_percent_sign_is_encoded() -> None:
    assert encode_metadata({"title": "50%20off"})["title"] == "50%2520off"


def test_longest_value_is_cut_first() -> None:
    made = encode_metadata(dict.fromkeys(FREE, "x" * 600) | {"owner": "ana"})
    assert made["owner"] == "ana"


@quick
@given(st.dictionaries(st.sampled_from(["owner", "runtime", "kind", "schema"]), any_text))
def test_tags_have_allowed_characters_for_any_text(texts: dict[str, str]) -> None:
    encoded = encode_tags(texts)
    assert encoded.isascii()
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded), errors="strict"):
        assert name in texts
        assert 0 < len(value) <= 256
        assert all(c in " _.:/=+-@" or c.isalnum() for c in value)


def test_tags_keep_names_except_forbidden_characters() -> None:
    assert dict(parse_qsl(encode_tags({"owner": "ana@example.com", "runtime": "ArcGIS Notebook Python 3 (9.0)"}))) == {
        "owner": "ana@example.com",
        "runtime": "ArcGIS Notebook Python 3 _9.0_",
    }


def test_apostrophes_do_not_break_the_tagging_header() -> None:
    assert encode_tags({"owner": "o'neil & co"}) == "owner=o_neil%20_%20co"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, ""),
        (1_735_725_600_123, "2025-01-01T10:00:00.123Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (10**18, ""),
        (-(10**18), ""),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_epoch_milliseconds_become_iso_8601_or_empty(milliseconds: int, text: str) -> None:
    assert format_moment(milliseconds) == text
