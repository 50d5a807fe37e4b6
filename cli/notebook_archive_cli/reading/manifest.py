"""Keep the manifest of a copy of the archive: JSON Lines with the key, SHA-256, size and path of each file."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from notebook_archive.archive import keys

FILE_NAME = "manifest.jsonl"
# A line is shorter than this.
MAX_LINE_BYTES = 65_536
NOTEBOOK_SUFFIX = ".ipynb"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A line of the manifest. `path` is relative to the folder of the manifest, with `/`. `size` is in bytes."""

    key: str
    sha256: str
    size: int
    path: str

    @property
    def folder(self) -> str:
        """The folder of the file, relative to that of the manifest."""
        return str(PurePosixPath(self.path).parent)

    def to_line(self) -> bytes:
        """Return the line of the manifest, with its line feed."""
        document = {"key": self.key, "sha256": self.sha256, "bytes": self.size, "path": self.path}
        return json.dumps(document, ensure_ascii=False).encode(errors="replace") + b"\n"

    def is_intact(self, folder: Path) -> bool:
        """Return whether the file exists and has the recorded bytes."""
        path = folder / self.path
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


class Manifest:
    """The manifest in a folder. Of two lines with the same key, the later one counts.

    Only the places of the lines are kept in memory: about 100 bytes for a version, and the folder of each notebook.
    Threads may share it.
    """

    def __init__(self, folder: Path) -> None:
        """Open the manifest, and create it if it does not exist. A last line that is not whole is removed.

        Raises BlockingIOError if another process has it open.
        """
        self._path = folder / FILE_NAME
        self._file = self._path.open("a+b")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise
        self._file.truncate(_find_end(self._path))
        self._places: dict[int, int] = {}
        # The folder of each notebook that has a file, by item id.
        self.folders: dict[str, str] = {}
        for place, saved in self._read_all():
            self._places[_shorten(saved.key)] = place
            self.folders[saved.key.split("/")[1]] = saved.folder

    def find(self, key: str) -> SavedFile | None:
        """Return the file of a version that was saved before the manifest was opened, or None."""
        place = self._places.get(_shorten(key))
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place)
            saved = _parse(file.readline(MAX_LINE_BYTES))
        return saved if saved and saved.key == key else None

    def add(self, saved: Iterable[SavedFile]) -> None:
        """Write lines, which are on disk after a crash of this program."""
        self._file.writelines(each.to_line() for each in saved)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_all(self) -> Iterator[tuple[int, SavedFile]]:
        place = 0
        with self._path.open("rb") as file:
            for line in file:
                if saved := _parse(line):
                    yield place, saved
                place += len(line)


def _lock(file: IO[bytes]) -> None:
    """Lock a file until it is closed. Windows has no such lock, and a file is then not locked."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _find_end(path: Path) -> int:
    """Return the size of a file up to its last line feed."""
    with path.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - MAX_LINE_BYTES)
        file.seek(start)
        return start + file.read().rfind(b"\n") + 1


def _parse(line: bytes) -> SavedFile | None:
    """Return a line, or None if it does not have the documented form, or leads out of the folder."""
    try:
        given = json.loads(line)
        saved = SavedFile(str(given["key"]), str(given["sha256"]), int(given["bytes"]), str(given["path"]))
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        return None
    path = PurePosixPath(saved.path)
    is_inside = not path.is_absolute() and ".." not in path.parts and not set(saved.path) & set("\\:")
    # No folder and no other file may be taken for that of a version.
    is_notebook = path.suffix == NOTEBOOK_SUFFIX and saved.path.isprintable()
    return saved if is_inside and is_notebook and keys.parse_version(saved.key) else None


def _shorten(key: str) -> int:
    """Return eight bytes of a digest of a key as a number, which takes less memory than the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
