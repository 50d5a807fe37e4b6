"""The gate: is this body one complete notebook?

A body of any size goes through in chunks, in bounded memory, and nothing of it is kept but a few facts.  What passes
is what ``json.loads(body, strict=False)`` takes, if it is an object with ``nbformat`` and a list of ``cells``, and
without ``error``.  Every truncation is refused.

A piece of the body becomes a document of its own when what is open at its two ends is opened and closed; msgspec then
checks its grammar without building objects.  Where to cut is found in two ways.  The quick one guesses: between two
cells, or after the whole body.  A wrong guess does no harm, for then the piece is not a document.  The sure one takes
the strings out of the text, matches the brackets that are left and cuts at the last comma.  It also bears what Python
writes and msgspec does not read.
"""

import codecs
import re
from itertools import islice

import msgspec

from notebook_archive.errors import NotANotebook
from notebook_archive.notebook.facts import NotebookFacts, Notes
from notebook_archive.notebook.text import CLOSING, cuts_between_cells, plain_escapes, skeleton, still_open

_LONGEST_TOKEN = 1_000_000
"""Bytes of skeleton without a comma.  No notebook has them: they would be one number, or a million brackets."""
_DEEPEST = 500
"""Nested containers.  Python's own parser gives up near 1,000."""

_LONGEST_BETWEEN = 200
_GUESSES = 2
"""Cuts between cells that are tried before a chunk is held or split."""
_HELD = 131_072
"""Bytes that are held, as they are, for the next chunk to show where a cell ends."""
_UTF8_BYTES = 32_768
"""Decoded at a time: the text is thrown away, and small texts get the same memory again and again."""
_CUT_LITERAL = re.compile(rb"[-A-Za-z]{1,9}\Z")
_BEFORE = {b"[": b"[0,", b"{": b'{"":0,'}
_AFTER = {b"[": b",0", b"{": b',"":0'}
"""What stands in for the neighbours of a piece, so that the commas at its ends are checked too."""
_BOM = b"\xef\xbb\xbf"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


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
        self._notes = Notes()

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
        if self._in_string or (self._open and (self._notes.path[0] != "cells" or self._open[:2] != b"{[")):
            return False
        for cut in islice(cuts_between_cells(text, max(0, len(self._held) - _LONGEST_BETWEEN)), _GUESSES):
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
        facts = self._notes.facts()
        if isinstance(facts, str):
            raise self._refusal(facts)
        return facts

    def _split(self, text: bytes) -> list[bytes]:
        """Return what stands outside and inside of strings, in turn, starting outside."""
        plain = plain_escapes(text)
        if plain is None:
            raise self._refusal("a string holds an escape that JSON does not know")
        text, self._held = plain
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
        """Return the pending skeleton and its brackets, continued by the parts'."""
        text, brackets = skeleton(parts)
        text = text.removeprefix(b'""' if self._in_string else b"")
        return self._pending + text, self._pending_brackets + brackets

    def _check(self, piece: bytes, brackets: bytes) -> None:
        """Check the grammar of a piece whose brackets are known."""
        stack = still_open(self._open, brackets, _DEEPEST)
        if stack is None:
            raise self._refusal("its brackets do not match")
        if len(stack) > _DEEPEST:
            raise self._refusal(f"its values are nested deeper than {_DEEPEST}")
        if not self._prove(stack, piece):
            raise self._refusal("it is not JSON, or not all of it" if self._received else "it is empty")

    def _prove(self, stack: bytes, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces lead from what was open to ``stack``; if so, note the facts and go on from
        there."""
        closing = bytes(CLOSING[bracket] for bracket in reversed(stack))
        try:
            members = _object.decode(b"".join((self._opening(), *pieces, _AFTER.get(stack[-1:], b""), closing)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if fault := self._notes.take(members, self._open, stack):
            raise self._refusal(fault)
        self._open, self._complete = stack, not stack
        return True

    def _prove_cells(self, *pieces: bytes | memoryview) -> bool:
        """Return whether the pieces are some of the cells; if so, count them.  What _prove does, in one pass of two."""
        try:
            cells = _list.decode(b"".join((b"[0,", *pieces, b",0]")))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        self._notes.cells = (self._notes.cells or 0) + len(cells) - 2
        return True

    def _opening(self) -> bytes:
        keys = [msgspec.json.encode(key) for key in self._notes.path] + [b'""'] * len(self._open)
        outer = (
            b"[" if bracket == ord("[") else b"{" + key + b":"
            for bracket, key in zip(self._open[:-1], keys, strict=False)
        )
        return b"".join(outer) + _BEFORE.get(self._open[-1:], b"")

    def _refusal(self, why: str) -> NotANotebook:
        return NotANotebook(f"The body is not one complete notebook: {why} (after {self._received} bytes).")
