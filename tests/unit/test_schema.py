"""Test that a notebook is valid exactly if the nbformat schema of its version says so."""

import copy
import json
from typing import Any

import pytest

from notebook_archive.notebook.schema import MAX_BYTES, is_valid

CODE = {"cell_type": "code", "metadata": {}, "source": ["a\n", "b"], "outputs": [], "execution_count": 3}
OUTPUTS: list[dict[str, Any]] = [
    {"output_type": "stream", "name": "stdout", "text": ["a"]},
    {"output_type": "display_data", "data": {"text/plain": "x", "application/json": {"a": [1]}}, "metadata": {"b": 1}},
    {"output_type": "execute_result", "data": {"text/html": ["x"]}, "metadata": {}, "execution_count": None},
    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
]
TEXTS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "metadata": {"tags": ["a", "b"], "name": "n"}, "source": "text"},
    {"cell_type": "raw", "metadata": {"format": "text/x"}, "source": ""},
]


def notebook(minor: int = 2) -> dict[str, Any]:
    cells = [{**copy.deepcopy(CODE), "outputs": copy.deepcopy(OUTPUTS)}, *copy.deepcopy(TEXTS)]
    if minor >= 5:
        cells = [{**cell, "id": f"id-{number}"} for number, cell in enumerate(cells)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}, "esriNotebookRuntime": {"any": "thing"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}


def check(document: dict[str, Any]) -> bool | None:
    return is_valid(json.dumps(document).encode())


@pytest.mark.parametrize("minor", range(6))
def test_notebook_of_each_version_is_valid(minor: int) -> None:
    assert check(notebook(minor)) is True


def test_ids_of_cells_are_required_since_4_5_and_not_allowed_before() -> None:
    with_ids, without = notebook(5), notebook(4)
    assert check({**with_ids, "nbformat_minor": 4}) is False
    assert check({**without, "nbformat_minor": 5}) is False


def test_attachments_are_allowed_since_4_1() -> None:
    document = notebook(1)
    document["cells"][1]["attachments"] = {"a.png": {"image/png": "x"}}
    assert check(document) is True
    assert check({**document, "nbformat_minor": 0}) is False
    document["cells"][1]["attachments"] = {"a.png": {"image/png": 1}}
    assert check(document) is False


@pytest.mark.parametrize(
    ("minor", "name", "value"),
    [(2, "title", 1), (2, "authors", "ana"), (0, "kernelspec", {"name": "x"}), (0, "orig_nbformat", 0)],
)
def test_wrong_metadata_is_invalid_since_its_version(minor: int, name: str, value: object) -> None:
    document = notebook(minor)
    document["metadata"][name] = value
    assert check(document) is False
    if minor:
        assert check({**document, "nbformat_minor": minor - 1}) is True


@pytest.mark.parametrize(("minor", "name", "value"), [(3, "jupyter", 1), (4, "execution", {"a": 1})])
def test_wrong_cell_metadata_is_invalid_since_its_version(minor: int, name: str, value: object) -> None:
    document = notebook(minor)
    document["cells"][0]["metadata"][name] = value
    assert check(document) is False
    assert check({**document, "nbformat_minor": minor - 1}) is True


@pytest.mark.parametrize(
    "change",
    [
        {"source": 1},
        {"source": [1]},
        {"cell_type": "other"},
        {"execution_count": -1},
        {"extra": 1},
        {"metadata": []},
        {"metadata": {"collapsed": 1}},
        {"metadata": {"scrolled": "yes"}},
        {"metadata": {"tags": ["a", "a"]}},
        {"metadata": {"tags": ["a,b"]}},
        {"metadata": {"name": ""}},
        {"outputs": [{"output_type": "stream", "name": "x"}]},
        {"outputs": [{"output_type": "other"}]},
        {"outputs": [{**OUTPUTS[1], "data": {"text/plain": 1}}]},
        {"outputs": [{**OUTPUTS[2], "extra": 1}]},
    ],
)
def test_changed_cell_is_invalid(change: dict[str, Any]) -> None:
    document = notebook()
    document["cells"][0] |= change
    assert check(document) is False


@pytest.mark.parametrize("name", ["metadata", "nbformat_minor", "cells"])
def test_missing_member_is_invalid(name: str) -> None:
    document = notebook()
    del document[name]
    assert check(document) is False


def test_what_is_not_checked_is_unknown() -> None:
    assert check({**notebook(), "nbformat": 3}) is None
    assert check({**notebook(5), "nbformat_minor": 6}) is None
    assert is_valid(b'{"cells":[],"metadata":{"a":NaN},"nbformat":4,"nbformat_minor":2}') is None
    assert is_valid(json.dumps(notebook()).encode() + b" " * MAX_BYTES) is None
