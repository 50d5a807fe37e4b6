"""Read the JSON documents of the archive, which somebody may have replaced."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from notebook_archive.archive import Archive
from notebook_archive.errors import ArchiveDamaged

# The members that every report has, each with a text.
_REPORT_MEMBERS = ("runId", "status", "startedAt", "endedAt")


def read_document(archive: Archive, key: str, *members: str) -> dict[str, Any] | None:
    """Return a JSON object that has these members, or None if there is no such key. Raises ArchiveDamaged."""
    body = archive.read_object(key)
    if body is None:
        return None
    try:
        return _check(key, json.loads(body), members)
    except (RecursionError, ValueError):
        raise _describe_damage(key) from None


def read_report(archive: Archive, key: str) -> dict[str, Any] | None:
    """Return a report of any kind, or None if there is none. Raises ArchiveDamaged."""
    report = read_document(archive, key, *_REPORT_MEMBERS)
    if report is None:
        return None
    try:
        is_whole = all(isinstance(report[name], str) for name in _REPORT_MEMBERS)
        is_timed = is_whole and all(datetime.fromisoformat(report[name]).tzinfo for name in ("startedAt", "endedAt"))
    except ValueError:
        is_timed = False
    if not is_timed:
        raise _describe_damage(key)
    return report


def read_lines(archive: Archive, key: str, *members: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON Lines. Each has these members. Raises ArchiveDamaged.

    Nothing is yielded if there is no such key.
    """
    try:
        for line in archive.read_lines(key):
            yield _check(key, line, members)
    except (RecursionError, ValueError):
        raise _describe_damage(key) from None


def _check(key: str, document: object, members: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(document, Mapping) or not document.keys() >= set(members):
        raise _describe_damage(key)
    return dict(document)


def _describe_damage(key: str) -> ArchiveDamaged:
    return ArchiveDamaged(f"{key} does not have the documented form (docs/archive-format.md).")
