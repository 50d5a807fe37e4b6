"""Content of items and snapshots: bytes in memory, or a file that is never read whole."""

from collections.abc import Iterator
from pathlib import Path

type Content = bytes | Path

CHUNK = 1024 * 1024


def size_of(content: Content) -> int:
    """Length in bytes."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def read(content: Content) -> bytes:
    """The whole content; meant for small ones."""
    return content.read_bytes() if isinstance(content, Path) else content


def chunks(content: Content) -> Iterator[bytes | memoryview]:
    """The content in pieces of at most 1 MiB, of which one is in memory at a time."""
    if isinstance(content, bytes):
        if len(content) <= CHUNK:
            yield content
            return
        view = memoryview(content)
        for start in range(0, len(content), CHUNK):
            yield view[start : start + CHUNK]
        return
    with content.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk
