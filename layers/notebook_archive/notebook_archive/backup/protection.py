"""Decide how well one notebook is protected at the end of a run."""

from notebook_archive.archive import CopyId
from notebook_archive.backup.outcome import CURRENT, NotebookOutcome
from notebook_archive.backup.records import Protection
from notebook_archive.errors import NoContent, NotebookNotFound
from notebook_archive.models import split_digests


def assess_protection(outcome: NotebookOutcome, *, has_current: bool) -> Protection:
    """Return the protection of a notebook.

    `has_current` is True if the archive has the notebook's content as of the item's `modified`.
    """
    content = outcome.planned.get("content")
    protection: Protection = {"state": "unprotected", "modified": content["modified"] if content else 0}
    reasons = _list_reasons(outcome)
    if has_current:
        protection["state"] = "protected"
    elif NotebookNotFound.reason in reasons:
        protection["state"] = "gone"
    elif NoContent.reason in reasons and not outcome.failed:  # a snapshot that failed is not archived
        protection["state"] = "empty"
    elif outcome.planned["archived"] or outcome.archived or (content and content["held"]):
        protection["state"] = "stale"
        if newest := _find_newest(outcome):
            protection["newest"] = newest
    return protection


def _list_reasons(outcome: NotebookOutcome) -> set[str]:
    """Return the reasons why the whole notebook or its current content was skipped.

    A skipped snapshot does not decide the state of its notebook. If the notebook was skipped but no version was, its
    reason is included.
    """
    reasons = {each["reason"] for each in outcome.skipped if each["resourceKey"] in ("", CURRENT)}
    verdict = outcome.verdict
    if verdict and verdict.state == "skipped" and not outcome.skipped:
        reasons.add(verdict.problem["reason"])
    return reasons


def _find_newest(outcome: NotebookOutcome) -> int:
    """Return when the newest archived version was made, in epoch milliseconds, or 0 if that is not known.

    A snapshot that ArcGIS no longer lists does not count, because the plan does not contain its time. A copy later than
    the item's last change does not count either. In that case the portal's clock was set back, or the portal was
    restored from a backup.
    """
    stored = {each["resourceKey"] for each in outcome.archived}
    archived = frozenset(split_digests(outcome.planned["archived"]))
    snapshots = outcome.listing.snapshots if outcome.listing else ()
    times = [
        each.created for each in snapshots if each.resource_key in stored or each.resource_key.key_digest in archived
    ]
    content = outcome.planned.get("content")
    if content and content["held"]:
        copied = CopyId.parse(content["held"]).modified
        times += [copied] if copied <= content["modified"] else []
    return max(times, default=0)
