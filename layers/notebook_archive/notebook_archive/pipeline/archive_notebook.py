"""One notebook: archive the snapshots that the archive lacks; if that is asked, its current content; if that is asked,
make a snapshot and archive it too."""

from contextlib import closing

from notebook_archive.archive import RunId
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    ArchiveConflict,
    DeadlineExceeded,
    NoContent,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    SnapshotAltered,
    TokenRejected,
)
from notebook_archive.models import ItemId, Listing, Snapshot
from notebook_archive.pipeline.archive_current import archive_current
from notebook_archive.pipeline.capture import Capture
from notebook_archive.pipeline.content import Content, is_planned_as_archived
from notebook_archive.pipeline.outcomes import (
    Outcome,
    Planned,
    State,
    conclude,
    outcome,
    problem,
    without_key,
)
from notebook_archive.pipeline.placement import place
from notebook_archive.pipeline.protection import assess
from notebook_archive.pipeline.staging import stage
from notebook_archive.pipeline.storing import store, store_altered
from notebook_archive.pipeline.task import Task, Workshop
from notebook_archive.pipeline.verdicts import absent, doubts, refused, vanished


def archive_notebook(planned: Planned, run: RunId, workshop: Workshop, deadline: Deadline) -> Outcome:
    """Archive what is new of a notebook and return what became of it.  Raises nothing that is a NotebookArchiveError.

    A notebook that none of our credentials may read is ``skipped`` and says which secret would help; so is one that the
    portal says is gone.  Everything else that keeps a listed snapshot out of the archive is ``failed``.
    """
    made, listed, content = outcome(planned, "unchanged"), None, None
    route = ""
    try:
        item_id = ItemId.parse(planned["itemId"])
        access = workshop.routes.of(planned["owner"], deadline)
        route = access.route
        content = Content(item_id, planned["content"], access, workshop.max_snapshot_bytes, deadline)
        task = Task(planned, item_id, access, content, run, workshop, deadline)
        listed = access.snapshots(item_id, deadline)
    except (PermissionDenied, SecretMissing) as error:
        made["state"], made["problem"] = refused(planned, route, error, workshop)
        if content:  # its content may be readable although its snapshots are not
            with closing(content):
                _attempt_current(task, made)
            if made["failed"]:
                made["state"], made["problem"] = "failed", without_key(made["failed"][0])
    except (NotebookNotFound, RequestRejected) as error:
        made["state"], made["problem"] = absent(task, error)
    except NotebookArchiveError as error:
        made["state"], made["problem"] = "failed", problem(error)
    else:
        made["route"] = access.route  # the one that worked
        made["listed"] = len(listed.snapshots)
        if listed.lookalikes:
            made["lookalikes"] = list(listed.lookalikes)
        with closing(content):
            _archive_all(task, listed, made)
        conclude(made)
    has_current = content.is_archived if content else is_planned_as_archived(planned.get("content"))
    made["protection"] = assess(planned, made, listed, has_current=has_current)
    return made


def _archive_all(task: Task, listed: Listing, made: Outcome) -> None:
    """Archive the listed snapshots, then the current content, then a snapshot that is made, then the properties."""
    if _archive_listed(task, listed, made):
        _attempt_current(task, made)
        _attempt_capture(task, listed, made)
    if "item" in task.planned:
        try:
            task.workshop.archive.put_item(task.item_id, place(task.planned["item"], task))
        except NotebookArchiveError as error:
            made["problem"] = problem(error)


def _archive_listed(task: Task, listed: Listing, made: Outcome) -> bool:
    """Archive what is new and note in ``made`` what became of each; return whether to go on."""
    made["failed"] += doubts(task.item_id, listed)
    if listed.uncounted:
        made["uncounted"] = True
    if task.access.route == "portal" and task.planned.get("hidden"):
        blind = PermissionDenied(
            "The administrator's account lacks portal:admin:updateItems, so it sees not all snapshots."
        )
        state, why = refused(task.planned, task.access.route, blind, task.workshop)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "", **why})
    held, sizes = task.held, task.workshop.listed_sizes
    for snapshot in listed.snapshots:
        digest = snapshot.resource_key.digest
        if digest in held and not sizes.differ(snapshot.size, held[digest]):
            made["unchanged"] += 1
        elif not _attempt(task, snapshot, made):
            return False
    return True


def _attempt(task: Task, snapshot: Snapshot, made: Outcome) -> bool:
    """Archive one snapshot and note in ``made`` what became of it; return whether to go on."""
    try:
        _archive_snapshot(task, snapshot, made)
    except (PermissionDenied, NotebookNotFound, RequestRejected) as error:
        if isinstance(error, PermissionDenied):
            state, why = refused(task.planned, task.access.route, error, task.workshop, made)
        else:
            state, why = vanished(task, snapshot, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": snapshot.resource_key, **why})
    except NotebookArchiveError as error:
        made["failed"].append({"resourceKey": snapshot.resource_key, **problem(error)})
        return not isinstance(error, TokenRejected | DeadlineExceeded)
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
            state, why = refused(task.planned, task.access.route, error, task.workshop, made)
        elif isinstance(error, NotebookNotFound | RequestRejected):
            state, why = absent(task, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "current", **why})
    else:
        task.content.is_archived = True
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


def _archive_snapshot(task: Task, snapshot: Snapshot, made: Outcome) -> None:
    """Store one snapshot and note in `made` whether it is new.

    If the archive holds another body under its key, the new body is stored too; then SnapshotAltered is raised. So it
    does if a backup that runs at the same time stored the new body first: the plan knows of none of its size.
    """
    item_id, key = task.item_id, snapshot.resource_key
    what, archive = f"Snapshot {key} of item {item_id}", task.workshop.archive
    limit = task.workshop.max_snapshot_bytes
    staged = task.access.download(item_id, key, limit, lambda chunks: stage(chunks, what), task.deadline)
    is_altered, held_sizes = False, task.held.get(key.digest, ())
    with closing(staged.file):
        try:
            stored = store(task.whose, snapshot, staged, task.how, archive)
        except ArchiveConflict:
            is_altered = True
            stored = store_altered(task.whose, snapshot, staged, task.how, archive)
    is_new = stored.state == "archived"
    if is_new:
        sha256 = staged.digest.hex()
        made["archived"].append({"resourceKey": key, "key": stored.key, "bytes": staged.size, "sha256": sha256})
    if is_altered and (is_new or staged.size not in held_sizes):
        raise SnapshotAltered(
            f"{what} changed in ArcGIS after it was archived. Its new body is stored as {stored.key}."
        )
    if not is_new:
        made["unchanged"] += 1
        if key.digest in task.held and not is_altered:
            task.workshop.listed_sizes.note_false_alarm()
