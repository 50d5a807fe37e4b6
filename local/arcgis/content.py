"""The content of items and snapshots: bytes in memory, or a file that is served in chunks."""

from collections.abc import Iterator
from pathlib import Path

type Content = bytes | Path

CHUNK_BYTES = 1024 * 1024


def size_of(content: Content) -> int:
    """Return the length in bytes."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def read(content: Content) -> bytes:
    """Return the whole content. Use it for small content only, because it loads everything into memory."""
    return content.read_bytes() if isinstance(content, Path) else content


def chunks(content: Content) -> Iterator[bytes | memoryview]:
    """Yield the content in chunks of at most 1 MiB. Only one chunk of a file is in memory at a time."""
    if isinstance(content, bytes):
        if len(content) <= CHUNK_BYTES:
            yield content
            return
        view = memoryview(content)
        for start in range(0, len(content), CHUNK_BYTES):
            yield view[start : start + CHUNK_BYTES]
        return
    with content.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
