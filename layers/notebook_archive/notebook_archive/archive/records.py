"""Encode and parse store records: the versions that a run stored, with their sizes and SHA-256.

A store record is evidence that S3 confirmed these bytes under this key. So a version that later disappears is found.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from notebook_archive.archive import keys

# Version of the format of store records.
RECORD_SCHEMA = 1
# A larger document of evidence is not read. A record of 100,000 versions has about 25 MB.
MAX_EVIDENCE_BYTES = 50_000_000
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """A version that was stored: its whole key, its size in bytes, and its SHA-256 in hexadecimal digits."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredByRun:
    """A store record document: the versions that one function of a run stored. `key` is the document's own key."""

    key: str
    run: keys.RunId
    versions: tuple[StoreRecord, ...]


@dataclass(frozen=True, slots=True)
class DamagedEvidence:
    """A document of evidence that cannot be used. `message` says why. `key` is the document's own key."""

    key: str
    message: str


def make_store_record(run: keys.RunId, versions: Iterable[StoreRecord]) -> dict[str, Any]:
    """Return the document that records what a run stored."""
    listed = [{"key": each.key, "bytes": each.size, "sha256": each.sha256} for each in versions]
    return {"schema": RECORD_SCHEMA, "runId": run, "versions": listed}


def parse_store_record(key: str, body: bytes) -> StoredByRun | DamagedEvidence:
    """Return what a store record says, or why it cannot be used. Raises nothing."""
    try:
        run, lines = parse_evidence(key, body)
        return StoredByRun(key, run, tuple(_parse_version(line) for line in lines))
    except EvidenceInvalid as error:
        return DamagedEvidence(key, str(error))


class EvidenceInvalid(ValueError):
    """A document of evidence does not have the documented form."""


def parse_evidence(key: str, body: bytes) -> tuple[keys.RunId, list[Mapping[str, Any]]]:
    """Return the run and the lines of a document of evidence, or raise EvidenceInvalid.

    The line of a version has its key in `key`, and this key is the key of a version. Nothing else in it is checked.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise EvidenceInvalid(f"{key} is not JSON.") from None
    run = keys.parse_evidence(key)
    if not isinstance(document, dict) or run is None or document.get("runId") != run:
        raise EvidenceInvalid(f"{key} does not name the run that its key names.")
    lines = document.get("versions")
    if document.get("schema") != RECORD_SCHEMA or not isinstance(lines, list):
        raise EvidenceInvalid(f"{key} has no list of versions in a form that this release can read.")
    for line in lines:
        name = line.get("key") if isinstance(line, dict) else None
        if not isinstance(name, str) or keys.parse_version(name) is None:
            raise EvidenceInvalid(f"{key} has an entry that does not name an archived version.")
    return run, lines


def _parse_version(line: Mapping[str, Any]) -> StoreRecord:
    size, sha256 = line.get("bytes"), line.get("sha256")
    if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise EvidenceInvalid(f"The record of {line['key']} has no valid size or no valid SHA-256.")
    return StoreRecord(line["key"], size, sha256)
