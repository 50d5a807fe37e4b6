"""Stage a notebook between ArcGIS and S3: hash it, and check that it is complete before any part of it is stored."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from errno import ENOSPC
from io import BytesIO
from mmap import ACCESS_READ, mmap
from tempfile import SpooledTemporaryFile
from typing import IO

from notebook_archive.arcgis.envelopes import find_error_in_body
from notebook_archive.errors import NotANotebook, SnapshotTooLarge
from notebook_archive.notebook import NotebookFacts, read_facts

# A larger notebook is kept on disk.
IN_MEMORY_BYTES = 8_000_000
# Maximum number of bytes that are read from a body that is not a notebook. An error message may be this long.
HEAD_BYTES = 65_536
_NOTEBOOK_START = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?:\{|\Z)")


@dataclass(frozen=True, slots=True)
class Staged:
    """A complete notebook. `file` contains its bytes as received, and its position is 0. The caller must close it."""

    file: IO[bytes]
    size: int
    digest: bytes
    facts: NotebookFacts

    def view(self) -> bytes | mmap:
        """Return the bytes, without copying them if `stage` made the file."""
        return self.file.view() if isinstance(self.file, _Spool) else self.file.read()


class _Spool(SpooledTemporaryFile[bytes]):
    """A file in memory, or on disk if it is large."""

    def view(self) -> bytes | mmap:
        """Return the bytes without copying them, which `read` would do."""
        if isinstance(self._file, BytesIO):
            return self._file.getvalue()
        self.flush()
        return mmap(self.fileno(), 0, access=ACCESS_READ)


def stage(chunks: Iterable[bytes], what: str) -> Staged:
    """Return the notebook that the chunks form together. `what` names it in error messages.

    If the body is an ArcGIS error message or an HTML page, raises the matching error. If it is anything else that is
    not a notebook, raises NotANotebook. Raises SnapshotTooLarge if the disk is full.
    """
    file = _Spool(max_size=IN_MEMORY_BYTES)
    try:
        return _stage(chunks, what, file)
    except OSError as error:
        file.close()
        if error.errno != ENOSPC:
            raise
        raise SnapshotTooLarge(f"{what}: the function's disk is full. Increase EphemeralStorageMegabytes.") from None
    except BaseException:
        file.close()
        raise


def _stage(chunks: Iterable[bytes], what: str, file: _Spool) -> Staged:
    sha256, size, head = hashlib.sha256(), 0, bytearray()
    for chunk in chunks:
        head += chunk[: HEAD_BYTES - len(head)]
        if len(head) == HEAD_BYTES and not _NOTEBOOK_START.match(head):
            break  # the rest is not worth waiting for
        sha256.update(chunk)
        size += len(chunk)
        file.write(chunk)
    try:
        facts = read_facts(file.view())
    except NotANotebook as error:
        raise find_error_in_body(bytes(head), what) or NotANotebook(f"{what}: {error}") from None
    file.seek(0)
    return Staged(file, size, sha256.digest(), facts)
