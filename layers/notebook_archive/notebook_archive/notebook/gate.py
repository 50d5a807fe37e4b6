"""The gate: is this body one complete notebook?

A body of any size is checked in chunks, in bounded memory, and only a few facts are kept. A body passes if
`json.loads(body, strict=False)` accepts it, and it is an object with `nbformat` and a list of `cells` and without
`error`. Every truncated body is refused.

A piece of the body becomes a document of its own if the containers that are open at its two ends are opened and closed.
msgspec then checks its grammar without building objects. There are two ways to find where to cut. The quick one
guesses: between two cells, or after the whole body. A wrong guess does no harm, because the piece is then not a
document. The other one removes the strings from the text, matches the remaining brackets, and cuts at the last
comma. It also accepts what Python writes and msgspec does not read.
"""

import codecs
import re
from itertools import islice

import msgspec

from notebook_archive.errors import NotANotebook
from notebook_archive.notebook.facts import FactCollector, NotebookFacts
from notebook_archive.notebook.text import (
    CLOSING,
    build_skeleton,
    close_brackets,
    find_cuts_between_cells,
    replace_escapes,
)

# Maximum bytes of a skeleton without a comma. No notebook has more: it would be one number, or a million brackets.
_MAX_TOKEN_BYTES = 1_000_000
# Maximum depth of nested containers. Python's own parser fails near 1,000.
_MAX_DEPTH = 500
# Maximum bytes between two cells.
_MAX_GAP_BYTES = 200
# Maximum number of possible cuts between cells that are checked before a chunk is held or split.
_MAX_GUESSES = 2
# Maximum bytes that are held unchanged until the next chunk shows where a cell ends.
_MAX_HELD_BYTES = 131_072
# Bytes that are decoded at a time. The text is dropped, so small pieces reuse the same memory.
_UTF8_BYTES = 32_768
_CUT_LITERAL = re.compile(rb"[-A-Za-z]{1,9}\Z")
# These bytes stand for the neighbors of a piece, so that the commas at its ends are checked too.
_BEFORE = {b"[": b"[0,", b"{": b'{"":0,'}
_AFTER = {b"[": b",0", b"{": b',"":0'}
_BOM = b"\xef\xbb\xbf"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


class Gate:
    """Checks a body chunk by chunk: call `feed` with each chunk, then `facts`.

    Both raise NotANotebook as soon as the body cannot be a notebook. `_held` is the end of the last chunk if it stopped
    inside an escape, a literal or a short string. `_in_string` says that it stopped inside a long string, whose place
    the skeleton has already. `_pending` is the skeleton after its last comma. `_open` are the containers that are open
    where `_pending` starts.
    """

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogatepass")  # as json.loads decodes
        self._received = 0
        self._held = b""
        self._in_string = False
        self._pending, self._pending_brackets = b"", b""
        self._open = b""
        self._complete = False
        self._facts = FactCollector()

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes of the body. A chunk may have any length."""
        self._check_utf8(chunk)
        first = self._received == 0
        text = self._held + chunk if self._held else chunk
        self._received += len(chunk)
        if self._received < len(_BOM) and _BOM.startswith(text):
            self._held = text
            return
        text = text.removeprefix(_BOM) if self._received == len(text) else text
        if self._complete:
            if text.strip(b" \t\r\n"):
                raise self._refuse("something follows the notebook")
            return
        if self._in_string:
            string, quote, rest = text.partition(b'"')
            if b"\\" not in string:
                self._held, self._in_string, text = b"", not quote, rest
        if self._in_string and not text:
            return
        if (first and self._prove(b"", text)) or self._cut_between_cells(text):
            return
        if self._in_string or len(text) > _MAX_HELD_BYTES:
            self._check_parts(self._split(text))
        else:
            self._held = text

    def _check_utf8(self, chunk: bytes) -> None:
        if chunk.isascii() and not self._utf8.getstate()[0]:
            return
        try:
            for start in range(0, len(chunk), _UTF8_BYTES):
                self._utf8.decode(chunk[start : start + _UTF8_BYTES])
        except UnicodeDecodeError:
            raise self._refuse("it is not UTF-8") from None

    def _cut_between_cells(self, text: bytes) -> bool:
        """Return whether the text could be cut between two cells. The rest is then held."""
        if self._in_string or (self._open and (self._facts.path[0] != "cells" or self._open[:2] != b"{[")):
            return False
        for cut in islice(find_cuts_between_cells(text, max(0, len(self._held) - _MAX_GAP_BYTES)), _MAX_GUESSES):
            pieces = self._pending, memoryview(text)[: cut - 1]
            if self._prove_cells(*pieces) if self._open == b"{[" else self._prove(b"{[", *pieces):
                self._held = text[cut:]
                self._pending = self._pending_brackets = b""
                return True
        return False

    def facts(self) -> NotebookFacts:
        """Return the facts of the notebook at the end of the body."""
        try:
            self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            raise self._refuse("it ends inside a character") from None
        if not self._complete and (self._in_string or not self._prove(b"", self._pending, self._held)):
            parts = self._split(self._held)
            if self._in_string or self._held or len(parts) % 2 == 0:
                raise self._refuse("it ends inside a string")
            self._check(*self._with_pending(parts))
        if self._open:
            raise self._refuse("it ends before its last bracket")
        facts = self._facts.finish()
        if isinstance(facts, str):
            raise self._refuse(facts)
        return facts

    def _split(self, text: bytes) -> list[bytes]:
        """Return parts that are alternately outside and inside of strings. The first part is outside."""
        plain = replace_escapes(text)
        if plain is None:
            raise self._refuse("a string holds an escape that JSON does not know")
        text, self._held = plain
        return (b'"' + text if self._in_string else text).split(b'"')

    def _check_parts(self, parts: list[bytes]) -> None:
        """Check the text up to its last comma outside of strings. Hold the rest, or its skeleton if it is long."""
        if self._in_string:
            parts[1] = b""  # the skeleton has this string already
        last = next((i for i in range((len(parts) - 1) // 2 * 2, -1, -2) if b"," in parts[i]), None)
        if last is not None:
            head, _, rest = parts[last].rpartition(b",")
            self._check(*self._with_pending([*parts[:last], head]))
            if self._complete:
                raise self._refuse("something follows the notebook")
            self._pending = self._pending_brackets = b""
            self._in_string = False
            parts = [rest, *parts[last + 1 :]]
        if not self._in_string and sum(map(len, parts)) + len(parts) <= _MAX_HELD_BYTES:
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
        if len(self._pending) > _MAX_TOKEN_BYTES:
            raise self._refuse("it holds a value that no notebook holds")

    def _with_pending(self, parts: list[bytes]) -> tuple[bytes, bytes]:
        """Return the pending skeleton and its brackets, extended by those of the parts."""
        text, brackets = build_skeleton(parts)
        text = text.removeprefix(b'""' if self._in_string else b"")
        return self._pending + text, self._pending_brackets + brackets

    def _check(self, piece: bytes, brackets: bytes) -> None:
        """Check the grammar of a piece whose brackets are known."""
        stack = close_brackets(self._open, brackets, _MAX_DEPTH)
        if stack is None:
            raise self._refuse("its brackets do not match")
        if len(stack) > _MAX_DEPTH:
            raise self._refuse(f"its values are nested deeper than {_MAX_DEPTH}")
        if not self._prove(stack, piece):
            raise self._refuse("it is not JSON, or not all of it" if self._received else "it is empty")

    def _prove(self, stack: bytes, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces are valid and lead from the open containers to `stack`. If so, add their facts."""
        closing = bytes(CLOSING[bracket] for bracket in reversed(stack))
        try:
            members = _object.decode(b"".join((self._open_containers(), *pieces, _AFTER.get(stack[-1:], b""), closing)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if fault := self._facts.add_piece(members, self._open, stack):
            raise self._refuse(fault)
        self._open, self._complete = stack, not stack
        return True

    def _prove_cells(self, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces are some of the cells, and count them. Like `_prove`, but in one pass."""
        try:
            cells = _list.decode(b"".join((b"[0,", *pieces, b",0]")))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        self._facts.cells = (self._facts.cells or 0) + len(cells) - 2
        return True

    def _open_containers(self) -> bytes:
        keys = [msgspec.json.encode(key) for key in self._facts.path] + [b'""'] * len(self._open)
        outer = (
            b"[" if bracket == ord("[") else b"{" + key + b":"
            for bracket, key in zip(self._open[:-1], keys, strict=False)
        )
        return b"".join(outer) + _BEFORE.get(self._open[-1:], b"")

    def _refuse(self, why: str) -> NotANotebook:
        return NotANotebook(f"The body is not one complete notebook: {why} (after {self._received} bytes).")
