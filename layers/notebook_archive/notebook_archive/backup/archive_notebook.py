"""One notebook: archive the snapshots that the archive lacks; if that is asked, its current content; if that is asked,
make a snapshot and archive it too."""

from contextlib import closing

from notebook_archive.archive import RunId
from notebook_archive.backup.archive_current import archive_current
from notebook_archive.backup.capture import Capture
from notebook_archive.backup.classify import classify_absence, classify_refusal, classify_vanished, list_doubts
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.job import ArchiveContext, NotebookJob
from notebook_archive.backup.outcome import Outcome, State, conclude, outcome, problem, without_key
from notebook_archive.backup.placement import place
from notebook_archive.backup.planned import Planned, is_planned_as_archived
from notebook_archive.backup.protection import assess_protection
from notebook_archive.backup.staging import stage
from notebook_archive.backup.storing import store, store_altered
from notebook_archive.clock import Deadline
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
from notebook_archive.models import ItemId, Snapshot, SnapshotListing


def archive_notebook(planned: Planned, run: RunId, context: ArchiveContext, deadline: Deadline) -> Outcome:
    """Archive what is new of a notebook and return what became of it.  Raises nothing that is a NotebookArchiveError.

    A notebook that none of our credentials may read is ``skipped`` and says which secret would help; so is one that the
    portal says is gone.  Everything else that keeps a listed snapshot out of the archive is ``failed``.
    """
    made, listed, content = outcome(planned, "unchanged"), None, None
    route = ""
    try:
        item_id = ItemId.parse(planned["itemId"])
        access = context.routes.choose(planned["owner"], deadline)
        route = access.route
        content = CurrentContent(item_id, planned["content"], access, context.max_snapshot_bytes)
        job = NotebookJob(planned, item_id, access, content, run, context, deadline)
        listed = access.list_snapshots(item_id)
    except (PermissionDenied, SecretMissing) as error:
        made["state"], made["problem"] = classify_refusal(planned, route, error, context)
        if content:  # its content may be readable although its snapshots are not
            with closing(content):
                _attempt_current(job, made)
            if made["failed"]:
                made["state"], made["problem"] = "failed", without_key(made["failed"][0])
    except (NotebookNotFound, RequestRejected) as error:
        made["state"], made["problem"] = classify_absence(job, error)
    except NotebookArchiveError as error:
        made["state"], made["problem"] = "failed", problem(error)
    else:
        made["route"] = access.route  # the one that worked
        made["listed"] = len(listed.snapshots)
        if listed.lookalikes:
            made["lookalikes"] = list(listed.lookalikes)
        with closing(content):
            _archive_all(job, listed, made)
        conclude(made)
    has_current = content.is_archived if content else is_planned_as_archived(planned.get("content"))
    made["protection"] = assess_protection(planned, made, listed, has_current=has_current)
    return made


def _archive_all(job: NotebookJob, listed: SnapshotListing, made: Outcome) -> None:
    """Archive the listed snapshots, then the current content, then a snapshot that is made, then the properties."""
    if _archive_listed(job, listed, made):
        _attempt_current(job, made)
        _attempt_capture(job, listed, made)
    if "item" in job.planned:
        try:
            job.context.archive.put_item_properties(job.item_id, place(job.planned["item"], job))
        except NotebookArchiveError as error:
            made["problem"] = problem(error)


def _archive_listed(job: NotebookJob, listed: SnapshotListing, made: Outcome) -> bool:
    """Archive what is new and note in ``made`` what became of each; return whether to go on."""
    made["failed"] += list_doubts(job.item_id, listed)
    if listed.is_uncounted:
        made["uncounted"] = True
    if job.access.route == "portal" and job.planned.get("hidden"):
        blind = PermissionDenied(
            "The administrator's account lacks portal:admin:updateItems, so it sees not all snapshots."
        )
        state, why = classify_refusal(job.planned, job.access.route, blind, job.context)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "", **why})
    held, sizes = job.held, job.context.listed_sizes
    for snapshot in listed.snapshots:
        digest = snapshot.resource_key.digest
        if digest in held and not sizes.differ(snapshot.size, held[digest]):
            made["unchanged"] += 1
        elif not _attempt(job, snapshot, made):
            return False
    return True


def _attempt(job: NotebookJob, snapshot: Snapshot, made: Outcome) -> bool:
    """Archive one snapshot and note in ``made`` what became of it; return whether to go on."""
    try:
        _archive_snapshot(job, snapshot, made)
    except (PermissionDenied, NotebookNotFound, RequestRejected) as error:
        if isinstance(error, PermissionDenied):
            state, why = classify_refusal(job.planned, job.access.route, error, job.context, made)
        else:
            state, why = classify_vanished(job, snapshot, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": snapshot.resource_key, **why})
    except NotebookArchiveError as error:
        made["failed"].append({"resourceKey": snapshot.resource_key, **problem(error)})
        return not isinstance(error, TokenRejected | DeadlineExceeded)
    return True


def _attempt_current(job: NotebookJob, made: Outcome) -> None:
    """Archive the current content, if that is asked, and note in ``made`` what became of it."""
    if not job.context.archive_current:
        return
    try:
        stored = archive_current(job.content, job.item, job.provenance, job.context.archive)
    except NotebookArchiveError as error:
        state: State = "skipped" if isinstance(error, NoContent) else "failed"
        why = problem(error)
        if isinstance(error, PermissionDenied) and not job.content.planned["held"]:
            state, why = classify_refusal(job.planned, job.access.route, error, job.context, made)
        elif isinstance(error, NotebookNotFound | RequestRejected):
            state, why = classify_absence(job, error)
        made["skipped" if state == "skipped" else "failed"].append({"resourceKey": "current", **why})
    else:
        job.content.is_archived = True
        made["archived"] += [stored] if stored else []
        made["unchanged"] += 0 if stored else 1


def _attempt_capture(job: NotebookJob, listed: SnapshotListing, made: Outcome) -> None:
    """Make a snapshot and archive it, if that is asked and due, and everything else was archived.

    What cannot be archived would take up slot after slot for nothing.
    """
    capturing = job.context.capturing
    if capturing is None or made["failed"] or any(each["resourceKey"] == "current" for each in made["skipped"]):
        return
    capture = Capture(job, capturing, made)
    before = {snapshot.resource_key for snapshot in listed.snapshots}
    for snapshot in capture.attempt(listed).snapshots:
        if snapshot.resource_key not in before:
            _attempt(job, snapshot, made)
    capture.confirm()


def _archive_snapshot(job: NotebookJob, snapshot: Snapshot, made: Outcome) -> None:
    """Store one snapshot and note in `made` whether it is new.

    If the archive holds another body under its key, the new body is stored too; then SnapshotAltered is raised. So it
    does if a backup that runs at the same time stored the new body first: the plan knows of none of its size.
    """
    item_id, key = job.item_id, snapshot.resource_key
    what, archive = f"Snapshot {key} of item {item_id}", job.context.archive
    limit = job.context.max_snapshot_bytes
    staged = job.access.read_snapshot(item_id, key, limit, lambda chunks: stage(chunks, what))
    is_altered, held_sizes = False, job.held.get(key.digest, ())
    with closing(staged.file):
        try:
            stored = store(job.item, snapshot, staged, job.provenance, archive)
        except ArchiveConflict:
            is_altered = True
            stored = store_altered(job.item, snapshot, staged, job.provenance, archive)
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
        if key.digest in job.held and not is_altered:
            job.context.listed_sizes.note_false_alarm()
