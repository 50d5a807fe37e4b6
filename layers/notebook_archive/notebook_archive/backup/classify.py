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
    """Yield the resource key and an error for each entry of a listing that may be a snapshot but cannot be archived.

    So no snapshot is left out without notice.
    """
    what = f"The listing of item {item_id}"
    for key in listed.undocumented_keys:
        yield key, UnexpectedAnswer(f"{what} names {key!r}, which is not the key of a snapshot as documented.")
    if listed.missing_count:
        yield "", ListingIncomplete(f"{what} gave {listed.missing_count} entries fewer than it counted.")


def classify_refusal(
    error: PermissionDenied | SecretMissing, *, route: str, owner_secret: str, has_snapshot: bool
) -> Verdict:
    """Decide whether no credential of the stack may read a notebook, or a credential is at fault.

    The notebook is skipped as *unprotected* only if its owner has no secret and the archive has no snapshot of it
    (`has_snapshot`). It fails if protection is lost, or if ArcGIS refuses a credential what it is meant to do.
    """
    if isinstance(error, PermissionDenied) and route != "portal":
        remedy = f"Check that secret {owner_secret!r} is the owner's, with the privilege Create and edit notebooks."
        return Verdict("failed", describe_problem(error) | {"remedy": remedy})
    is_secret_missing = isinstance(error, PermissionDenied) or owner_secret in str(error)
    if has_snapshot or not is_secret_missing:
        return Verdict.fail(error)
    remedy = (
        f"Create secret {owner_secret!r} with the owner's credential, which is seen within five minutes; "
        "docs/secrets.md has the JSON."
    )
    return Verdict("skipped", {"reason": UNPROTECTED, "message": str(error), "remedy": remedy})


def classify_absence(job: NotebookJob, error: NotebookNotFound | RequestRejected) -> Verdict:
    """Decide whether a notebook is gone, or a wrong or broken server does not know it: the portal is asked.

    Esri does not document what a notebook server answers for an item that is gone, so any refused request is checked.
    """
    try:
        job.context.routes.portal(job.deadline).get_item(job.item_id)
    except NotebookNotFound as gone:
        return Verdict.skip(gone)
    except NotebookArchiveError as other:
        return Verdict.fail(other)
    if isinstance(error, RequestRejected):
        return Verdict.fail(error)
    return Verdict.fail(UnexpectedAnswer(f"Item {job.item_id} is in the portal, yet: {error}"))


def classify_missing_snapshot(
    job: NotebookJob, snapshot: Snapshot, error: NotebookNotFound | RequestRejected
) -> Verdict:
    """Decide whether a snapshot was deleted meanwhile, or is listed and lost: the snapshots are listed once more."""
    try:
        listed = job.access.list_snapshots(job.item_id)
    except (NotebookNotFound, RequestRejected):
        return classify_absence(job, error)
    except NotebookArchiveError as other:
        return Verdict.fail(other)
    if snapshot.resource_key not in (other.resource_key for other in listed.snapshots):
        if listed.is_doubtful:
            what = f"Snapshot {snapshot.resource_key} may have been deleted meanwhile"
            return Verdict.fail(ListingIncomplete(f"{what}, but the second listing is not complete."))
        return Verdict.skip(NotebookNotFound(f"Snapshot {snapshot.resource_key} was deleted meanwhile."))
    if isinstance(error, RequestRejected):
        return Verdict.fail(error)
    return Verdict.fail(UnexpectedAnswer(f"It is still listed, yet: {error}"))
