"""Test that file names are safe on all systems, and that the header of a download contains them."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_archive.models.file_names import MAX_NAME_BYTES, format_attachment, make_download_name, make_safe_name

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HOSTILE = [
    "", ".", "..", "../../etc/passwd", "C:\\Windows", "con", "NUL.txt", "LPT1", "-rf", "~root", " x ", "a\x00b",
    "a\r\nb", "a\u202etxt.exe", 'a"; filename="evil.exe', "a%22b", "x" * 1_000, "\u6c34" * 1_000, "\ud800", FAMILY * 50,
    "a;b", "*?<>|", "\u200b", "a" * 99 + "\u00fc",
]  # fmt: skip


def read_header(header: str) -> str:
    """Return the file name as RFC 6266 asks browsers to read it: the encoded one, if there is one."""
    match = re.fullmatch(r"""attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8''([!-~]+))?""", header)
    assert match
    return unquote(match[2], errors="strict") if match[2] else match[1]


def assert_safe(name: str) -> None:
    assert len(name.encode()) <= 255
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\s*(\.|\Z)", name)
    assert not name.startswith((".", "-", "~", " "))
    assert not name.endswith((".", " "))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("day", ["2026-11-22", ""])
def test_hostile_titles_become_safe_names(text: str, day: str) -> None:
    name = make_download_name(text, day)
    assert_safe(name)
    assert name.endswith(f"{day}.ipynb")
    header = format_attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert read_header(header) == name


@given(st.text())
def test_any_title_becomes_a_safe_name(text: str) -> None:
    assert_safe(make_safe_name(text))
    assert len(make_safe_name(text).encode()) <= MAX_NAME_BYTES
    name = make_download_name(text, "2026-11-22")
    assert read_header(format_attachment(name)) == name


@pytest.mark.parametrize(("title", "header"), [
    ("Flood model", 'attachment; filename="Flood model 2026-11-22.ipynb"'),
    (
        "\u00dcberf",
        "attachment; filename=\"Uberf 2026-11-22.ipynb\"; filename*=UTF-8''%C3%9Cberf%202026-11-22.ipynb",
    ),
    ("100%25", "attachment; filename=\"100_25 2026-11-22.ipynb\"; filename*=UTF-8''100%2525%202026-11-22.ipynb"),
    ("\u6c34", "attachment; filename=\"_ 2026-11-22.ipynb\"; filename*=UTF-8''%E6%B0%B4%202026-11-22.ipynb"),
    ("a'(b)*", "attachment; filename=\"a'(b)_ 2026-11-22.ipynb\""),
])  # fmt: skip
def test_header_has_a_plain_and_an_encoded_name(title: str, header: str) -> None:
    assert format_attachment(make_download_name(title, "2026-11-22")) == header


def test_encoded_name_has_only_characters_of_rfc_8187() -> None:
    encoded = format_attachment("\u00fc !#$&'()*+,-.;=@[]^_`{}~.ipynb").partition("UTF-8''")[2]
    assert re.fullmatch(r"(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+", encoded)
    assert unquote(encoded) == "\u00fc !#$&'()*+,-.;=@[]^_`{}~.ipynb"


def test_emoji_of_a_name_is_whole() -> None:
    assert make_safe_name(f"Rain {FAMILY}") == f"Rain {FAMILY}"
    name = make_safe_name("x" * 95 + FAMILY)
    assert name == "x" * 95
