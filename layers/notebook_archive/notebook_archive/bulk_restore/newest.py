"""Find the version of a notebook with the newest content."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from notebook_archive.archive import ArchiveReader, CapturedNote, CopyId, SeenNote, keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.archive.keys import AlteredSnapshot
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.models import ResourceKey


@dataclass(frozen=True, order=True, slots=True)
class DatedVersion:
    """A version of a notebook. `at` is the time of its content, and `written` when S3 stored it, in milliseconds.

    The newest version is the greatest. Of two versions with content from the same time, the later written one is newer.
    """

    at: int
    written: int
    key: str


def find_newest(objects: Iterable[ListedObject], before: int, reader: ArchiveReader) -> DatedVersion | None:
    """Return the version of a notebook that has the newest content from `before` or earlier, or None.

    `objects` are those of one notebook. `before` is in epoch milliseconds, and 0 sets no limit. A copy is as old as the
    `modified` in its key, or in the key of a later note that the notebook still had this content. A snapshot is as old
    as the `snapshot-created` in its metadata, which costs one HEAD request. So only the snapshots that can be the
    newest are looked up: a snapshot is not newer than the time when it was written. A version that has no such time is
    as old as its object.
    """
    contents: list[tuple[CopyId, int]] = []
    copies: dict[str, str] = {}
    snapshots: list[DatedVersion] = []
    for listed in objects:
        _, name = keys.parse(listed.key) or (None, None)
        written = int(listed.written.timestamp() * 1000)
        if isinstance(name, CopyId) and not isinstance(name, CapturedNote):
            contents.append((name, written))
            if not isinstance(name, SeenNote):
                copies[name.short_digest] = listed.key
        elif isinstance(name, ResourceKey | AlteredSnapshot):
            snapshots.append(DatedVersion(written, written, listed.key))
    dated_copies = [
        DatedVersion(content.modified or written, written, copies[content.short_digest])
        for content, written in contents
        if content.short_digest in copies
    ]
    newest = max((copy for copy in dated_copies if not before or copy.at <= before), default=None)
    for snapshot in sorted(snapshots, reverse=True):
        latest = min(snapshot.at, before) if before else snapshot.at
        if newest and latest < newest.at:
            break
        dated = DatedVersion(_read_created(snapshot.key, reader) or snapshot.at, snapshot.written, snapshot.key)
        if not before or dated.at <= before:
            newest = max(newest, dated) if newest else dated
    return newest


def _read_created(key: str, reader: ArchiveReader) -> int:
    """Return when a snapshot was created according to its metadata, in epoch milliseconds, or 0."""
    described = reader.describe_version(key)
    return parse_created(decode_metadata(described.metadata)) if described else 0


def parse_created(metadata: Mapping[str, str]) -> int:
    """Return when a snapshot was created according to its decoded metadata, in epoch milliseconds, or 0."""
    try:
        return int(datetime.fromisoformat(metadata.get("snapshot-created", "")).timestamp() * 1000)
    except ValueError:
        return 0
