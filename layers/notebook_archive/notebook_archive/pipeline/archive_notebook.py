"""One notebook: list its snapshots, archive those that the archive lacks, and its current content if that is asked."""

from contextlib import closing
from dataclasses import dataclass

from notebook_archive.arcgis.routes import Access, Routes
from notebook_archive.archive import Archive, RunId
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    DeadlineExceeded,
    ListingIncomplete,
    NoContent,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import DIGEST_LENGTH, ItemId, Listing, Snapshot
from notebook_archive.pipeline.archive_current import archive_current
from notebook_archive.pipeline.capture import Capturing, captured
from notebook_archive.pipeline.outcomes import (
    UNPROTECTED,
    Outcome,
    Planned,
    Problem,
    SnapshotProblem,
    State,
    StoredSnapshot,
    conclude,
    outcome,
    problem,
    without_key,
)
from notebook_archive.pipeline.staging import stage
from notebook_archive.pipeline.storing import How, Whose, store


@dataclass(frozen=True, slots=True)
class Workshop:
    """What archiving needs, the same for every notebook of an invocation."""

    routes: Routes
    archive: Archive
    portal_url: str
    max_snapshot_bytes: int
    archive_current: bool = False
    """Whether backups that events ask for take the current content too; runs have it in their plan."""
    capturing: Capturing | None = None
    """How snapshots are made of notebooks that have changed, None where none are."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One notebook on its way."""

    planned: Planned
    item_id: ItemId
    access: Access
    run: RunId
    workshop: Workshop
    deadline: Deadline

    @property
    def whose(self) -> Whose:
        """The item."""
        return Whose(self.item_id, self.planned["title"], self.planned["owner"])

    @property
    def how(self) -> How:
        """The way of this run to the notebook."""
        return How(self.access.route, self.run, self.workshop.portal_url)


def archive_notebook(planned: Planned, run: RunId, workshop: Workshop, deadline: Deadline) -> Outcome:
    """Archive what is new of a notebook and return what became of it.  Raises nothing that is a NotebookArchiveError.

    A notebook that none of our credentials may read is ``skipped`` and says which secret would help; so is one that the
    portal says is gone.  Everything else that keeps a listed snapshot out of the archive is ``failed``.
    """
    route = ""
    try:
        item_id = ItemId.parse(planned["itemId"])
        access = workshop.routes.of(planned["owner"], deadline)
        route = access.route
        task = _Task(planned, item_id, access, run, workshop, deadline)
        listed = access.snapshots(item_id, deadline)
    except (PermissionDenied, SecretMissing) as error:
        made = outcome(planned, *_refused(planned, route, error, workshop))
        if route:  # its snapshots may not be listed, and yet its content may be read
            _attempt_current(task, made)
            if made["failed"]:
                made["state"], made["problem"] = "failed", without_key(made["failed"][0])
        return made
    except (NotebookNotFound, RequestRejected) as error:
        return outcome(planned, *_absent(task, error))
    except NotebookArchiveError as error:
        return outcome(planned, "failed", problem(error))
    made = outcome(planned, "unchanged")
    made["route"] = route
    limit = workshop.max_snapshot_bytes
    listed = captured(workshop.capturing, item_id, planned, access, run, limit, deadline, listed, made)
    _archive_listed(task, listed, made)
    if "item" in planned:
        try:
            workshop.archive.put_item(item_id, planned["item"])
        except NotebookArchiveError as error:
            made["problem"] = problem(error)
    conclude(made)
    return made


def _archive_listed(task: _Task, listed: Listing, made: Outcome) -> None:
    """Archive what is new, then the current content, and note in ``made`` what became of each."""
    known = task.planned["archived"]
    held = {known[i : i + DIGEST_LENGTH] for i in range(0, len(known), DIGEST_LENGTH)}
    made["failed"] += _doubts(task.item_id, listed)
    if task.access.route == "portal" and task.planned.get("hidden"):
        blind = PermissionDenied(
            "The administrator's account lacks portal:admin:updateItems, so it sees not all snapshots."
        )
        state, why = _refused(task.planned, task.access.route, blind, task.workshop)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "", **why})
    for snapshot in listed.snapshots:
        if snapshot.resource_key.digest in held:
            made["unchanged"] += 1
        elif not _attempt(task, snapshot, made):
            break
    else:
        _attempt_current(task, made)


def _doubts(item_id: ItemId, listed: Listing) -> list[SnapshotProblem]:
    """Return what there is in a listing that may be a snapshot and cannot be archived; none is lost silently."""
    what = f"The listing of item {item_id}"
    found: list[SnapshotProblem] = []
    for strange in listed.strange:
        odd = UnexpectedAnswer(f"{what} names {strange!r}, which is not the key of a snapshot as documented.")
        found.append({"resourceKey": strange, **problem(odd)})
    if listed.missing:
        short = ListingIncomplete(f"{what} gave {listed.missing} entries fewer than it counted.")
        found.append({"resourceKey": "", **problem(short)})
    return found


def _attempt(task: _Task, snapshot: Snapshot, made: Outcome) -> bool:
    """Archive one snapshot and note in ``made`` what became of it; return whether to go on."""
    try:
        stored = _archive_snapshot(task, snapshot)
    except (PermissionDenied, NotebookNotFound, RequestRejected) as error:
        if isinstance(error, PermissionDenied):
            state, why = _refused(task.planned, task.access.route, error, task.workshop)
        else:
            state, why = _vanished(task, snapshot, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": snapshot.resource_key, **why})
    except NotebookArchiveError as error:
        made["failed"].append({"resourceKey": snapshot.resource_key, **problem(error)})
        return not isinstance(error, TokenRejected | DeadlineExceeded)
    else:
        if stored:
            made["archived"].append(stored)
        else:
            made["unchanged"] += 1
    return True


def _attempt_current(task: _Task, made: Outcome) -> None:
    """Archive the current content, if the plan asks for it, and note in ``made`` what became of it."""
    if "current" not in task.planned:
        return
    archive, limit = task.workshop.archive, task.workshop.max_snapshot_bytes
    try:
        current = task.planned["current"]
        stored = archive_current(current, task.whose, task.access, task.how, archive, limit, task.deadline)
    except NotebookArchiveError as error:
        state: State = "skipped" if isinstance(error, NoContent) else "failed"
        why = problem(error)
        if isinstance(error, PermissionDenied) and not task.planned["current"].get("held"):
            state, why = _refused(task.planned, task.access.route, error, task.workshop)
        elif isinstance(error, NotebookNotFound | RequestRejected):
            state, why = _absent(task, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "current", **why})
    else:
        made["archived"] += [stored] if stored else []
        made["unchanged"] += 0 if stored else 1


def _archive_snapshot(task: _Task, snapshot: Snapshot) -> StoredSnapshot | None:
    """Return what was stored, None where an earlier run had stored it."""
    item_id, key = task.item_id, snapshot.resource_key
    what = f"Snapshot {key} of item {item_id}"
    limit = task.workshop.max_snapshot_bytes
    staged = task.access.download(item_id, key, limit, lambda chunks: stage(chunks, what), task.deadline)
    with closing(staged.file):
        stored = store(task.whose, snapshot, staged, task.how, task.workshop.archive)
    if stored.state == "unchanged":
        return None
    return {"resourceKey": key, "key": stored.key, "bytes": staged.size, "sha256": staged.digest.hex()}


def _absent(task: _Task, error: NotebookNotFound | RequestRejected) -> tuple[State, Problem]:
    """Tell a notebook that is gone from one that the wrong or a broken server does not know: the portal decides.

    What a notebook server answers for an item that is gone is not documented, so any refused request asks the portal.
    """
    try:
        task.workshop.routes.item(task.item_id, task.deadline)
    except NotebookNotFound as gone:
        return "skipped", problem(gone)
    except NotebookArchiveError as other:
        return "failed", problem(other)
    if isinstance(error, RequestRejected):
        return "failed", problem(error)
    return "failed", problem(UnexpectedAnswer(f"Item {task.item_id} is in the portal, yet: {error}"))


def _vanished(task: _Task, snapshot: Snapshot, error: NotebookNotFound | RequestRejected) -> tuple[State, Problem]:
    """Tell a snapshot that was deleted meanwhile from one that is listed and lost: a second listing decides."""
    try:
        listed = task.access.snapshots(task.item_id, task.deadline)
    except (NotebookNotFound, RequestRejected):
        return _absent(task, error)
    except NotebookArchiveError as other:
        return "failed", problem(other)
    if snapshot.resource_key not in (other.resource_key for other in listed.snapshots):
        return "skipped", problem(NotebookNotFound(f"Snapshot {snapshot.resource_key} was deleted meanwhile."))
    if isinstance(error, RequestRejected):
        return "failed", problem(error)
    return "failed", problem(UnexpectedAnswer(f"It is still listed, yet: {error}"))


def _refused(
    planned: Planned, route: str, error: PermissionDenied | SecretMissing, workshop: Workshop
) -> tuple[State, Problem]:
    """Tell a notebook that nobody's credential may read from one whose credential is at fault.

    It is *unprotected* only if its owner has no secret and nothing of it was ever archived.  Protection that is lost,
    or a credential that does not do what it is there for, is a failure.
    """
    secret = workshop.routes.secret_of(planned["owner"])
    ownerless = route == "portal" if isinstance(error, PermissionDenied) else secret in str(error)
    if planned["archived"] or not ownerless:
        return "failed", problem(error)
    remedy = (
        f"Create secret {secret!r} with the owner's credential, which is seen within five minutes; README, 'Secrets'."
    )
    return "skipped", {"reason": UNPROTECTED, "message": str(error), "remedy": remedy}
