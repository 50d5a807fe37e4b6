"""Test that staging keeps the received bytes, in memory if they are few, and refuses an error message."""

import hashlib
import json
from collections.abc import Iterator

import pytest

from notebook_archive.backup.staging import IN_MEMORY_BYTES, stage
from notebook_archive.errors import (
    NotANotebook,
    NotebookArchiveError,
    PermissionDenied,
    TokenRejected,
    UnexpectedAnswer,
)

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'


def test_staged_bytes_size_and_digest_match_the_body() -> None:
    staged = stage([NOTEBOOK[:10], NOTEBOOK[10:]], "It")
    with staged.file as file:
        assert file.tell() == 0
        assert file.read() == NOTEBOOK
    assert (staged.size, staged.digest) == (len(NOTEBOOK), hashlib.sha256(NOTEBOOK).digest())


@pytest.mark.parametrize(
    ("size", "on_disk"), [(1_000, False), (IN_MEMORY_BYTES - 1_000, False), (IN_MEMORY_BYTES + 1, True)]
)
def test_only_a_large_body_is_written_to_disk(size: int, *, on_disk: bool) -> None:
    body = NOTEBOOK.replace(b"[]", json.dumps([{"source": "x" * size}]).encode())
    staged = stage((body[i : i + 262_144] for i in range(0, len(body), 262_144)), "It")
    with staged.file as file:
        assert vars(file)["_rolled"] is on_disk
        assert file.read() == body


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NotANotebook),
        (b"{}", NotANotebook),
        (NOTEBOOK[:-3], NotANotebook),
        (b"<!DOCTYPE html><html>", UnexpectedAnswer),
        (b'{"error":{"code":498,"message":"Invalid token."}}', TokenRejected),
        (b'{"error":{"code":498,"message":"Invalid token."},"cells":[],"nbformat":4}', TokenRejected),
        (b'{"status":"error","messages":["Not yours"],"code":403}', PermissionDenied),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_body_that_is_not_a_notebook_raises_its_error(
    body: bytes, error: type[NotebookArchiveError], size: int
) -> None:
    with pytest.raises(error, match=r"^It") as refused:
        stage((body[i : i + size] for i in range(0, len(body), size)), "It")
    assert "Invalid token" not in str(refused.value), "the error does not repeat the response's text"


def test_a_refused_body_is_not_read_to_its_end() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"not a notebook " * 1000

    with pytest.raises(NotANotebook):
        stage(endless(), "It")
    assert read * 15_000 < 2_000_000
