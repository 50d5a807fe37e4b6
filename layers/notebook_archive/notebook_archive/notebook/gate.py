"""The gate: is this body one complete notebook?

What passes is what `json.loads(body, strict=False)` accepts, if it is an object with an integer `nbformat`, a list of
`cells`, no `error`, and `metadata` that is an object or missing. Every truncated body is refused. Unlike Python's
parser, the gate limits the number of cells, and not the number of digits.

One decode by msgspec checks the grammar and finds the facts; nothing else of the body becomes an object. If msgspec
refuses the body, it decodes a copy in which everything is masked that Python accepts and msgspec does not.
"""

import codecs
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile

import msgspec

from notebook_archive.errors import NotANotebook
from notebook_archive.notebook.masking import MASKED_NUMBER_START, mask

# Each cell becomes an empty object for a moment, so their number has a limit.
MAX_CELLS = 1_000_000
# A longer name or version in the metadata counts as missing.
MAX_FACT_BYTES = 4096
# A piece fits into the processor's cache.
PIECE_BYTES = 131_072
# Decoding larger pieces leaves more free memory between the texts: about 600 pieces, measured in a thread.
UTF8_PIECE_BYTES = 8192

_NULL = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class NotebookFacts:
    """What a notebook says of itself. A text is empty if the notebook does not say it."""

    nbformat: str
    kernel: str
    runtime: str
    runtime_version: str
    cells: int


class _CellCount(threading.local):
    value = 0


_cell_count = _CellCount()


class _Cell(msgspec.Struct, gc=False):
    def __post_init__(self) -> None:
        _cell_count.value += 1
        if _cell_count.value > MAX_CELLS:
            raise NotANotebook(f"The body has more than {MAX_CELLS} cells.")


class _Metadata(msgspec.Struct, gc=False):
    kernelspec: msgspec.Raw = _NULL
    runtime: msgspec.Raw = msgspec.field(default=_NULL, name="esriNotebookRuntime")


class _Notebook(msgspec.Struct, gc=False):
    cells: list[_Cell]
    nbformat: msgspec.Raw = _NULL
    nbformat_minor: msgspec.Raw = _NULL
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    error: msgspec.Raw = _NULL


class _AnyObject(msgspec.Struct, gc=False):
    """The same members, of any type: if a name occurs twice, only the last member counts, as in Python."""

    cells: msgspec.Raw = _NULL
    nbformat: msgspec.Raw = _NULL
    nbformat_minor: msgspec.Raw = _NULL
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    error: msgspec.Raw = _NULL


class _Kernel(msgspec.Struct, gc=False):
    name: msgspec.Raw = _NULL


class _Runtime(msgspec.Struct, gc=False):
    name: msgspec.Raw = msgspec.field(default=_NULL, name="notebookRuntimeName")
    version: msgspec.Raw = msgspec.field(default=_NULL, name="notebookRuntimeVersion")


_notebook = msgspec.json.Decoder(_Notebook)
_any_object = msgspec.json.Decoder(_AnyObject)
_cells = msgspec.json.Decoder(list[_Cell])
_odd_cells = msgspec.json.Decoder(list[msgspec.Raw])
_metadata = msgspec.json.Decoder(_Metadata)
_kernel = msgspec.json.Decoder(_Kernel)
_runtime = msgspec.json.Decoder(_Runtime)
_value = msgspec.json.Decoder()


def read_facts(body: bytes | mmap) -> NotebookFacts:
    """Return the facts of the notebook that the body is. Raises NotANotebook if it is not one.

    Besides the body this takes a few megabytes of memory, and up to 40 MB for a million cells. The masked copy of a
    file is another temporary file.
    """
    _check_utf8(body)
    _cell_count.value = 0
    try:
        found = _notebook.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _read_masked(body)
    return _make_facts(found, found.metadata, len(found.cells))


def _read_masked(body: bytes | mmap) -> NotebookFacts:
    """Return the facts of a body that msgspec refuses as it is. Raises NotANotebook if Python would refuse it too."""
    try:
        found = _any_object.decode(_mask(body))
        if bytes(memoryview(found.metadata)[:2]) == MASKED_NUMBER_START:
            raise NotANotebook("The metadata of the body is a number.")
        return _make_facts(found, _metadata.decode(found.metadata), _count_cells(found.cells))
    except RecursionError:
        raise NotANotebook("The body has too many levels of brackets.") from None
    except msgspec.DecodeError:
        raise NotANotebook(f"The body of {len(body)} bytes is not a notebook, or not the whole of one.") from None


def _mask(body: bytes | mmap) -> bytes | mmap:
    if isinstance(body, bytes):
        return b"".join(mask(_cut(body)))
    with TemporaryFile() as file:
        file.writelines(mask(_cut(body)))
        file.flush()
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def _cut(body: bytes | mmap | memoryview) -> Iterator[bytes]:
    return (bytes(body[start : start + PIECE_BYTES]) for start in range(0, len(body), PIECE_BYTES))


def _check_utf8(body: bytes | mmap) -> None:
    """Raise NotANotebook unless the body is UTF-8; lone surrogates may be encoded, as `json.loads` allows."""
    view, start = memoryview(body), 0
    try:
        while start < len(view):
            piece = view[start : start + UTF8_PIECE_BYTES]
            is_last = start + len(piece) == len(view)
            start += codecs.utf_8_decode(piece, "surrogatepass", is_last)[1]
    except UnicodeDecodeError:
        raise NotANotebook("The body is not UTF-8.") from None


def _count_cells(cells: msgspec.Raw) -> int:
    _cell_count.value = 0
    try:
        return len(_cells.decode(cells))
    except msgspec.ValidationError:
        # A cell that is not an object takes 56 bytes of memory. There is at most one more cell than commas.
        view = memoryview(cells)
        if sum(piece.count(b",") for piece in _cut(view)) >= MAX_CELLS:
            raise NotANotebook("The body has too many cells that are not objects.") from None
        return len(_odd_cells.decode(cells))


def _make_facts(found: _Notebook | _AnyObject, metadata: _Metadata, cells: int) -> NotebookFacts:
    if bytes(memoryview(found.error)[:5]) != b"null":
        raise NotANotebook("The body is an error message.")
    nbformat, minor = _read_value(found.nbformat), _read_value(found.nbformat_minor)
    if not isinstance(nbformat, int):
        raise NotANotebook("The body has no nbformat.")
    kernel = _decode(_kernel, metadata.kernelspec, _Kernel())
    runtime = _decode(_runtime, metadata.runtime, _Runtime())
    return NotebookFacts(
        f"{nbformat}.{minor}" if isinstance(minor, int) else str(nbformat),
        _read_text(kernel.name),
        _read_text(runtime.name),
        _read_text(runtime.version),
        cells,
    )


def _decode[T](decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, default: T) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return default


def _read_text(raw: msgspec.Raw) -> str:
    value = _read_value(raw)
    return str(value) if isinstance(value, str | int | float) else ""


def _read_value(raw: msgspec.Raw) -> object:
    """Return a small value, or None if it is large or holds half of a surrogate pair."""
    if memoryview(raw).nbytes > MAX_FACT_BYTES:
        return None
    try:
        return _value.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
