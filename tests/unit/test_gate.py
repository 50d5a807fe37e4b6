"""The gate accepts what `json.loads` accepts, if it has the shape of a notebook."""

import base64
import itertools
import json
import random
from mmap import mmap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local.arcgis.sample_items import make_sample_items
from local.arcgis.sample_notebooks import as_compact, as_documented, as_jupyter
from notebook_archive.errors import NotANotebook
from notebook_archive.notebook import NotebookFacts, gate, read_facts
from notebook_archive.notebook.masking import mask

HEAD, TAIL = b'{"metadata":{},"nbformat":4,"nbformat_minor":5,"cells":[', b"]}"


def passes(body: bytes) -> bool:
    try:
        read_facts(body)
    except NotANotebook:
        return False
    return True


def is_notebook(body: bytes) -> bool:
    """What the gate promises, in terms of Python's own parser."""
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


def shaped(size: int, *, compact: bool) -> bytes:
    """A notebook of about this size: as ArcGIS sends it, or as Jupyter writes it to disk."""
    rnd = random.Random(size)
    picture = base64.b64encode(rnd.randbytes(size // 4)).decode()
    code = "".join(f"frame.query(\"name == 'Straße {n}'\")\n" for n in range(size // 120))
    lines = code.splitlines(keepends=True)
    pictures = [picture[i : i + 76] + "\n" for i in range(0, len(picture), 76)]
    cells = [
        {"cell_type": "code", "source": code if compact else lines, "outputs": [], "metadata": {}},
        {
            "cell_type": "code",
            "source": "plot()" if compact else ["plot()"],
            "outputs": [
                {"data": {"image/png": picture, "text/plain": "<Figure>"}, "output_type": "display_data"},
                {"data": {"image/png": "".join(pictures)}, "output_type": "display_data"},
            ],
        },
    ]
    body = json.loads(notebook(cells=cells))
    return json.dumps(body, separators=(",", ":") if compact else None, indent=None if compact else 1).encode()


class TestFacts:
    EXPECTED = NotebookFacts("4.5", "python3", "ArcGIS Notebook", "9.0", 2)

    @pytest.mark.parametrize("order", list(itertools.permutations(["cells", "metadata", "nbformat", "nbformat_minor"])))
    def test_are_the_same_in_any_order_of_members(self, order: tuple[str, ...]) -> None:
        document = json.loads(notebook())
        body = json.dumps({name: document[name] for name in order}, indent=1).encode()
        assert read_facts(body) == self.EXPECTED

    def test_are_the_same_from_a_mapped_file(self, tmp_path: Path) -> None:
        for oddity in (b"", b"\xef\xbb\xbf"):
            path = tmp_path / "body"
            path.write_bytes(oddity + notebook())
            with path.open("r+b") as file, mmap(file.fileno(), 0) as body:
                assert read_facts(body) == self.EXPECTED

    def test_are_empty_if_the_notebook_says_nothing(self) -> None:
        assert read_facts(b'{"nbformat":4,"cells":[]}') == NotebookFacts("4", "", "", "", 0)

    @pytest.mark.parametrize("ascii_only", [True, False])
    @pytest.mark.parametrize("oddity", ["", "\ud800"])
    def test_names_in_any_script_survive(self, oddity: str, *, ascii_only: bool) -> None:
        name = 'Erweitert é "水位" \\ 😀'
        metadata = {"kernelspec": {"name": name}, "esriNotebookRuntime": {"notebookRuntimeName": name}}
        document = json.loads(notebook(metadata=metadata, cells=[{"source": oddity}] * 60))
        facts = read_facts(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
        assert (facts.kernel, facts.runtime, facts.cells) == (name, name, 60)

    @pytest.mark.parametrize(
        "metadata",
        [{"kernelspec": None}, {"kernelspec": "x"}, {"kernelspec": {"name": None}}, {"esriNotebookRuntime": [1]}],
    )
    def test_malformed_metadata_is_accepted(self, metadata: dict[str, Any]) -> None:
        facts = read_facts(notebook(metadata=metadata))
        assert (facts.kernel, facts.runtime) == ("", "")


class TestTruncation:
    @pytest.mark.parametrize("compact", [True, False])
    def test_no_prefix_of_a_small_body_passes(self, *, compact: bool) -> None:
        body = shaped(16_000, compact=compact)
        assert 15_000 < len(body) < 30_000
        assert passes(body)
        assert [end for end in range(len(body)) if passes(body[:end])] == []

    @pytest.mark.parametrize("compact", [True, False])
    def test_no_cut_of_a_large_body_passes(self, *, compact: bool) -> None:
        body = shaped(300_000, compact=compact)
        rnd = random.Random(1)
        assert len(body) > 2 * gate.PIECE_BYTES
        assert passes(body)
        assert [end for end in (rnd.randrange(len(body)) for _ in range(2000)) if passes(body[:end])] == []

    @pytest.mark.parametrize("more", [b"x", b"{}", b",", b"]", b"}", b"\x00", b"null", b'"', b"\xc3"])
    def test_nothing_may_follow(self, more: bytes) -> None:
        assert not passes(notebook() + more)
        assert not passes(notebook() + b" \n" + more)

    def test_white_space_may_follow(self) -> None:
        assert passes(notebook() + b" \r\n\t" * 10)


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


def _body(rnd: random.Random, most_cells: int) -> bytes:
    members = [
        ("cells", [{"x": _value(rnd), "s": _value(rnd)} for _ in range(rnd.randrange(most_cells))]),
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


def _samples() -> list[bytes]:
    """The notebooks of the local ArcGIS that are not large, as ArcGIS sends them and as Jupyter writes them."""
    bodies = [s.content for item in make_sample_items() for s in item.snapshots if isinstance(s.content, bytes)]
    documents = [json.loads(body) for body in bodies if len(body) < 20_000]
    return [encode(each) for each in documents for encode in (as_compact, as_jupyter, as_documented)]


UNCHANGED = [
    notebook(),
    shaped(2_000, compact=True),
    shaped(2_000, compact=False),
    *(_body(random.Random(n), 6) for n in range(40)),
    *_samples(),
]
# Because of the byte order mark, the gate reads the second half only as masked copies.
BASES = [start + body for start in (b"", b"\xef\xbb\xbf") for body in UNCHANGED]
INSERTED = [
    b"", *(bytes([byte]) for byte in NOISE), b"NaN", b"-NaN", b"-Infinity", b"\\ud800", b"\\udc00", b"\\", b'\\"',
    b"\x00", b"\x0b", b"\x0c", b"\x1f", b"\t", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"{}", b"[]", b'"error":NaN,',
    b'"nbformat":NaN,', b'"metadata":NaN,', b'"cells":[NaN],', b'"cells":NaN,',
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "repeat", "reverse", "flip", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([b"", b'"', b":", b",", b"{", b"[", b"]"]),
        st.integers(1, 30),
        st.sampled_from(INSERTED),
    ),
    max_size=4,
)
type Edit = tuple[str, float, bytes, int, bytes]


def _edited(body: bytes, edit: Edit) -> bytes:
    """Change up to `length` bytes of the body, after the next `mark` from `place` on."""
    kind, place, mark, length, inserted = edit
    start = body.find(mark, int(place * len(body))) + len(mark)
    head, middle, tail = body[:start], body[start : start + length], body[start + length :]
    match kind:
        case "insert":
            return head + inserted + middle + tail
        case "replace":
            return head + inserted + tail
        case "repeat":
            return head + middle + middle + tail
        case "reverse":  # swaps brackets
            return head + middle[::-1] + tail
        case "flip":
            return head + bytes([middle[0] ^ 1 << length % 8]) + middle[1:] + tail if middle else body
    return head


class TestAgreesWithJsonLoads:
    """The oracle is the standard library's parser."""

    @settings(max_examples=10_000)
    @given(st.sampled_from(BASES), EDITS)
    @example(BASES[0], [])
    def test_on_changed_notebooks(self, body: bytes, edits: list[Edit]) -> None:
        for edit in edits:
            body = _edited(body, edit)
        assert passes(body) == is_notebook(body)

    @pytest.mark.parametrize("piece_bytes", [3, 1000])
    def test_on_generated_notebooks(self, piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate, "PIECE_BYTES", piece_bytes)
        verdicts = {True: 0, False: 0}
        for seed in range(200):
            body = _body(random.Random(seed), 6)
            assert passes(body) == is_notebook(body), (seed, body)
            verdicts[passes(body)] += 1
        assert min(verdicts.values()) > 20, "both verdicts occur"

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
            b'{"nbformat":4,"cells":[1NaN]}', b'{"nbformat":4,"cells":[1eNaN]}', b'{"nbformat":4,"cells":[NaN.5]}',
            b'{"nbformat":4,"cells":[--Infinity]}', b'{"nbformat":4,"cells":[Infinityx]}',
            b'{"nbformat":4,"cells":[NaN NaN]}', b'{"nbformat":4,"cells":[NaNNaN]}',
            b'{"nbformat":4,"cells":[],NaN:1}', b'{"nbformat":4,"cells":[],"x":{NaN}}',
            b'{"nbformat":NaN,"cells":[]}', b'{"nbformat":-Infinity,"cells":[]}', b'{"nbformat":4,"cells":NaN}',
            b'{"nbformat":4,"nbformat_minor":NaN,"cells":[]}', b'{"nbformat":4,"cells":[],"error":NaN}',
            b'{"nbformat":4,"cells":[],"metadata":NaN}', b'{"nbformat":4,"cells":[],"metadata":-Infinity}',
            b'{"nbformat":4,"cells":[NaN],"metadata":{\t}}', b'{"nbformat":4,"cells":[],"metadata":{"x":NaN}}',
            b'{"nbformat":4,\x0c"cells":[NaN]}', b'{"nbformat":4,"cells":[NaN\x0c]}',
            b'{"nbformat":4,"cells":["\x00\x01\x1f"]}', b'{"nbformat":4,"cells":["a\nb"]}',
            b'{"nbformat":4,\x00"cells":[]}', b'{"nbformat":4,"cells":["\\ud800"]}',
            b'{"nbformat":4,"cells":["\\ud8"]}',
            b'{"nbformat":4,"cells":["\\x41"]}', b'{"nbformat":4,"cells":["\\u00g1"]}',
            b'{"nbformat":4,"cells":["\\"]}',
            b'{"nbformat":4,"cells":["\xed\xa0\x80"]}', b'{"nbformat":4,"cells":["\xc3"]}',
            b'{"nbformat":4,"cells":["\xff"]}',
            b'\xef\xbb\xbf{"nbformat":4,"cells":[]}', b'{"nbformat":4,"cells":[]}\xef\xbb\xbf',
            b'\xef\xbb\xbf\xef\xbb\xbf{"nbformat":4,"cells":[]}', b' \xef\xbb\xbf{"nbformat":4,"cells":[]}',
            b'{"nbformat":4,"cells":[\xef\xbb\xbf]}', b'{"nbformat":4,"cells":["\xef\xbb\xbf"]}',
            b'{"nbformat":4,"cells":[\\ud800]}', b'{"nbformat":4,"cells":[{"\\ud800":1}]}',
            b'{"nbformat":4,"cells":[{"a":1,"a":2}]}', b'{"nbformat":4,"nbformat":5,"cells":[]}',
            b'{"nbformat":4,"cells":[],"metadata":[]}', b'{"nbformat":4,"cells":[],"metadata":null}',
            b'{"nbformat":4,"cells":[],"error":null}', b'{"nbformat":4,"cells":[],"error":{}}',
            b'{"nbformat":4,"cells":[],"error":false}', b'{"nbformat":4,"cells":[]/**/}',
            b'{"nbformat":4,"cells":[1e999]}',
            b'{"error":{"code":498,"message":"Invalid token."}}', b'{"status":"error","messages":["x"],"code":498}',
            b'{"status":"failure"}', b'{"code":500,"message":"x","status":"error"}', b'{"error":"invalid_client"}',
        ],
    )  # fmt: skip
    def test_on_what_a_parser_stumbles_over(self, body: bytes) -> None:
        assert passes(body) == is_notebook(body)

    @pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
    def test_on_depth(self, brackets: tuple[str, str]) -> None:
        for depth in (100, 400, 100_000):
            nested = brackets[0] * depth + "1" + brackets[1] * depth
            body = HEAD + nested.encode() + TAIL
            assert passes(body) == is_notebook(body) == (depth < 100_000)


PARTS = [
    b'"', b"NaN", b"-Infinity", b"Infinity", b"\\uD83D", b"\\ude0a", b"\\u00ff", b"\\\\", b'\\"', b"\\n", b"\\", b"\t",
    b"\x01", b"\xef\xbb\xbf", b"-", b"N", b"I", b"dot", b"abc", b"[", b"{", b"}", b" ", "é水😀".encode(), b'","', b",",
]  # fmt: skip


def _decode(masked: bytes) -> object:
    """Return the value of a masked text, or None if it is not JSON."""
    try:
        return msgspec.json.decode(masked)
    except msgspec.DecodeError:
        return None


class TestMask:
    @pytest.mark.parametrize("size", [3, 4, 7, 11, 64])
    def test_pieces_of_any_size_give_the_same(self, size: int) -> None:
        text = b'\xef\xbb\xbf{"a\\\\":[NaN,-Infinity,Infinity],"\\ud83d\\ude00\\ud83d":"\\"NaN\t\\\\\\ude00\\ud800"}'
        whole = b"".join(mask([text]))
        assert json.loads(whole) == {"a\\": [{}, {}, {}], "😀\ufffd": '"NaN \\\ufffd\ufffd'}
        assert len(whole) == len(text)
        assert b"".join(mask(text[i : i + size] for i in range(0, len(text), size))) == whole

    @settings(max_examples=2_000)
    @given(st.lists(st.sampled_from(PARTS), max_size=12), st.integers(3, 24), st.booleans())
    @example([b"\\uD83D", b"dot"], 9, True)
    @example([b"\\uD83D", b"\\ude0a", b"abc"], 16, True)
    def test_pieces_of_any_text_mean_the_same(self, parts: list[bytes], size: int, is_string: bool) -> None:
        text = b'["%b"]' % b"".join(parts) if is_string else b"[%b]" % b"".join(parts)
        whole = b"".join(mask([text]))
        in_pieces = b"".join(mask(text[i : i + size] for i in range(0, len(text), size)))
        assert len(in_pieces) == len(whole) == len(text)
        assert _decode(in_pieces) == _decode(whole)
