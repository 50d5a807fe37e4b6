"""Test that texts are cut and cleaned without breaking characters that consist of several code points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_archive.models import truncate
from notebook_archive.models.graphemes import cut_text, find_boundary, replace_invisible

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
CHARACTERS = [
    "a", "\u6c34", "\U0001f4a7", "e\u0301", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", FAMILY, ENGLAND, "7\ufe0f\u20e3",
    "\U0001f1ec\U0001f1e7", "\r\n", "\u1112\u1161\u11ab", "\u0915\u093f", "\U0001f3f3\ufe0f\u200d\U0001f308",
]  # fmt: skip


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("before", ["", "ab", "\U0001f1eb\U0001f1f7"])
def test_character_is_whole_or_left_out(character: str, before: str) -> None:
    text = f"{before}{character}z"
    for length in range(len(before), len(text)):
        kept = cut_text(text, length)
        whole = length >= len(before) + len(character)
        assert kept == before + character * whole


def test_flags_are_divided_after_pairs_of_letters() -> None:
    flags = "\U0001f1ec\U0001f1e7" * 50
    assert [len(cut_text(flags, length)) for length in (9, 10, 11)] == [8, 10, 10]


def test_text_of_joiners_is_cut_all_the_same() -> None:
    assert len(cut_text("e" + "\u0301" * 1_000, 500)) == 500


def test_truncated_title_ends_with_a_whole_emoji() -> None:
    assert truncate(f"Rain {FAMILY} and more", 10) == "Rain ..."
    assert truncate("Flood model", 8) == "Flood..."


@given(st.text(st.sampled_from("".join(CHARACTERS))), st.integers(0, 30))
def test_cut_text_is_a_beginning_of_the_text(text: str, length: int) -> None:
    kept = cut_text(text, length)
    assert text.startswith(kept)
    assert len(kept) <= length
    assert 0 <= find_boundary(text, min(length, len(text))) <= length


@pytest.mark.parametrize(("text", "shown"), [
    (f"{FAMILY} {ENGLAND}", f"{FAMILY} {ENGLAND}"),
    ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
    ("a\u200db \u200d\u202e\u200b\ufeff", "a_b ____"),
    ("\U000e0041\U000e0042", "__"),
    ("a\nb\tc\x00\x1b", "a\nb_c__"),
    ("\U0001f3f4" + "\U000e0067" * 9 + "\U000e007f", "\U0001f3f4" + "_" * 10),
])  # fmt: skip
def test_only_code_points_that_hide_something_are_replaced(text: str, shown: str) -> None:
    assert replace_invisible(text, "_", kept="\n") == shown
