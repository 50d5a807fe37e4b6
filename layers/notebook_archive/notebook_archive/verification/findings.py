"""Findings: what is wrong with an object of the archive, and what to do next."""

import hashlib
from typing import Literal, NotRequired, TypedDict

from notebook_archive.archive import keys
from notebook_archive.verification.checks import Subject

FindingKind = Literal[
    "missing",
    "damaged",
    "replaced",
    "record-damaged",
    "unreadable",
    "foreign",
    "not-a-notebook",
    "not-replicated",
]
KINDS: tuple[FindingKind, ...] = (
    "missing",
    "damaged",
    "replaced",
    "record-damaged",
    "unreadable",
    "foreign",
    "not-a-notebook",
    "not-replicated",
)

_REMEDIES: dict[FindingKind, str] = {
    "missing": "Find out who deleted it. If ArcGIS still has this version, the next run archives it again. Otherwise, "
    "acknowledge the finding: docs/verify.md, Missing.",
    "damaged": "The archive has no good version of this object. If ArcGIS still has it, hide the damaged object, and "
    "the next run archives it again: docs/verify.md, Damaged.",
    "replaced": "No older S3 version is good. Find out who replaced it, and compare it: docs/verify.md, Replaced.",
    "record-damaged": "The versions that this document recorded count as unrecorded until they are proved. Find out "
    "who changed it, then acknowledge the finding: docs/verify.md, Record damaged.",
    "unreadable": "Read the log of verify_versions, remove the cause, and start the verification again. It tries this "
    "object again: docs/verify.md, Unreadable.",
    "foreign": "Move the object out of notebooks/, or acknowledge the finding: docs/verify.md, Foreign.",
    "not-a-notebook": "Find out who stored it. It cannot be restored into ArcGIS. Hide the object, or acknowledge the "
    "finding: docs/verify.md, Not a notebook.",
    "not-replicated": "S3 does not try again by itself. Run notebook-archive doctor, remove the cause, and start Batch "
    "Replication: docs/verify.md, Not replicated.",
}
_GOOD_REMEDY = "S3 version {version} is undamaged. Put it back: docs/verify.md, Put an older S3 version back."


class Finding(TypedDict):
    """A finding. `since` is the time (UTC) at which a verification first had it.

    `itemId` and `resourceKey` are empty for objects that are not versions. `versionId` is the S3 version that was
    checked, or empty. `goodVersionId` is an older S3 version that is undamaged and is what the records say.
    """

    findingId: str
    kind: FindingKind
    key: str
    itemId: str
    resourceKey: str
    versionId: str
    goodVersionId: NotRequired[str]
    message: str
    remedy: str
    since: str


def make_finding(kind: FindingKind, subject: Subject, message: str, at: str, good_version: str = "") -> Finding:
    """Return the finding about an object. `message` ends with a full stop. `at` is the time in ISO 8601."""
    key, version = subject["key"], subject["versionId"]
    item_id, resource_key = keys.describe_version(key) or ("", "")
    finding: Finding = {
        "findingId": identify_finding(kind, key, version),
        "kind": kind,
        "key": key,
        "itemId": item_id,
        "resourceKey": resource_key,
        "versionId": version,
        "message": message,
        "remedy": _GOOD_REMEDY.format(version=good_version) if good_version else _REMEDIES[kind],
        "since": at,
    }
    if good_version:
        finding["goodVersionId"] = good_version
    return finding


def identify_finding(kind: FindingKind, key: str, version_id: str) -> str:
    """Return the id of a finding: 12 hexadecimal digits. The same finding has the same id in every verification."""
    return hashlib.sha256("\n".join((kind, key, version_id)).encode(errors="surrogatepass")).hexdigest()[:12]
