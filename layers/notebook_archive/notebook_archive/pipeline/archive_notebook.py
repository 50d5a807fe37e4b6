"""One notebook: archive the snapshots that the archive lacks; if that is asked, its current content; if that is asked,
make a snapshot and archive it too."""

from contextlib import closing

from notebook_archive.archive import RunId
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    DeadlineExceeded,
    NoContent,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    TokenRejected,
)
from notebook_archive.models import DIGEST_LENGTH, ItemId, Listing, Snapshot
from notebook_archive.pipeline.archive_current import archive_current
from notebook_archive.pipeline.capture import Capture
from notebook_archive.pipeline.content import Content
from notebook_archive.pipeline.outcomes import (
    Outcome,
    Planned,
    State,
    StoredSnapshot,
    conclude,
    outcome,
    problem,
    without_key,
)
from notebook_archive.pipeline.staging import stage
from notebook_archive.pipeline.storing import store
from notebook_archive.pipeline.task import Task, Workshop
from notebook_archive.pipeline.verdicts import absent, doubts, refused, vanished


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
        content = Content(item_id, planned["content"], access, workshop.max_snapshot_bytes, deadline)
        task = Task(planned, item_id, access, content, run, workshop, deadline)
        listed = access.snapshots(item_id, deadline)
    except (PermissionDenied, SecretMissing) as error:
        made = outcome(planned, *refused(planned, route, error, workshop))
        if route:  # its snapshots may not be listed, and yet its content may be read
            with closing(task.content):
                _attempt_current(task, made)
            if made["failed"]:
                made["state"], made["problem"] = "failed", without_key(made["failed"][0])
        return made
    except (NotebookNotFound, RequestRejected) as error:
        return outcome(planned, *absent(task, error))
    except NotebookArchiveError as error:
        return outcome(planned, "failed", problem(error))
    made = outcome(planned, "unchanged")
    made["route"] = access.route  # the one that worked
    with closing(content):
        if _archive_listed(task, listed, made):
            _attempt_current(task, made)
            _attempt_capture(task, listed, made)
    if "item" in planned:
        try:
            workshop.archive.put_item(item_id, planned["item"])
        except NotebookArchiveError as error:
            made["problem"] = problem(error)
    conclude(made)
    return made


def _archive_listed(task: Task, listed: Listing, made: Outcome) -> bool:
    """Archive what is new and note in ``made`` what became of each; return whether to go on."""
    known = task.planned["archived"]
    held = {known[i : i + DIGEST_LENGTH] for i in range(0, len(known), DIGEST_LENGTH)}
    made["failed"] += doubts(task.item_id, listed)
    if task.access.route == "portal" and task.planned.get("hidden"):
        blind = PermissionDenied(
            "The administrator's account lacks portal:admin:updateItems, so it sees not all snapshots."
        )
        state, why = refused(task.planned, task.access.route, blind, task.workshop)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "", **why})
    for snapshot in listed.snapshots:
        if snapshot.resource_key.digest in held:
            made["unchanged"] += 1
        elif not _attempt(task, snapshot, made):
            return False
    return True


def _attempt(task: Task, snapshot: Snapshot, made: Outcome) -> bool:
    """Archive one snapshot and note in ``made`` what became of it; return whether to go on."""
    try:
        stored = _archive_snapshot(task, snapshot)
    except (PermissionDenied, NotebookNotFound, RequestRejected) as error:
        if isinstance(error, PermissionDenied):
            state, why = refused(task.planned, task.access.route, error, task.workshop)
        else:
            state, why = vanished(task, snapshot, error)
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


def _attempt_current(task: Task, made: Outcome) -> None:
    """Archive the current content, if that is asked, and note in ``made`` what became of it."""
    if not task.workshop.archive_current:
        return
    try:
        stored = archive_current(task.content, task.whose, task.how, task.workshop.archive)
    except NotebookArchiveError as error:
        state: State = "skipped" if isinstance(error, NoContent) else "failed"
        why = problem(error)
        if isinstance(error, PermissionDenied) and not task.content.planned["held"]:
            state, why = refused(task.planned, task.access.route, error, task.workshop)
        elif isinstance(error, NotebookNotFound | RequestRejected):
            state, why = absent(task, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "current", **why})
    else:
        made["archived"] += [stored] if stored else []
        made["unchanged"] += 0 if stored else 1


def _attempt_capture(task: Task, listed: Listing, made: Outcome) -> None:
    """Make a snapshot and archive it, if that is asked and due, and everything else was archived.

    What cannot be archived would take up slot after slot for nothing.
    """
    capturing = task.workshop.capturing
    if capturing is None or made["failed"] or any(each["resourceKey"] == "current" for each in made["skipped"]):
        return
    capture = Capture(task, capturing, made)
    before = {snapshot.resource_key for snapshot in listed.snapshots}
    for snapshot in capture.attempt(listed).snapshots:
        if snapshot.resource_key not in before:
            _attempt(task, snapshot, made)
    capture.confirm()


def _archive_snapshot(task: Task, snapshot: Snapshot) -> StoredSnapshot | None:
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
