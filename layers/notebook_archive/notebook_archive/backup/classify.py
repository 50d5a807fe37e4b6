"""Decide whether an error skips or fails a notebook, or one version of it, and what to do next."""

from collections.abc import Iterator

from notebook_archive.backup.job import NotebookJob
from notebook_archive.backup.outcome import Verdict
from notebook_archive.backup.records import UNPROTECTED, describe_problem
from notebook_archive.errors import (
    ListingIncomplete,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, Snapshot, SnapshotListing


def list_unusable_entries(item_id: ItemId, listed: SnapshotListing) -> Iterator[tuple[str, NotebookArchiveError]]:
    """Yield the resource key and an error for each listed entry that may be a snapshot but cannot be archived.

    So every snapshot that is left out is reported.
    """
    what = f"The listing of item {item_id}"
    for key in listed.undocumented_keys:
        yield key, UnexpectedAnswer(f"{what} contains {key!r}, which does not look like the key of a snapshot.")
    if listed.missing_count:
        yield "", ListingIncomplete(f"{what} has {listed.missing_count} entries fewer than its own total says.")


def classify_refusal(
    error: PermissionDenied | SecretMissing, *, route: str, owner_secret: str, has_snapshot: bool
) -> Verdict:
    """Decide whether a notebook that may not be read is skipped or fails.

    It is skipped as *unprotected* only if its owner has no secret and the archive has no snapshot of it
    (`has_snapshot`). It fails if the archive has a snapshot of it. It also fails if ArcGIS refuses a credential that
    should be allowed to read it.
    """
    if isinstance(error, PermissionDenied) and route != "portal":
        remedy = (
            f"Check that secret {owner_secret!r} contains the owner's credential, and that the owner has the privilege "
            "'Create and edit notebooks'."
        )
        return Verdict("failed", describe_problem(error) | {"remedy": remedy})
    is_secret_missing = isinstance(error, PermissionDenied) or owner_secret in str(error)
    if has_snapshot or not is_secret_missing:
        return Verdict.fail(error)
    remedy = (
        f"Create secret {owner_secret!r} with the owner's credential. docs/secrets.md shows its JSON. The stack finds "
        "a new secret within five minutes."
    )
    return Verdict("skipped", {"reason": UNPROTECTED, "message": str(error), "remedy": remedy})


def classify_absence(job: NotebookJob, error: NotebookNotFound | RequestRejected) -> Verdict:
    """Ask the portal whether a notebook was deleted, or whether a wrong or broken server does not find it.

    Esri does not document how a notebook server responds for a deleted item. So any rejected request is checked.
    """
    try:
        job.context.routes.portal(job.deadline).get_item(job.item_id)
    except NotebookNotFound as gone:
        return Verdict.skip(gone)
    except NotebookArchiveError as other:
        return Verdict.fail(other)
    if isinstance(error, RequestRejected):
        return Verdict.fail(error)
    return Verdict.fail(UnexpectedAnswer(f"The portal has item {job.item_id}, but reading it failed: {error}"))


def classify_missing_snapshot(
    job: NotebookJob, snapshot: Snapshot, error: NotebookNotFound | RequestRejected
) -> Verdict:
    """List the snapshots again, and decide whether the snapshot was deleted or is listed but cannot be read."""
    try:
        listed = job.access.list_snapshots(job.item_id)
    except (NotebookNotFound, RequestRejected):
        return classify_absence(job, error)
    except NotebookArchiveError as other:
        return Verdict.fail(other)
    if snapshot.resource_key not in (other.resource_key for other in listed.snapshots):
        if listed.is_doubtful:
            what = f"Snapshot {snapshot.resource_key} may have been deleted during the run"
            return Verdict.fail(ListingIncomplete(f"{what}, but the second listing is not complete."))
        return Verdict.skip(NotebookNotFound(f"Snapshot {snapshot.resource_key} was deleted during the run."))
    if isinstance(error, RequestRejected):
        return Verdict.fail(error)
    return Verdict.fail(UnexpectedAnswer(f"ArcGIS still lists the snapshot, but reading it failed: {error}"))
