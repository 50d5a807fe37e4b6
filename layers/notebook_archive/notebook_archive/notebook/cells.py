"""Read a notebook leniently: a member that is missing or has a wrong type counts as empty.

Cells are decoded one at a time. nbformat 4 has `cells`. nbformat 3 has `worksheets`, which contain cells. It uses the
names `input` for a source, `prompt_number`, `pyout` and `pyerr`. An output's data is in members with short names.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# The short names that nbformat 3 uses for mime types.
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
# Maximum number of digits of a whole number. Python raises an error for more than 4300.
_MAX_DIGITS = 400
# Maximum number of characters in the name of a language or a kernel.
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Notebook:
    """The parts of a notebook that a page shows. A string is empty if the notebook does not contain it.

    Each cell is a `msgspec.Raw` or a decoded value. `parse_cell` converts it to a Cell.
    """

    nbformat: str
    language: str
    kernel: str
    cells: Sequence[object]


@dataclass(frozen=True, slots=True)
class Output:
    """One output: the text of a stream or an error, or data by mime type. `name` is the name of the stream."""

    kind: Literal["stream", "error", "data"]
    name: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `count` is its execution count. `level` is the level of a heading in nbformat 3."""

    kind: Literal["code", "markdown", "raw", "html", "heading"]
    source: str
    count: int | None = None
    level: int = 1
    attachments: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[object] = ()


def read_notebook(body: bytes) -> Notebook:
    """Return the notebook. Raises ValueError if the bytes are not a JSON object."""
    members = _read_members(body.removeprefix(b"\xef\xbb\xbf"))
    metadata = _as_mapping(_decode(members.get("metadata")))
    language, kernel = _as_mapping(metadata.get("language_info")), _as_mapping(metadata.get("kernelspec"))
    version, minor = _decode(members.get("nbformat")), _decode(members.get("nbformat_minor"))
    return Notebook(
        ".".join(str(number) for number in (version, minor) if isinstance(number, int))[:20],
        (join_text(language.get("name")) or join_text(kernel.get("language")))[:_MAX_NAME],
        (join_text(kernel.get("display_name")) or join_text(kernel.get("name")))[:_MAX_NAME],
        _list_cells(members),
    )


def parse_cell(raw: object) -> Cell | None:
    """Return a cell, or None if the value is not a cell."""
    cell = _decode(raw)
    if not isinstance(cell, dict):
        return None
    source = join_text(cell.get("source")) or join_text(cell.get("input"))
    match cell.get("cell_type"):
        case "code":
            count = _parse_count(cell.get("execution_count", cell.get("prompt_number")))
            return Cell("code", source, count, outputs=_as_list(cell.get("outputs")))
        case "markdown" | "html" | "raw" as kind:
            return Cell(kind, source, attachments=_as_mapping(cell.get("attachments")))
        case "heading":
            return Cell("heading", source, level=min(max(_parse_count(cell.get("level")) or 1, 1), 6))
        case _:
            return Cell("raw", source) if source else None


def parse_output(raw: object) -> Output | None:
    """Return an output of either format, or None if the value is not an output."""
    output = _as_mapping(raw)
    match output.get("output_type"):
        case "stream":
            name = join_text(output.get("name")) or join_text(output.get("stream"))
            return Output("stream", "stderr" if name == "stderr" else "stdout", join_text(output.get("text")))
        case "error" | "pyerr":
            lines = (join_text(line) for line in _as_list(output.get("traceback")))
            summary = f"{join_text(output.get('ename'))}: {join_text(output.get('evalue'))}"
            return Output("error", text="\n".join(lines) or summary)
        case "execute_result" | "display_data" | "update_display_data" | "pyout":
            data = _as_mapping(output.get("data"))
            if not data:
                data = {_SHORT_NAMES[name]: value for name, value in output.items() if name in _SHORT_NAMES}
            count = _parse_count(output.get("execution_count", output.get("prompt_number")))
            return Output("data", data=data, metadata=_as_mapping(output.get("metadata")), count=count)
        case _:
            return None


def join_text(value: object) -> str:
    """Return a string that a notebook contains as a string or as a list of lines. Return "" for any other value.

    Separate halves of a surrogate pair are joined. An unpaired half, which a page cannot encode, is replaced.
    """
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_members(body: bytes) -> Mapping[str, Any]:
    """Return the notebook's members. They are not decoded if possible, because a notebook may have hundreds of MB."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except _UNREADABLE:
        pass
    members = _decode_leniently(body)
    if isinstance(members, dict):
        return members
    raise ValueError("The notebook is not a JSON object.")


def _list_cells(members: Mapping[str, Any]) -> Sequence[object]:
    if "cells" in members:
        return _list_items(members["cells"])
    sheets = (_as_mapping(_decode(sheet)) for sheet in _list_items(members.get("worksheets")))
    return [cell for sheet in sheets for cell in _as_list(sheet.get("cells"))]


def _list_items(value: object) -> Sequence[object]:
    if isinstance(value, msgspec.Raw):
        try:
            return msgspec.json.decode(value, type=list[msgspec.Raw])
        except _UNREADABLE:
            value = _decode(value)
    return _as_list(value)


def _decode(raw: object) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(raw, msgspec.Raw):
        return raw
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        pass
    try:
        return _decode_leniently(bytes(raw))
    except ValueError:
        return None


def _decode_leniently(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON even if it contains NaN, control characters or unpaired surrogates, which ArcGIS may send."""
    try:
        return json.loads(body.decode(errors="replace"), strict=False, parse_int=_parse_integer)
    except RecursionError:
        raise ValueError("The notebook is nested too deeply.") from None


def _parse_integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else 0


def _parse_count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def parse_outputs(cell: Cell) -> Iterator[Output | None]:
    """Yield the outputs of a cell, and None for each value that is not an output."""
    return (parse_output(raw) for raw in cell.outputs)
