"""A notebook read leniently from its bytes: whatever is missing or mistyped is empty, and one cell is decoded at a
time.

nbformat 4 has ``cells``; 3 has ``worksheets`` of cells, ``input`` for a source, ``prompt_number``, ``pyout`` and
``pyerr``, and the data of an output among its members under short names.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SHORT_NAMES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "html": "text/html",
    "latex": "text/latex",
    "text": "text/plain",
    "javascript": "application/javascript",
    "json": "application/json",
    "pdf": "application/pdf",
}
"""What nbformat 3 calls the mime types."""
_DIGITS = 400
"""Of a whole number, at most; Python refuses to read those of more than 4300."""
# Maximum characters of the name of a language or a kernel.
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Notebook:
    """What a page tells of a notebook; texts are empty where it says nothing."""

    nbformat: str
    language: str
    kernel: str
    cells: Sequence[object]
    """Each a ``msgspec.Raw`` or what JSON gave; ``cell_of`` makes a cell of it."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output: text of a stream or an error, or data by mime type."""

    kind: Literal["stream", "error", "data"]
    name: str = ""
    """The stream's name."""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.  ``count`` is its execution count, ``level`` that of a heading of nbformat 3."""

    kind: Literal["code", "markdown", "raw", "html", "heading"]
    source: str
    count: int | None = None
    level: int = 1
    attachments: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[object] = ()


def read_notebook(body: bytes) -> Notebook:
    """Return the notebook, or raise ValueError where the bytes are no JSON object."""
    members = _members(body.removeprefix(b"\xef\xbb\xbf"))
    metadata = _mapping(_value(members.get("metadata")))
    language, kernel = _mapping(metadata.get("language_info")), _mapping(metadata.get("kernelspec"))
    version, minor = _value(members.get("nbformat")), _value(members.get("nbformat_minor"))
    return Notebook(
        ".".join(str(number) for number in (version, minor) if isinstance(number, int))[:20],
        (text_of(language.get("name")) or text_of(kernel.get("language")))[:_MAX_NAME],
        (text_of(kernel.get("display_name")) or text_of(kernel.get("name")))[:_MAX_NAME],
        _cells(members),
    )


def cell_of(raw: object) -> Cell | None:
    """Return a cell, or None for what is none."""
    cell = _value(raw)
    if not isinstance(cell, dict):
        return None
    source = text_of(cell.get("source")) or text_of(cell.get("input"))
    match cell.get("cell_type"):
        case "code":
            count = _count(cell.get("execution_count", cell.get("prompt_number")))
            return Cell("code", source, count, outputs=_list(cell.get("outputs")))
        case "markdown" | "html" | "raw" as kind:
            return Cell(kind, source, attachments=_mapping(cell.get("attachments")))
        case "heading":
            return Cell("heading", source, level=min(max(_count(cell.get("level")) or 1, 1), 6))
        case _:
            return Cell("raw", source) if source else None


def output_of(raw: object) -> Output | None:
    """Return an output of either format, or None for what is none."""
    output = _mapping(raw)
    match output.get("output_type"):
        case "stream":
            name = text_of(output.get("name")) or text_of(output.get("stream"))
            return Output("stream", "stderr" if name == "stderr" else "stdout", text_of(output.get("text")))
        case "error" | "pyerr":
            lines = (text_of(line) for line in _list(output.get("traceback")))
            said = f"{text_of(output.get('ename'))}: {text_of(output.get('evalue'))}"
            return Output("error", text="\n".join(lines) or said)
        case "execute_result" | "display_data" | "update_display_data" | "pyout":
            data = _mapping(output.get("data"))
            if not data:
                data = {_SHORT_NAMES[name]: value for name, value in output.items() if name in _SHORT_NAMES}
            count = _count(output.get("execution_count", output.get("prompt_number")))
            return Output("data", data=data, metadata=_mapping(output.get("metadata")), count=count)
        case _:
            return None


def text_of(value: object) -> str:
    """Return a text, given whole or in a list of lines; empty for anything else.

    Halves of surrogate pairs, which no encoding of a page could take, are joined or replaced.
    """
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _members(body: bytes) -> Mapping[str, Any]:
    """Return the notebook's members, not decoded where the JSON is strict: a notebook may be of several hundred MB."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except _UNREADABLE:
        pass
    members = _lenient(body)
    if isinstance(members, dict):
        return members
    raise ValueError("The notebook is no JSON object.")


def _cells(members: Mapping[str, Any]) -> Sequence[object]:
    if "cells" in members:
        return _items(members["cells"])
    sheets = (_mapping(_value(sheet)) for sheet in _items(members.get("worksheets")))
    return [cell for sheet in sheets for cell in _list(sheet.get("cells"))]


def _items(value: object) -> Sequence[object]:
    if isinstance(value, msgspec.Raw):
        try:
            return msgspec.json.decode(value, type=list[msgspec.Raw])
        except _UNREADABLE:
            value = _value(value)
    return _list(value)


def _value(raw: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(raw, msgspec.Raw):
        return raw
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        pass
    try:
        return _lenient(bytes(raw))
    except ValueError:
        return None


def _lenient(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return JSON as ArcGIS may send it: with NaN, control characters and halves of surrogate pairs."""
    try:
        return json.loads(body.decode(errors="replace"), strict=False, parse_int=_integer)
    except RecursionError:
        raise ValueError("The notebook is nested too deeply.") from None


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _DIGITS else 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def each_output(cell: Cell) -> Iterator[Output | None]:
    """Yield the outputs of a cell, None for what is none."""
    return (output_of(raw) for raw in cell.outputs)
