"""The gate: is this body one complete notebook?

A body of any size goes through in chunks, in bounded memory, and nothing of it is kept but a few facts.  What passes
is what
``json.loads(body, strict=False)`` takes, if it is an object with ``nbformat`` and a list of ``cells``, and without
``error``. Every truncation is refused.

A piece of the body becomes a document of its own when what is open at its two ends is opened and closed; msgspec then
checks its grammar without building objects.  Where to cut is found in two ways.  The quick one guesses: between two
cells, or after the whole body.  A wrong guess does no harm, for then the piece is not a document.  The sure one takes
the strings out of the text, matches the brackets that are left and cuts at the last comma.  It also bears what Python
writes and msgspec does not read.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from notebook_archive.errors import NotANotebook

_KEPT = 80
"""Bytes; longer strings leave the skeleton.  The names among the facts are shorter."""
_LONGEST_TOKEN = 1_000_000
"""Bytes of skeleton without a comma.  No notebook has them: they would be one number, or a million brackets."""
_DEEPEST = 500
"""Nested containers.  Python's own parser gives up near 1,000."""

_BAD_ESCAPE = re.compile(rb"\\[^/bfnrtu]|\\u(?![0-9A-Fa-f]{4})")
_BETWEEN_CELLS = re.compile(
    rb'\}[ \t\r\n]*,(?=[ \t\r\n]*\{[ \t\r\n]*"(?:attachments|cell_type|execution_count|id|metadata|source)")'
)
_LONGEST_BETWEEN = 200
_LOOKS, _GUESSES = 500, 2
"""Closing brackets looked at for a cut between cells, and cuts tried, before a chunk is held or split."""
_HELD = 1_000_000
"""Bytes that are held, as they are, for the next chunk to show where a cell ends.  Few cells are larger."""
_UTF8_BYTES = 32_768
"""Decoded at a time: the text is thrown away, and small texts get the same memory again and again."""
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_CUT_LITERAL = re.compile(rb"[-A-Za-z]{1,9}\Z")
_CONTROL = re.compile(rb"[\x00-\x1f]")
_CONTROLS_BLANKED = bytes(max(byte, 0x20) for byte in range(256))
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_RESIDUE = re.compile(rb"([\]}]*)([\[{]*)")
_CLOSING = {ord("["): ord("]"), ord("{"): ord("}")}
_BEFORE = {b"[": b"[0,", b"{": b'{"":0,'}
_AFTER = {b"[": b",0", b"{": b',"":0'}
"""What stands in for the neighbours of a piece, so that the commas at its ends are checked too."""
_BOM = b"\xef\xbb\xbf"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class NotebookFacts:
    """What a notebook says of itself; empty where it says nothing."""

    nbformat: str
    kernel: str
    runtime: str
    runtime_version: str
    cells: int


class Gate:
    """Takes a body chunk by chunk: ``feed`` each, then ``facts``.  Both raise NotANotebook as soon as it cannot be
    one."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogatepass")  # as json.loads decodes
        self._received = 0
        self._held = b""
        """The end of the last chunk where it stopped inside an escape, a literal or a short string."""
        self._in_string = False
        """Inside a string too long to be kept, of which the skeleton already has the place."""
        self._pending, self._pending_brackets = b"", b""
        """The skeleton after its last comma."""
        self._open = b""
        """The containers that are open where ``_pending`` starts."""
        self._complete = False
        self._path = ["", ""]
        """The keys under which the open containers of the first two levels stand."""
        self._members: dict[str, Any] = {}
        self._metadata: dict[str, dict[str, Any]] = {"kernelspec": {}, "esriNotebookRuntime": {}}
        self._cells: int | None = None

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes of the body, of any number."""
        self._decode(chunk)
        first = self._received == 0
        text = self._held + chunk if self._held else chunk
        self._received += len(chunk)
        if self._received < len(_BOM) and _BOM.startswith(text):
            self._held = text
            return
        text = text.removeprefix(_BOM) if self._received == len(text) else text
        if self._complete:
            if text.strip(b" \t\r\n"):
                raise self._refusal("something follows the notebook")
            return
        if self._in_string:
            string, quote, rest = text.partition(b'"')
            if b"\\" not in string:
                self._held, self._in_string, text = b"", not quote, rest
        if self._in_string and not text:
            return
        if (first and self._prove(b"", text)) or self._guess(text):
            return
        if self._in_string or len(text) > _HELD:
            self._take(self._split(text))
        else:
            self._held = text

    def _decode(self, chunk: bytes) -> None:
        if chunk.isascii() and not self._utf8.getstate()[0]:
            return
        try:
            for start in range(0, len(chunk), _UTF8_BYTES):
                self._utf8.decode(chunk[start : start + _UTF8_BYTES])
        except UnicodeDecodeError:
            raise self._refusal("it is not UTF-8") from None

    def _guess(self, text: bytes) -> bool:
        """Return whether the text could be cut between two cells; the rest is held."""
        if self._in_string or (self._open and (self._path[0] != "cells" or self._open[:2] != b"{[")):
            return False
        for cut in islice(_cuts(text, max(0, len(self._held) - _LONGEST_BETWEEN)), _GUESSES):
            pieces = self._pending, memoryview(text)[: cut - 1]
            if self._prove_cells(*pieces) if self._open == b"{[" else self._prove(b"{[", *pieces):
                self._held = text[cut:]
                self._pending = self._pending_brackets = b""
                return True
        return False

    def facts(self) -> NotebookFacts:
        """Return the facts of the notebook, now that the body has ended."""
        try:
            self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            raise self._refusal("it ends inside a character") from None
        if not self._complete and (self._in_string or not self._prove(b"", self._pending, self._held)):
            parts = self._split(self._held)
            if self._in_string or self._held or len(parts) % 2 == 0:
                raise self._refusal("it ends inside a string")
            self._check(*self._with_pending(parts))
        if self._open:
            raise self._refusal("it ends before its last bracket")
        nbformat, minor = self._members.get("nbformat"), self._members.get("nbformat_minor")
        if not isinstance(nbformat, int) or self._cells is None:
            raise self._refusal("it has no nbformat" if self._cells is not None else "it has no cells")
        kernel, runtime = self._metadata["kernelspec"], self._metadata["esriNotebookRuntime"]
        return NotebookFacts(
            f"{nbformat}.{minor}" if isinstance(minor, int) else str(nbformat),
            str(kernel.get("name") or ""),
            str(runtime.get("notebookRuntimeName") or ""),
            str(runtime.get("notebookRuntimeVersion") or ""),
            self._cells,
        )

    def _split(self, text: bytes) -> list[bytes]:
        """Return what stands outside and inside of strings, in turn, starting outside.

        Escapes are checked, and then replaced by one of the same length that means nothing here.  So the quotes that
        are left are the strings' own.  Outside of strings a backslash stays, which the grammar refuses.
        """
        if b"\\" in text:
            text = text.replace(rb"\\", rb"\/").replace(rb"\"", rb"\/")
        cut = _CUT_ESCAPE.search(text, max(0, len(text) - 5))
        self._held = text[cut.start() :] if cut else b""
        text = text[: cut.start()] if cut else text
        if b"\\" in text:
            if _BAD_ESCAPE.search(text):
                raise self._refusal("a string holds an escape that JSON does not know")
            text = text.replace(rb"\u", rb"\/")
        return (b'"' + text if self._in_string else text).split(b'"')

    def _take(self, parts: list[bytes]) -> None:
        """Check the text up to its last comma outside of strings; hold the rest, or pend its skeleton where it is
        long."""
        if self._in_string:
            parts[1] = b""  # the rest of a string that the skeleton has already
        last = next((i for i in range((len(parts) - 1) // 2 * 2, -1, -2) if b"," in parts[i]), None)
        if last is not None:
            head, _, rest = parts[last].rpartition(b",")
            self._check(*self._with_pending([*parts[:last], head]))
            if self._complete:
                raise self._refusal("something follows the notebook")
            self._pending = self._pending_brackets = b""
            self._in_string = False
            parts = [rest, *parts[last + 1 :]]
        if not self._in_string and sum(map(len, parts)) + len(parts) <= _HELD:
            self._held = b'"'.join(parts) + self._held
            return
        ends_inside = len(parts) % 2 == 0
        if ends_inside:
            parts[-1:] = [b"", b""]
        elif literal := _CUT_LITERAL.search(parts[-1], max(0, len(parts[-1]) - 9)):
            self._held = literal.group() + self._held
            parts[-1] = parts[-1][: literal.start()]
        self._pending, self._pending_brackets = self._with_pending(parts)
        self._in_string = ends_inside
        if len(self._pending) > _LONGEST_TOKEN:
            raise self._refusal("it holds a value that no notebook holds")

    def _with_pending(self, parts: list[bytes]) -> tuple[bytes, bytes]:
        """Return the pending skeleton and its brackets, continued by the parts'.

        The skeleton empties long strings and blanks control characters in others.  Python's NaN and infinities become
        numbers.
        """
        outside, inside = parts[0::2], parts[1::2]
        bare = b"".join(outside)
        if b"N" in bare or b"I" in bare:
            for literal in (b"-Infinity", b"Infinity", b"NaN"):
                outside = [part.replace(literal, b" 0 ") for part in outside]
        kept = [string if len(string) <= _KEPT else b"" for string in inside]
        if _CONTROL.search(b"".join(kept)):
            kept = [string.translate(_CONTROLS_BLANKED) for string in kept]
        skeleton = [b""] * len(parts)
        skeleton[0::2], skeleton[1::2] = outside, kept
        text = b'"'.join(skeleton).removeprefix(b'""' if self._in_string else b"")
        return self._pending + text, self._pending_brackets + bare.translate(None, _NOT_BRACKETS)

    def _check(self, piece: bytes, brackets: bytes) -> None:
        """Check the grammar of a piece whose brackets are known."""
        for _ in range(_DEEPEST):  # each turn takes a level away, so deeper ones are left, and refused below
            length = len(brackets)
            brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
            if len(brackets) == length:
                break
        stack = bytearray(self._open)
        residue = _RESIDUE.fullmatch(brackets)
        if not residue or any(not stack or _CLOSING[stack.pop()] != bracket for bracket in residue[1]):
            raise self._refusal("its brackets do not match")
        stack += residue[2]
        if len(stack) > _DEEPEST:
            raise self._refusal(f"its values are nested deeper than {_DEEPEST}")
        if not self._prove(bytes(stack), piece):
            raise self._refusal("it is not JSON, or not all of it" if self._received else "it is empty")

    def _prove(self, stack: bytes, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces lead from what was open to ``stack``; if so, note the facts and go on from
        there."""
        closing = bytes(_CLOSING[bracket] for bracket in reversed(stack))
        try:
            members = _object.decode(b"".join((self._opening(), *pieces, _AFTER.get(stack[-1:], b""), closing)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        self._note(members, stack)
        self._open, self._complete = stack, not stack
        return True

    def _prove_cells(self, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces are some of the cells; if so, count them.  What _prove does, in one pass of two."""
        try:
            cells = _list.decode(b"".join((b"[0,", *pieces, b",0]")))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        self._cells = (self._cells or 0) + len(cells) - 2
        return True

    def _opening(self) -> bytes:
        keys = [msgspec.json.encode(key) for key in self._path] + [b'""'] * len(self._open)
        outer = (
            b"[" if bracket == ord("[") else b"{" + key + b":"
            for bracket, key in zip(self._open[:-1], keys, strict=False)
        )
        return b"".join(outer) + _BEFORE.get(self._open[-1:], b"")

    def _note(self, members: dict[str, msgspec.Raw], stack: bytes) -> None:
        """Note the facts among the members of the notebook, or of a piece of it that ends inside of ``stack``."""
        if bytes(members.get("error", b"null")) != b"null":
            raise self._refusal("it is an error message")
        for name in ("nbformat", "nbformat_minor"):
            if name in members:
                self._members[name] = _read(members[name])
        if "cells" in members:
            try:
                cells = len(_list.decode(members["cells"]))
            except msgspec.ValidationError:
                raise self._refusal("its cells are not a list") from None
            continued = self._path[0] == "cells" and len(self._open) > 1
            followed = next(reversed(members)) == "cells" and len(stack) == 2
            self._cells = (self._cells or 0) + cells - continued - followed
        metadata: dict[str, msgspec.Raw] = {}
        if "metadata" in members:
            try:
                metadata = _object.decode(members["metadata"])
            except msgspec.ValidationError:
                raise self._refusal("its metadata is not an object") from None
            for name in self._metadata.keys() & metadata.keys():
                value = _read(metadata[name])
                self._metadata[name] |= value if isinstance(value, dict) else {}
        if members:
            self._path = [next(reversed(members)), next(reversed(metadata), "")]

    def _refusal(self, why: str) -> NotANotebook:
        return NotANotebook(f"The body is not one complete notebook: {why} (after {self._received} bytes).")


def _cuts(text: bytes, start: int) -> Iterator[int]:
    """Yield the places after a comma that may stand between two cells, the last first."""
    place = len(text)
    for _ in range(_LOOKS):
        place = text.rfind(b"}", start, place)
        if place < 0:
            return
        if match := _BETWEEN_CELLS.match(text, place):
            yield match.end()


def _read(raw: msgspec.Raw) -> object:
    """Return a small value; None where it holds what only a lenient reader takes, such as half of a surrogate pair."""
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
