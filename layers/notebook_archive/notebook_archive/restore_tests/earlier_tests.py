"""Read what earlier restore tests planned and did. Damaged objects never stop a test."""

from datetime import date, datetime
from typing import TypedDict

import msgspec

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.errors import ArchiveDamaged


class _Version(TypedDict):
    key: str


class EarlierPlan(TypedDict):
    """What is read of the plan of a restore test."""

    startedAt: str
    versions: list[_Version]


class _EarlierResults(TypedDict):
    tests: list[_Version]


def read_earlier_plan(test: RunId, archive: Archive) -> EarlierPlan | None:
    """Return the plan of a test, or None if it is missing or damaged. May raise ArchiveDenied or ArchiveUnavailable."""
    return _read(keys.restore_test_plan_key(test), archive, EarlierPlan)


def read_attempts(archive: Archive, since: date) -> dict[str, int]:
    """Return when each version was last tested since a day, by key, in epoch milliseconds.

    A test that failed counts, and one that was planned before a test ended without results. May raise ArchiveDenied or
    ArchiveUnavailable.
    """
    attempts: dict[str, int] = {}
    for listed in archive.list_documents(keys.RESTORE_TESTS, since):
        match keys.parse_restore_test(listed.key):
            case (test, "plan"):
                plan = read_earlier_plan(test, archive)
                results = _read(keys.restore_test_results_key(test), archive, _EarlierResults)
                at = _parse_moment(plan["startedAt"]) if plan else 0
                for version in results["tests"] if results else plan["versions"] if plan else ():
                    attempts[version["key"]] = max(at, attempts.get(version["key"], 0))
    return attempts


def _read[T](key: str, archive: Archive, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(archive.read_object(key) or b"", type=kind)
    except (ArchiveDamaged, ValueError, RecursionError):
        return None


def _parse_moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0
