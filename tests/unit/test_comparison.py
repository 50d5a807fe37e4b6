"""Test that notebooks are compared by what their JSON means, and not by how it is written."""

import pytest

from notebook_archive.notebook import has_same_cells, is_same_notebook


def notebook(cell: str) -> bytes:
    return b'{"cells":[%s],"metadata":{}}' % cell.encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":[true,null]}', '{ "b" : [true, null],\n "a": 1 }'),
        ('{"a":"\u00e9\t"}', '{"a":"\\u00e9\\t"}'),
        ('{"a":[1.0,2e3,-0.0,0.10]}', '{"a":[1,2000,0,0.1]}'),
        ('{"a":NaN}', '{"a":NaN}'),
        ('{"a":"\\ud800"}', '{"a":"\\uD800"}'),
    ],
)
def test_other_notation_is_the_same(one: str, other: str) -> None:
    assert is_same_notebook(notebook(one), notebook(other))
    assert has_same_cells(notebook(one), notebook(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "true"),
        ('{"a":[0]}', '{"a":[false]}'),
        ("1.0", "true"),
        ("0", "null"),
        ('"1"', "1"),
        ("1", "1.5"),
        ("[1,2]", "[2,1]"),
        ("{}", "[]"),
        ("12345678901234567890", "12345678901234567891"),
        ('{"a":1}', '{"a":1,"b":null}'),
    ],
)
def test_other_value_or_type_is_different(one: str, other: str) -> None:
    assert not is_same_notebook(notebook(one), notebook(other))
    assert not has_same_cells(notebook(one), notebook(other))


def test_metadata_counts_only_for_whole_notebooks() -> None:
    one, other = b'{"cells":[],"metadata":{"a":1}}', b'{"cells":[],"metadata":{"a":2}}'
    assert has_same_cells(one, other)
    assert not is_same_notebook(one, other)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"cells":' + b"[" * 200_000 + b"]" * 200_000 + b"}"])
def test_body_without_cells_is_never_the_same(body: bytes) -> None:
    assert not has_same_cells(body, body)
