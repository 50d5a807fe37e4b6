"""The state of protection of one notebook."""

from notebook_archive.archive import CopyId
from notebook_archive.backup.outcome import Outcome, Protection
from notebook_archive.backup.planned import Planned
from notebook_archive.errors import NoContent, NotebookNotFound
from notebook_archive.models import SnapshotListing, split_digests


def assess_protection(
    planned: Planned, outcome: Outcome, listed: SnapshotListing | None, *, has_current: bool
) -> Protection:
    """Return the protection of a notebook at the end of its turn.

    `listed` is its snapshots in ArcGIS, or None if they could not be listed.  `has_current` is whether the archive has
    its content as of the item's `modified`.
    """
    content = planned.get("content")
    protection: Protection = {"state": "unprotected", "modified": content["modified"] if content else 0}
    # A skipped snapshot does not decide the state of its notebook; if no snapshot was skipped, the problem is the
    # notebook's own.
    reasons = {each["reason"] for each in outcome["skipped"] if each["resourceKey"] in ("", "current")}
    if outcome["state"] == "skipped" and not outcome["skipped"]:
        reasons.add(outcome["problem"]["reason"])
    if has_current:
        protection["state"] = "protected"
    elif NotebookNotFound.reason in reasons:
        protection["state"] = "gone"
    elif NoContent.reason in reasons and not outcome["failed"]:  # a snapshot that failed is not archived
        protection["state"] = "empty"
    elif planned["archived"] or outcome["archived"] or (content and content["held"]):
        protection["state"] = "stale"
        if newest := _find_newest(planned, outcome, listed):
            protection["newest"] = newest
    return protection


def _find_newest(planned: Planned, outcome: Outcome, listed: SnapshotListing | None) -> int:
    """Return when the newest archived version was made, in epoch milliseconds, or 0 if that is not known.

    A snapshot that ArcGIS no longer lists does not count, because the plan has no time for it. A copy that is later
    than the item's last change has none either: a portal's clock, or the portal itself, was set back since.
    """
    stored = {each["resourceKey"] for each in outcome["archived"]}
    held = frozenset(split_digests(planned["archived"]))
    snapshots = listed.snapshots if listed else ()
    made = [each.created for each in snapshots if each.resource_key in stored or each.resource_key.digest in held]
    if "content" in planned and planned["content"]["held"]:
        copied = CopyId.parse(planned["content"]["held"]).modified
        made += [copied] if copied <= planned["content"]["modified"] else []
    return max(made, default=0)
