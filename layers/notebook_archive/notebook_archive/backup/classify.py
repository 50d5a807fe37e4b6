"""What an error means for a notebook: whether it is skipped or failed, and what there is to do."""

from notebook_archive.backup.job import ArchiveContext, NotebookJob
from notebook_archive.backup.outcome import UNPROTECTED, Outcome, Problem, SnapshotProblem, State, problem
from notebook_archive.backup.planned import Planned
from notebook_archive.errors import (
    ListingIncomplete,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    UnexpectedAnswer,
)
from notebook_archive.models import RESOURCE_KEY, ItemId, Snapshot, SnapshotListing


def list_doubts(item_id: ItemId, listed: SnapshotListing) -> list[SnapshotProblem]:
    """Return what there is in a listing that may be a snapshot and cannot be archived; none is lost silently."""
    what = f"The listing of item {item_id}"
    found: list[SnapshotProblem] = []
    for strange in listed.undocumented_keys:
        odd = UnexpectedAnswer(f"{what} names {strange!r}, which is not the key of a snapshot as documented.")
        found.append({"resourceKey": strange, **problem(odd)})
    if listed.missing_count:
        short = ListingIncomplete(f"{what} gave {listed.missing_count} entries fewer than it counted.")
        found.append({"resourceKey": "", **problem(short)})
    return found


def classify_absence(job: NotebookJob, error: NotebookNotFound | RequestRejected) -> tuple[State, Problem]:
    """Tell a notebook that is gone from one that the wrong or a broken server does not know: the portal decides.

    What a notebook server answers for an item that is gone is not documented, so any refused request asks the portal.
    """
    try:
        job.context.routes.portal(job.deadline).get_item(job.item_id)
    except NotebookNotFound as gone:
        return "skipped", problem(gone)
    except NotebookArchiveError as other:
        return "failed", problem(other)
    if isinstance(error, RequestRejected):
        return "failed", problem(error)
    return "failed", problem(UnexpectedAnswer(f"Item {job.item_id} is in the portal, yet: {error}"))


def classify_vanished(
    job: NotebookJob, snapshot: Snapshot, error: NotebookNotFound | RequestRejected
) -> tuple[State, Problem]:
    """Tell a snapshot that was deleted meanwhile from one that is listed and lost: a second listing decides."""
    try:
        listed = job.access.list_snapshots(job.item_id)
    except (NotebookNotFound, RequestRejected):
        return classify_absence(job, error)
    except NotebookArchiveError as other:
        return "failed", problem(other)
    if snapshot.resource_key not in (other.resource_key for other in listed.snapshots):
        if listed.is_doubtful:
            what = f"Snapshot {snapshot.resource_key} may have been deleted meanwhile"
            return "failed", problem(ListingIncomplete(f"{what}, but the second listing is not whole."))
        return "skipped", problem(NotebookNotFound(f"Snapshot {snapshot.resource_key} was deleted meanwhile."))
    if isinstance(error, RequestRejected):
        return "failed", problem(error)
    return "failed", problem(UnexpectedAnswer(f"It is still listed, yet: {error}"))


def classify_refusal(
    planned: Planned,
    route: str,
    error: PermissionDenied | SecretMissing,
    context: ArchiveContext,
    made: Outcome | None = None,
) -> tuple[State, Problem]:
    """Tell a notebook that nobody's credential may read from one whose credential is at fault.

    It is *unprotected* only if its owner has no secret and no snapshot of it was ever archived, in this run (`made`) or
    before.  It is a failure if protection is lost, or if a credential is refused what it is meant to do.
    """
    secret = context.routes.secret_of(planned["owner"])
    ownerless = route == "portal" if isinstance(error, PermissionDenied) else secret in str(error)
    archived = made["archived"] if made else []
    if not ownerless and isinstance(error, PermissionDenied):
        remedy = f"Check that secret {secret!r} is the owner's, with the privilege Create and edit notebooks."
        return "failed", problem(error) | {"remedy": remedy}
    if planned["archived"] or any(RESOURCE_KEY.fullmatch(each["resourceKey"]) for each in archived) or not ownerless:
        return "failed", problem(error)
    remedy = (
        f"Create secret {secret!r} with the owner's credential, which is seen within five minutes; "
        "docs/secrets.md has the JSON."
    )
    return "skipped", {"reason": UNPROTECTED, "message": str(error), "remedy": remedy}
