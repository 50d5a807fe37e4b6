"""Check one object of the archive, and return what is proved or what is wrong."""

import json
import logging
import time
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any

from notebook_archive.archive import ArchiveReader, keys
from notebook_archive.archive.records import DamagedEvidence, EvidenceInvalid, parse_evidence, parse_store_record
from notebook_archive.backup.records import describe_problem
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveUnavailable, NotebookArchiveError
from notebook_archive.verification.checks import Check
from notebook_archive.verification.examination import CountedReader, Examination, examine
from notebook_archive.verification.findings import Finding, FindingKind, make_finding
from notebook_archive.verification.results import CheckResult

_log = logging.getLogger(__name__)

# Levels of proof: listed with the recorded size, and read whole and found to be a notebook.
LISTED, PARSED = 1, 3


def check_object(check: Check, reader: ArchiveReader, now: int) -> CheckResult:
    """Check an object and return the result. `now` is in epoch milliseconds. An error is a finding."""
    counted = CountedReader(reader)
    start = time.monotonic()
    try:
        finding, proof = _check(check, counted, now)
    except Exception as error:  # noqa: BLE001 - the other objects must still be checked
        if not isinstance(error, NotebookArchiveError):
            _log.exception("Checking %s failed because of a defect", check["key"])
        finding, proof = make_finding("unreadable", check, describe_problem(error)["message"], format_moment(now)), {}
    return CheckResult(check, finding, proof, counted.requests, counted.size, time.monotonic() - start)


def _check(check: Check, reader: CountedReader, now: int) -> tuple[Finding | None, dict[str, Any]]:
    """Return the finding or None, and what the check proved about a version."""
    match check["kind"]:
        case "read":
            return _check_version(check, examine(check["key"], check["versionId"], reader), reader, now, level=PARSED)
        case "head":
            found = reader.examine_head(check["key"], check["versionId"])
            if found and not found.checksum:  # only the bytes can be compared
                return _check({**check, "kind": "read"}, reader, now)
            return _check_version(check, found, reader, now, level=LISTED)
        case "missing":
            if reader.examine_head(check["key"], ""):
                return _check({**check, "kind": "read"}, reader, now)
            return _find_missing(check, reader, now), {}
        case "document":
            return _check_document(check, reader, now), {}
        case "foreign":
            found = reader.examine_head(check["key"], "")
            message = f"{check['key']} is not a key of the archive."
            return (make_finding("foreign", check, message, format_moment(now)) if found else None), {}
        case "record":
            return _check_record(check, reader, now), {}


def _check_version(
    check: Check, found: Examination | None, reader: CountedReader, now: int, *, level: int
) -> tuple[Finding | None, dict[str, Any]]:
    if found is None:
        was_there = "since" in check or "sha256" in check  # otherwise, only an open finding knows the key
        return (_find_missing(check, reader, now) if was_there else None), {}
    fault = found.find_fault(check) or _find_other_first_version(check, found, reader)
    if fault:
        kind, message = fault
        return make_finding(kind, check, message, format_moment(now), _find_good_version(check, reader)), {}
    if level == LISTED:
        return None, {"level": level, "headedAt": now}
    proof: dict[str, Any] = {"bytes": found.size, "sha256": found.sha256, "level": level, "provedAt": now}
    return None, proof if found.valid is None else {**proof, "valid": found.valid}


def _find_other_first_version(
    check: Check, found: Examination, reader: CountedReader
) -> tuple[FindingKind, str] | None:
    """Return a fault if nothing records the version, and the oldest undamaged S3 version has other bytes.

    The archive writes a version once, so the oldest S3 version is the one that it wrote.
    """
    if "sha256" in check:
        return None
    for version_id in reversed(check.get("older", [])):
        first = reader.examine_head(check["key"], version_id)
        if first and first.checksum and not first.find_fault(check):
            is_same = first.sha256 == found.sha256
            return None if is_same else ("replaced", f"{check['key']} has other bytes than its first S3 version.")
    return None


def _find_good_version(check: Check, reader: CountedReader) -> str:
    """Return the id of an older S3 version that is undamaged and as it was recorded, or an empty string.

    If the version is recorded, the newest such version is returned, and otherwise the oldest.
    """
    older: Sequence[str] = check.get("older", [])
    for version_id in older if "sha256" in check else reversed(older):
        found = _try_to_examine(check["key"], version_id, reader)
        if found and not found.find_fault(check):
            return version_id
    return ""


def _try_to_examine(key: str, version_id: str, reader: CountedReader) -> Examination | None:
    """Return what was found out about an older version, or None if it cannot be read now."""
    try:
        return examine(key, version_id, reader)
    except NotebookArchiveError:
        return None


def _find_missing(check: Check, reader: CountedReader, now: int) -> Finding:
    key = check["key"]
    known = "is recorded" if "sha256" in check else "was in the archive"
    message = f"{key} {known}, but the archive does not have it any more."
    # The id of the finding must not depend on which check noticed it.
    return make_finding(
        "missing", {"key": key, "versionId": ""}, message, format_moment(now), _find_good_version(check, reader)
    )


def _check_document(check: Check, reader: CountedReader, now: int) -> Finding | None:
    """Return a finding if one of the archive's JSON documents is damaged. A document may be absent."""
    fault = _find_fault_in_document(check["key"], "", reader)
    if not fault:
        return None
    good = (version_id for version_id in check.get("older", []) if _is_good_document(check["key"], version_id, reader))
    return make_finding("damaged", check, fault, format_moment(now), next(good, ""))


def _is_good_document(key: str, version_id: str, reader: CountedReader) -> bool:
    try:
        return not _find_fault_in_document(key, version_id, reader)
    except (ArchiveDenied, ArchiveUnavailable):
        return False


def _find_fault_in_document(key: str, version_id: str, reader: CountedReader) -> str:
    """Return what is wrong with a JSON document, or an empty string."""
    try:
        body = _read(key, version_id, reader)
    except ArchiveDamaged as error:
        return str(error)
    try:
        is_object = body is None or isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        is_object = False
    return "" if is_object else f"{key} is not a JSON object."


def _check_record(check: Check, reader: CountedReader, now: int) -> Finding | None:
    key = check["key"]
    try:
        body = _read(key, "", reader)
        fault = "" if body is None else _find_fault_in_evidence(key, body)
    except ArchiveDamaged as error:
        fault = str(error)
    return make_finding("record-damaged", check, fault, format_moment(now)) if fault else None


def _find_fault_in_evidence(key: str, body: bytes) -> str:
    if not key.startswith(keys.RECORDS):
        try:
            parse_evidence(key, body)
        except EvidenceInvalid as error:
            return str(error)
        return ""
    parsed = parse_store_record(key, body)
    if isinstance(parsed, DamagedEvidence):
        return parsed.message
    digits = sha256(body).hexdigest()
    return "" if key.endswith(f"/{digits[:12]}.json") else f"{key} has other bytes than its key says."


def _read(key: str, version_id: str, reader: CountedReader) -> bytes | None:
    opened = reader.open(key, version_id)
    if opened is None:
        return None
    with closing(opened):
        return opened.read()
