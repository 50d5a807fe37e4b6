"""Read the parts of a notebook that are compared, also from a notebook that does not follow the schema."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from notebook_archive.notebook.gate import read_facts

type Members = Mapping[str, object]

_CELL_MEMBERS = frozenset(("cell_type", "source", "id", "metadata", "outputs", "attachments", "execution_count"))
_TEXT_MEMBERS = frozenset(("cell_type", "source", "id"))
_STREAM_MEMBERS = frozenset(("output_type", "name", "text"))
_ERROR_MEMBERS = frozenset(("ename", "evalue", "traceback"))
# What an output of an unknown type does not show.
_RERUN_MEMBERS = frozenset(("execution_count", "metadata", "output_type"))
_NOTEBOOK_MEMBERS = frozenset(("cells", "metadata"))
# Longer integers are kept as text, because Python refuses to convert them.
_MAX_DIGITS = 4000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. `others` has its members that are not in the schema."""

    cell_type: str = ""
    source: str = ""
    id: str = ""
    count: object = None
    metadata: object = None
    outputs: object = None
    attachments: object = None
    others: Members = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook. `others` has its members other than cells and metadata."""

    cells: list[Cell]
    metadata: object
    others: Members


@dataclass(frozen=True, slots=True)
class Output:
    """An output. `forms` has what it shows, by `stdout`, `stderr`, `error` or media type. `rest` has all else."""

    forms: Members
    rest: Members


def read_notebook(body: bytes) -> Notebook:
    """Return the parts of a notebook. Raises NotANotebook if the body is not one."""
    read_facts(body)
    content = _parse(body)
    return Notebook(
        [_read_cell(cell) for cell in content["cells"]],
        content.get("metadata"),
        _leave_out(content, _NOTEBOOK_MEMBERS),
    )


def read_outputs(outputs: object) -> list[Output]:
    """Return the outputs of a cell. Texts of one stream that follow each other become one text."""
    contents = outputs if isinstance(outputs, list) else [] if outputs is None else [outputs]
    read: list[Output] = []
    for stream, group in groupby(contents, _find_stream):
        if stream is None:
            read += [_read_output(content) for content in group]
        else:
            read.append(Output({stream: "".join(_read_text(content["text"]) for content in group)}, {}))
    return read


def _find_stream(content: object) -> str | None:
    """Return the name of the stream whose text an output is, or None if the output is something else."""
    if isinstance(content, dict) and content.get("output_type") == "stream" and content.keys() <= _STREAM_MEMBERS:
        name, text = content.get("name"), join_lines(content.get("text"))
        return name if isinstance(name, str) and isinstance(text, str) else None
    return None


def _read_output(content: object) -> Output:
    if not isinstance(content, dict):
        return Output({"output": content}, {})
    data = content.get("data")
    if isinstance(data, dict):
        return Output({name: read_form(name, value) for name, value in data.items()}, _leave_out(content, {"data"}))
    if content.get("output_type") == "error":
        lines = join_lines(content.get("traceback"), "\n")
        head = f"{_read_text(content.get('ename', ''))}: {_read_text(content.get('evalue', ''))}"
        return Output({"error": f"{head}\n{_read_text(lines)}"}, _leave_out(content, _ERROR_MEMBERS))
    rest = {name: content[name] for name in _RERUN_MEMBERS & content.keys()}
    return Output({"output": _leave_out(content, _RERUN_MEMBERS)}, rest)


def _leave_out(members: Members, names: AbstractSet[str]) -> dict[str, object]:
    return {name: value for name, value in members.items() if name not in names}


def read_attachments(attachments: object) -> dict[str, Members]:
    """Return the values of each file of a cell by their media type."""
    files = attachments if isinstance(attachments, dict) else {"": attachments} if attachments is not None else {}
    return {
        name: {media_type: read_form(media_type, value) for media_type, value in bundle.items()}
        if isinstance(bundle, dict)
        else {"": bundle}
        for name, bundle in files.items()
    }


def read_form(media_type: str, value: object) -> object:
    """Return a value as it is compared: text as one string, and base64 without line feeds."""
    if is_json(media_type):
        return value
    text = join_lines(value)
    return "".join(text.split()) if isinstance(text, str) and is_base64(media_type) else text


def is_json(media_type: str) -> bool:
    """Return whether values of this type are JSON."""
    return media_type.startswith("application/") and media_type.endswith(("/json", "+json"))


def is_base64(media_type: str) -> bool:
    """Return whether values of this type are encoded in base64."""
    return media_type.startswith(("image/", "audio/", "video/", "application/pdf")) and "svg" not in media_type


def join_lines(value: object, separator: str = "") -> object:
    """Return text that may be a list of lines as one string, and any other value as it is."""
    return separator.join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


def write_json(value: object) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parse(body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(body, strict=False, parse_int=_read_integer)


def _read_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _read_text(value: object) -> str:
    text = join_lines(value)
    return text if isinstance(text, str) else write_json(text)


def _read_cell(content: object) -> Cell:
    if not isinstance(content, dict):
        return Cell(others={"cell": content})
    texts = {name: join_lines(content[name]) for name in _TEXT_MEMBERS & content.keys()}
    # A source, type or id that is not text is compared as any other member.
    others = _leave_out(content, _CELL_MEMBERS) | {
        name: text for name, text in texts.items() if not isinstance(text, str)
    }
    cell_type, source, identity = (
        text if isinstance(text := texts.get(name, ""), str) else "" for name in ("cell_type", "source", "id")
    )
    return Cell(
        cell_type,
        source,
        identity,
        content.get("execution_count"),
        content.get("metadata"),
        content.get("outputs"),
        content.get("attachments"),
        others,
    )
