"""Test that the gate accepts what `json.loads` accepts if it has the form of a notebook, in chunks of any size."""

import base64
import itertools
import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from notebook_archive.errors import NotANotebook
from notebook_archive.notebook import Gate, NotebookFacts
from notebook_archive.notebook import gate as gate_module

WHOLE = 10**9
HEAD, TAIL = b'{"metadata":{},"nbformat":4,"nbformat_minor":5,"cells":[', b"]}"


def gate(body: bytes, size: int = WHOLE) -> NotebookFacts:
    return through(body[start : start + size] for start in range(0, len(body), size))


def through(chunks: Iterable[bytes]) -> NotebookFacts:
    taken = Gate()
    for chunk in chunks:
        taken.feed(chunk)
    return taken.facts()


def passes(body: bytes, size: int = WHOLE) -> bool:
    try:
        gate(body, size)
    except NotANotebook:
        return False
    return True


def is_notebook(body: bytes) -> bool:
    """Return whether the gate should accept the body, according to Python's own parser."""
    try:
        document = json.loads(body.decode("utf-8-sig", "surrogatepass"), strict=False)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(document, dict)
        and isinstance(document.get("nbformat"), int)
        and isinstance(document.get("cells"), list)
        and isinstance(document.get("metadata", {}), dict)
        and document.get("error") is None
    )


def notebook(**changes: Any) -> bytes:
    document = {
        "cells": [{"cell_type": "code", "source": ['print("é")\n', "x = '\\'"], "outputs": []}, {"source": "{[,"}],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "esriNotebookRuntime": {"notebookRuntimeName": "ArcGIS Notebook", "notebookRuntimeVersion": "9.0"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document | changes).encode()


class TestFacts:
    EXPECTED = NotebookFacts("4.5", "python3", "ArcGIS Notebook", "9.0", 2)

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 300, WHOLE])
    def test_facts_do_not_depend_on_the_chunk_size(self, size: int) -> None:
        assert gate(notebook(), size) == self.EXPECTED

    @pytest.mark.parametrize("order", list(itertools.permutations(["cells", "metadata", "nbformat", "nbformat_minor"])))
    def test_facts_do_not_depend_on_the_order_of_members(self, order: tuple[str, ...]) -> None:
        document = json.loads(notebook())
        body = json.dumps({name: document[name] for name in order}, indent=1).encode()
        assert {gate(body, size) for size in (13, 250, WHOLE)} == {self.EXPECTED}

    def test_notebook_without_metadata_has_empty_facts(self) -> None:
        assert gate(b'{"nbformat":4,"cells":[]}') == NotebookFacts("4", "", "", "", 0)

    @pytest.mark.parametrize("size", [20, 500, WHOLE])
    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_names_in_any_script_are_read_with_escapes_and_chunks(self, size: int, *, ascii_only: bool) -> None:
        name = 'Erweitert é "水位" \\ 😀'
        metadata = {"kernelspec": {"name": name}, "esriNotebookRuntime": {"notebookRuntimeName": name}}
        document = json.loads(notebook(metadata=metadata, cells=[{"source": "x" * 50}] * 60))
        facts = gate(json.dumps(document, ensure_ascii=ascii_only).encode(), size)
        assert (facts.kernel, facts.runtime, facts.cells) == (name, name, 60)

    @pytest.mark.parametrize("size", [9, WHOLE])
    @pytest.mark.parametrize(
        "metadata",
        [{"kernelspec": None}, {"kernelspec": "x"}, {"kernelspec": {"name": None}}, {"esriNotebookRuntime": [1]}],
    )
    def test_ill_formed_metadata_is_accepted(self, metadata: dict[str, Any], size: int) -> None:
        facts = gate(notebook(metadata=metadata), size)
        assert (facts.kernel, facts.runtime) == ("", "")

    @pytest.mark.parametrize("cells", [0, 1, 2, 40, 3000])
    @pytest.mark.parametrize("size", [1000, 65_536, 262_144])
    def test_cells_are_counted_across_chunks(self, cells: int, size: int) -> None:
        body = notebook(cells=[{"source": f"line {number}, [{{", "metadata": {}} for number in range(cells)])
        assert gate(body, size).cells == cells


class TestTruncation:
    @pytest.mark.parametrize("size", [5, WHOLE])
    @pytest.mark.parametrize("indent", [None, 1])
    def test_no_prefix_of_a_notebook_is_accepted(self, size: int, indent: int | None) -> None:
        body = json.dumps(json.loads(notebook()), indent=indent).encode()
        assert passes(body, size)
        assert [end for end in range(len(body)) if passes(body[:end], size)] == []

    def test_no_prefix_of_a_large_notebook_is_accepted(self) -> None:
        body = notebook(
            cells=[{"source": f"line {number} " * 20, "outputs": [{"n": [1.5, {}]}]} for number in range(2000)]
        )
        rnd = random.Random(1)
        ends = [*range(len(body) - 250, len(body)), *(rnd.randrange(len(body)) for _ in range(60))]
        assert passes(body, 262_144)
        assert [end for end in ends if passes(body[:end], 262_144)] == []

    @pytest.mark.parametrize("more", [b"x", b"{}", b",", b"]", b"}", b"\x00", b"null", b'"', b"\xc3"])
    def test_text_after_the_notebook_is_refused(self, more: bytes) -> None:
        assert not passes(notebook() + more)
        assert not passes(notebook() + b" \n" + more, 11)

    def test_white_space_after_the_notebook_is_accepted(self) -> None:
        assert passes(notebook() + b" \r\n\t" * 10, 7)


ODDITIES = [
    0, -1.5e300, 1e-7, True, None, False, float("nan"), float("inf"), float("-inf"), "", 'a"b', "\\", '\\"x', "\ud800",
    "é😀", "{[,]}", "}, {", '"}, {"', "x" * 3, "x" * 79, "x" * 80, "x" * 81, "x" * 900, 'y\n"' * 200, "\n\t\x01", "NaN",
    "u" * 79 + "\\", 10**300,
]  # fmt: skip
NOISE = b'{}[]",:\\0eE.-+nNtIu \x80\xff\n'


def _value(rnd: random.Random, depth: int = 0) -> Any:
    kind = rnd.random()
    if depth > 5 or kind < 0.3:
        return rnd.choice(ODDITIES)
    if kind < 0.65:
        return [_value(rnd, depth + 1) for _ in range(rnd.randrange(5))]
    names = ["a", "cells", "error2", "metadata", "}, {", "\\u0041", '"']
    return {rnd.choice(names): _value(rnd, depth + 1) for _ in range(rnd.randrange(5))}


def _body(rnd: random.Random, max_cells: int) -> bytes:
    members = [
        ("cells", [{"x": _value(rnd), "s": _value(rnd)} for _ in range(rnd.randrange(max_cells))]),
        ("metadata", {"kernelspec": {"name": "python3"}, "w": _value(rnd)}),
        ("nbformat", 4),
        ("nbformat_minor", 5),
        ("z", _value(rnd)),
    ]
    rnd.shuffle(members)
    text = json.dumps(dict(members), ensure_ascii=rnd.random() < 0.5, indent=rnd.choice([None, 1, 0]))
    body = text.encode("utf-8", "surrogatepass")
    if rnd.random() < 0.3:
        body = body.replace(b"\\n", b"\n").replace(b"\\u0001", b"\x01")
    return _damaged(rnd, body) if rnd.random() < 0.6 else body


def _damaged(rnd: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rnd.randrange(1, 3)):
        place, kind = rnd.randrange(len(changed)), rnd.random()
        if kind < 0.4:
            changed[place] = rnd.choice(NOISE)
        elif kind < 0.7:
            del changed[place]
        else:
            changed.insert(place, rnd.choice(NOISE))
    return bytes(changed)


class TestAgreesWithJsonLoads:
    """Test that the gate and `json.loads` agree. The test id contains the seed of the random bodies.

    With a low limit for held bytes, the gate also cuts small bodies in the way it cuts large ones.
    """

    @pytest.fixture(autouse=True, params=[400, 1_000_000])
    def held_bytes(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate_module, "_MAX_HELD_BYTES", request.param)

    @pytest.mark.parametrize("seed", range(2))
    def test_gate_agrees_on_small_bodies(self, seed: int) -> None:
        rnd = random.Random(seed)
        taken = refused = 0
        for _ in range(110):
            body, size = _body(rnd, 6), rnd.choice([1, 17, 100, 1000, WHOLE])
            assert passes(body, size) == is_notebook(body), (size, body)
            if is_notebook(body):
                document = json.loads(body.decode("utf-8", "surrogatepass"), strict=False)
                assert gate(body, size).cells == len(document["cells"])
                taken += 1
            else:
                refused += 1
        assert min(taken, refused) > 20, "the bodies include accepted and refused ones"

    @pytest.mark.parametrize("seed", [100])
    def test_gate_agrees_on_bodies_with_many_chunks(self, seed: int) -> None:
        rnd = random.Random(seed)
        for _ in range(8):
            body, size = _body(rnd, 900), rnd.choice([4096, 30_000, 70_000, 262_144])
            assert passes(body, size) == is_notebook(body), (size, len(body))

    @pytest.mark.parametrize("size", [1, WHOLE])
    @pytest.mark.parametrize(
        "body",
        [
            b"", b" ", b"null", b"[]", b"{}", b'"x"', b"4", b"true", b"<html></html>", b"\xff\xfe", b"\xef\xbb\xbf",
            b'{"nbformat":4}', b'{"cells":[]}', b'{"nbformat":"4","cells":[]}', b'{"nbformat":4.0,"cells":[]}',
            b'{"nbformat":4,"cells":{}}', b'{"nbformat":4,"cells":null}', b'{"nbformat":4,"cells":"[]"}',
            b'{"nbformat":null,"cells":[]}', b'{"nbformat":4,"cells":[],}', b'{"nbformat":4,"cells":[,]}',
            b'{"nbformat":4,"cells":[1,]}', b'{"nbformat":4 "cells":[]}', b'{"nbformat":4,"cells":[] ,"a"}',
            b"{'nbformat':4,'cells':[]}", b'{"nbformat":04,"cells":[]}', b'{"nbformat":+4,"cells":[]}',
            b'{"nbformat":4,"cells":[nan]}', b'{"nbformat":4,"cells":[NaN,Infinity,-Infinity]}',
            b'{"nbformat":4,"cells":[-NaN]}', b'{"nbformat":4,"cells":[NaN1]}', b'{"nbformat":4,"cells":["NaN]}',
            b'{"nbformat":4,"cells":["\x00\x01\x1f"]}', b'{"nbformat":4,"cells":["a\nb"]}',
            b'{"nbformat":4,\x00"cells":[]}', b'{"nbformat":4,"cells":["\\ud800"]}',
            b'{"nbformat":4,"cells":["\\ud8"]}',
            b'{"nbformat":4,"cells":["\\x41"]}', b'{"nbformat":4,"cells":["\\u00g1"]}',
            b'{"nbformat":4,"cells":["\\"]}',
            b'{"nbformat":4,"cells":["\xed\xa0\x80"]}', b'{"nbformat":4,"cells":["\xc3"]}',
            b'{"nbformat":4,"cells":["\xff"]}',
            b'\xef\xbb\xbf{"nbformat":4,"cells":[]}', b'{"nbformat":4,"cells":[]}\xef\xbb\xbf',
            b'{"nbformat":4,"cells":[{"a":1,"a":2}]}', b'{"nbformat":4,"nbformat":5,"cells":[]}',
            b'{"nbformat":4,"cells":[],"metadata":[]}', b'{"nbformat":4,"cells":[],"metadata":null}',
            b'{"nbformat":4,"cells":[],"error":null}', b'{"nbformat":4,"cells":[],"error":{}}',
            b'{"nbformat":4,"cells":[],"error":false}', b'{"nbformat":4,"cells":[]/**/}',
            b'{"nbformat":4,"cells":[1e999]}',
            b'{"error":{"code":498,"message":"Invalid token."}}', b'{"status":"error","messages":["x"],"code":498}',
            b'{"status":"failure"}', b'{"code":500,"message":"x","status":"error"}', b'{"error":"invalid_client"}',
        ],
    )  # fmt: skip
    def test_gate_agrees_on_unusual_json(self, body: bytes, size: int) -> None:
        assert passes(body, size) == is_notebook(body)

    @pytest.mark.parametrize("size", [100, WHOLE])
    @pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
    def test_gate_agrees_on_deeply_nested_json(self, brackets: tuple[str, str], size: int) -> None:
        for depth in (100, 400, 100_000):
            nested = brackets[0] * depth + "1" + brackets[1] * depth
            body = HEAD + nested.encode() + TAIL
            assert passes(body, size) == is_notebook(body) == (depth < 100_000)


class TestLargeBodies:
    def test_string_may_span_many_chunks(self) -> None:
        for filler in (b"x", b"\\n", b"\\\\", b'\\"', "é".encode(), b"\\u00e9"):
            body = HEAD + b'{"source":"' + filler * 200_000 + b'"}' + TAIL
            for size in (65_535, 65_536, 262_144):
                assert gate(body, size).cells == 1
                assert not passes(body[: len(body) // 2], size)

    def test_huge_value_is_refused_before_it_fills_memory(self) -> None:
        for token in (b"1" * 3_000_000, b"[" * 3_000_000, b" " * 3_000_000 + b"x"):
            assert not passes(HEAD + token, 262_144)

    @pytest.mark.parametrize("kind", ["many cells", "one string", "numbers", "escapes", "one string per line"])
    def test_memory_does_not_grow_with_the_body(self, kind: str) -> None:
        small, large = _peak(kind, 2), _peak(kind, 5)
        assert large < 12_000_000
        assert large < small * 1.3 + 500_000


def _peak(kind: str, megabytes: int) -> int:
    """Return the maximum number of bytes in memory while the gate reads a body."""
    tracemalloc.start()
    try:
        assert through(_synthetic(kind, megabytes)).cells >= 1
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _synthetic(kind: str, megabytes: int) -> Iterator[bytes]:
    """Yield a notebook in chunks of the size that the ArcGIS client uses."""
    cell = {
        "many cells": json.dumps({"source": ["print(1)\n"] * 40, "outputs": [{"text": "é, [{" * 30}]}) + ",",
        "one string": base64.b64encode(bytes(range(256)) * 12).decode(),
        "numbers": ",".join(f"[{number}.25,-7e-{number % 90}]" for number in range(900)) + ",",
        "escapes": '\\n\\"\\\\\\u00e9 ' * 300,
        "one string per line": json.dumps("a line of a log, as long as lines are\n") + ",",
    }[kind].encode()
    opening = {"many cells": b"", "numbers": b"[", "one string per line": b'{"text":['}.get(kind, b'{"data":"')
    closing = {"many cells": b"{}", "numbers": b"0]", "one string per line": b'""]}'}.get(kind, b'"}')
    chunk = 262_144
    waiting = HEAD + opening
    for _ in range(megabytes * 1_000_000 // len(cell)):
        waiting += cell
        if len(waiting) >= chunk:
            yield waiting[:chunk]
            waiting = waiting[chunk:]
    yield waiting + closing + TAIL
