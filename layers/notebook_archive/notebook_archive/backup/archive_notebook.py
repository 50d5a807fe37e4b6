"""Archive one notebook: its new snapshots, its current content, and a new snapshot that the run takes of it."""

from contextlib import closing

from notebook_archive.archive import RunId
from notebook_archive.backup.archive_current import archive_current
from notebook_archive.backup.archive_snapshot import archive_snapshot
from notebook_archive.backup.capture import Capture
from notebook_archive.backup.classify import (
    classify_absence,
    classify_missing_snapshot,
    classify_refusal,
    list_unusable_entries,
)
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.job import ArchiveContext, NotebookJob
from notebook_archive.backup.outcome import CURRENT, NotebookOutcome, Verdict
from notebook_archive.backup.placement import add_placement
from notebook_archive.backup.planned import PlannedNotebook, is_planned_as_archived
from notebook_archive.backup.protection import assess_protection
from notebook_archive.backup.records import OutcomeRecord
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    NoContent,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
)
from notebook_archive.models import ItemId, Snapshot, SnapshotListing


def archive_notebook(
    planned: PlannedNotebook, run: RunId, context: ArchiveContext, deadline: Deadline
) -> OutcomeRecord:
    """Archive everything in a notebook that is new, and return its record. Never raises a NotebookArchiveError.

    If none of the stack's credentials may read the notebook, it is `skipped`, and the record says which secret to
    create. A notebook that the portal no longer has is `skipped` too. If a listed snapshot is not archived for any
    other reason, the notebook is `failed`.
    """
    outcome = NotebookOutcome(planned)
    try:
        item_id = ItemId.parse(planned["itemId"])
        access = context.routes.choose(planned["owner"], deadline)
        content = CurrentContent(item_id, planned["content"], access, context.max_snapshot_bytes)
    except (PermissionDenied, SecretMissing) as error:
        secret = context.routes.secret_of(planned["owner"])
        outcome.end(classify_refusal(error, route="", owner_secret=secret, has_snapshot=outcome.has_snapshot))
    except NotebookArchiveError as error:
        outcome.end(Verdict.fail(error))
    else:
        job = NotebookJob(planned, item_id, access, content, run, context, deadline)
        with closing(content):
            _archive_versions(job, outcome)
        return outcome.record(assess_protection(outcome, has_current=content.is_archived))
    has_current = is_planned_as_archived(planned.get("content"))
    return outcome.record(assess_protection(outcome, has_current=has_current))


def _archive_versions(job: NotebookJob, outcome: NotebookOutcome) -> None:
    """Archive the listed snapshots, the current content, a new snapshot, and the properties, in this order."""
    try:
        listed = job.access.list_snapshots(job.item_id)
    except (PermissionDenied, SecretMissing) as error:
        verdict = _classify_refusal(job, error, outcome)
        _archive_current(job, outcome)  # the content may be readable although the snapshots are not
        outcome.end(outcome.first_failure or verdict)
    except (NotebookNotFound, RequestRejected) as error:
        outcome.end(classify_absence(job, error))
    except NotebookArchiveError as error:
        outcome.end(Verdict.fail(error))
    else:
        outcome.set_listing(job.access.route, listed)
        _archive_listed(job, listed, outcome)
        if not outcome.must_stop:
            _archive_current(job, outcome)
            _archive_capture(job, listed, outcome)
        _archive_properties(job, outcome)


def _archive_listed(job: NotebookJob, listed: SnapshotListing, outcome: NotebookOutcome) -> None:
    for key, error in list_unusable_entries(job.item_id, listed):
        outcome.fail(key, error)
    if job.access.route == "portal" and job.planned.get("hidden"):
        refusal = PermissionDenied(
            "The administrator's account does not have portal:admin:updateItems, so it does not see all snapshots."
        )
        outcome.add_problem("", _classify_refusal(job, refusal, outcome))
    for snapshot in listed.snapshots:
        if outcome.must_stop:
            return
        if job.has_archived(snapshot):
            outcome.count_unchanged()
        else:
            _archive_snapshot(job, snapshot, outcome)


def _archive_snapshot(job: NotebookJob, snapshot: Snapshot, outcome: NotebookOutcome) -> None:
    try:
        stored, alteration = archive_snapshot(job, snapshot)
    except PermissionDenied as error:
        outcome.add_problem(snapshot.resource_key, _classify_refusal(job, error, outcome))
    except (NotebookNotFound, RequestRejected) as error:
        outcome.add_problem(snapshot.resource_key, classify_missing_snapshot(job, snapshot, error))
    except NotebookArchiveError as error:
        outcome.fail(snapshot.resource_key, error)
    else:
        if stored:
            outcome.add_stored(stored)
        if alteration:
            outcome.fail(snapshot.resource_key, alteration)
        elif not stored:
            outcome.count_unchanged()


def _archive_current(job: NotebookJob, outcome: NotebookOutcome) -> None:
    """Archive the current content, if the deployment's settings say so."""
    if not job.context.includes_current:
        return
    try:
        stored = archive_current(job.content, job.item, job.provenance, job.context.archive)
    except NoContent as error:
        outcome.add_problem(CURRENT, Verdict.skip(error))
    except PermissionDenied as error:
        is_loss = bool(job.content.planned["held"])  # an earlier run could read the content
        outcome.add_problem(CURRENT, Verdict.fail(error) if is_loss else _classify_refusal(job, error, outcome))
    except (NotebookNotFound, RequestRejected) as error:
        outcome.add_problem(CURRENT, classify_absence(job, error))
    except NotebookArchiveError as error:
        outcome.fail(CURRENT, error)
    else:
        job.content.is_archived = True
        if stored:
            outcome.add_stored(stored)
        else:
            outcome.count_unchanged()


def _archive_capture(job: NotebookJob, listed: SnapshotListing, outcome: NotebookOutcome) -> None:
    """Take a snapshot and archive it, if the settings say so, one is due, and everything else was archived.

    Otherwise, each run would use one more slot of a notebook that cannot be archived.
    """
    settings = job.context.capture_settings
    if settings is None or outcome.failed or outcome.has_skipped_current:
        return
    capture = Capture(job, settings, listed)
    result = capture.attempt()
    outcome.set_capture(result.captured, result.freed)
    for verdict in result.verdicts:
        outcome.add_problem("", verdict)
    before = {snapshot.resource_key for snapshot in listed.snapshots}
    for snapshot in result.listed.snapshots:
        if snapshot.resource_key not in before:
            _archive_snapshot(job, snapshot, outcome)
    if error := capture.confirm():
        outcome.fail("", error)


def _archive_properties(job: NotebookJob, outcome: NotebookOutcome) -> None:
    """Write `item.json`, if the plan contains the properties to write."""
    if "item" in job.planned:
        try:
            job.context.archive.put_item_properties(job.item_id, add_placement(job.planned["item"], job))
        except NotebookArchiveError as error:
            outcome.end(Verdict.fail(error))


def _classify_refusal(job: NotebookJob, error: PermissionDenied | SecretMissing, outcome: NotebookOutcome) -> Verdict:
    secret = job.context.routes.secret_of(job.planned["owner"])
    return classify_refusal(error, route=job.access.route, owner_secret=secret, has_snapshot=outcome.has_snapshot)
