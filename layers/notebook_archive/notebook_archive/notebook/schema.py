"""Check a notebook against the nbformat schema of its own version.

The structures below say the same as the JSON schemas of nbformat 4.0 to 4.5 (Jupyter, "The Notebook file format"). So
one decode by msgspec checks a notebook, without a schema library and without its Python objects. Members that a later
version added are kept as bytes, and decoded if the version has a rule for them.
"""

from mmap import mmap
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

# A larger notebook is not checked, because its cells become objects in memory.
MAX_BYTES = 20_000_000
MAX_MINOR = 5

type _Lines = str | list[str]
type _Count = Annotated[int, Meta(ge=0)] | None
type _Id = Annotated[str, Meta(pattern="^[a-zA-Z0-9-_]+$", max_length=64)]
type _CellName = Annotated[str, Meta(pattern="^.+$")]
type _Tags = list[Annotated[str, Meta(pattern="^[^,]+$")]]
type _Metadata = dict[str, msgspec.Raw]


def _check_bundle(bundle: dict[str, msgspec.Raw]) -> None:
    """Raise ValueError unless each value that is not JSON is text or a list of texts."""
    for media_type, value in bundle.items():
        is_json = media_type.startswith("application/") and media_type.endswith(("/json", "+json"))
        if not is_json:
            _lines.decode(value)


class _NamedMetadata(Struct, gc=False):
    name: _CellName | UnsetType = UNSET
    tags: _Tags | UnsetType = UNSET
    jupyter: msgspec.Raw | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.tags and len(set(self.tags)) != len(self.tags):
            raise ValueError("A tag occurs twice.")


class _RawMetadata(_NamedMetadata, gc=False):
    format: str | UnsetType = UNSET


class _CodeMetadata(_NamedMetadata, gc=False):
    collapsed: bool | UnsetType = UNSET
    scrolled: bool | Literal["auto"] | UnsetType = UNSET
    execution: msgspec.Raw | UnsetType = UNSET


class _Data(Struct, gc=False, forbid_unknown_fields=True, tag_field="output_type", tag="display_data"):
    data: dict[str, msgspec.Raw]
    metadata: _Metadata

    def __post_init__(self) -> None:
        _check_bundle(self.data)


class _Result(Struct, gc=False, forbid_unknown_fields=True, tag_field="output_type", tag="execute_result"):
    data: dict[str, msgspec.Raw]
    metadata: _Metadata
    execution_count: _Count

    def __post_init__(self) -> None:
        _check_bundle(self.data)


class _Stream(Struct, gc=False, forbid_unknown_fields=True, tag_field="output_type", tag="stream"):
    name: str
    text: _Lines


class _Error(Struct, gc=False, forbid_unknown_fields=True, tag_field="output_type", tag="error"):
    ename: str
    evalue: str
    traceback: list[str]


class _Cell(Struct, gc=False, forbid_unknown_fields=True, tag_field="cell_type"):
    source: _Lines
    id: _Id | UnsetType = UNSET


class _TextCell(_Cell, gc=False):
    attachments: dict[str, dict[str, msgspec.Raw]] | UnsetType = UNSET

    def __post_init__(self) -> None:
        for bundle in (self.attachments or {}).values():
            _check_bundle(bundle)


class _RawCell(_TextCell, gc=False, kw_only=True, tag="raw"):
    metadata: _RawMetadata


class _MarkdownCell(_TextCell, gc=False, kw_only=True, tag="markdown"):
    metadata: _NamedMetadata


class _CodeCell(_Cell, gc=False, kw_only=True, tag="code"):
    metadata: _CodeMetadata
    outputs: list[_Data | _Result | _Stream | _Error]
    execution_count: _Count


class _Kernel(Struct, gc=False):
    name: str
    display_name: str


class _Language(Struct, gc=False):
    name: str
    codemirror_mode: str | _Metadata | UnsetType = UNSET
    file_extension: str | UnsetType = UNSET
    mimetype: str | UnsetType = UNSET
    pygments_lexer: str | UnsetType = UNSET


class _NotebookMetadata(Struct, gc=False):
    kernelspec: _Kernel | UnsetType = UNSET
    language_info: _Language | UnsetType = UNSET
    orig_nbformat: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    title: msgspec.Raw | UnsetType = UNSET
    authors: msgspec.Raw | UnsetType = UNSET


class _Notebook(Struct, gc=False, forbid_unknown_fields=True):
    metadata: _NotebookMetadata
    nbformat: Literal[4]
    nbformat_minor: Annotated[int, Meta(ge=0)]
    cells: list[_RawCell | _MarkdownCell | _CodeCell]


class _Version(Struct, gc=False):
    nbformat: int
    nbformat_minor: int = 0


_lines = msgspec.json.Decoder(_Lines)
_text = msgspec.json.Decoder(str)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(_Metadata)
_texts_by_name = msgspec.json.Decoder(dict[str, str])
_version = msgspec.json.Decoder(_Version)
_notebook = msgspec.json.Decoder(_Notebook)


def is_valid(body: bytes | mmap) -> bool | None:
    """Return whether a notebook is valid against the schema of its version.

    Return None if that is not checked: for a notebook of more than MAX_BYTES bytes, for a version other than 4.0 to
    4.5, and for a body that only Python accepts as JSON.
    """
    if len(body) > MAX_BYTES:
        return None
    try:
        return _check(body)
    except msgspec.ValidationError:
        return False
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _check(body: bytes | mmap) -> bool | None:
    """Return whether a notebook is valid, or None for other versions. May raise ValidationError or DecodeError."""
    try:
        notebook = _notebook.decode(body)
    except msgspec.ValidationError:
        version = _version.decode(body)
        return False if version.nbformat == 4 and 0 <= version.nbformat_minor <= MAX_MINOR else None
    if notebook.nbformat_minor > MAX_MINOR:
        return None
    _check_later_members(notebook)
    return _has_members_of_version(notebook)


def _has_members_of_version(notebook: _Notebook) -> bool:
    """Return whether the cells have an id if the version requires one, and no member that a later version added."""
    has_ids, has_attachments = notebook.nbformat_minor >= 5, notebook.nbformat_minor >= 1
    return all(
        (cell.id is not UNSET) == has_ids
        and (has_attachments or not isinstance(cell, _TextCell) or cell.attachments is UNSET)
        for cell in notebook.cells
    )


def _check_later_members(notebook: _Notebook) -> None:
    """Raise ValidationError if a member is not as the notebook's version requires it."""
    minor, metadata = notebook.nbformat_minor, notebook.metadata
    rules: list[tuple[int, msgspec.Raw | UnsetType, msgspec.json.Decoder[Any]]] = [
        (2, metadata.title, _text),
        (2, metadata.authors, _list),
    ]
    for cell in notebook.cells:
        rules.append((3, cell.metadata.jupyter, _object))
        if isinstance(cell, _CodeCell):
            rules.append((4, cell.metadata.execution, _texts_by_name))
    for since, value, decoder in rules:
        if minor >= since and not isinstance(value, UnsetType):
            decoder.decode(value)
