"""Restore one version of a notebook: plan it, do it, and read it back."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from notebook_archive.archive import RunId
from notebook_archive.clock import Deadline, format_moment
from notebook_archive.errors import ArchiveDamaged, NotebookArchiveError, RestoreIdTaken, RestoreInterrupted
from notebook_archive.restore.as_new import NewItem
from notebook_archive.restore.as_replacement import Replacement
from notebook_archive.restore.as_snapshot import NewSnapshot
from notebook_archive.restore.job import RestoreContext, RestoreJob, RestoreWay, WayPlan
from notebook_archive.restore.journal import SCHEMA, RestoreJournal, RestorePlan, RestoreRecord
from notebook_archive.restore.recorded_bytes import compare_with_ledger
from notebook_archive.restore.request import Place, RestoreRequest, Way
from notebook_archive.restore.version import opened_version

_WAYS: dict[Way, type[NewItem | Replacement | NewSnapshot]] = {
    "new": NewItem,
    "replace": Replacement,
    "snapshot": NewSnapshot,
}
# What a plan says first, by the place that the version is read from.
_FIRST_STEPS: dict[Place, list[str]] = {
    "archive": [],
    "second-place": ["Read the version from the second place, and not from the archive's own bucket."],
}


def restore_version(request: RestoreRequest, context: RestoreContext, deadline: Deadline) -> RestoreRecord:
    """Restore the version that the request names, and return the record of it.

    If the same request was carried out before, the record of that is returned, with the status *already-restored*. If
    it was begun, it is completed. A dry run returns what would be done, and changes and writes nothing.

    Everything that may be refused is checked first. So any RestoreError but RestoreInterrupted, and any other error,
    means that nothing was changed in ArcGIS. RestoreInterrupted says what was changed. Then the same request completes
    the restore, and an undo takes it back.
    """
    begun = time.monotonic()
    journal = RestoreJournal(context.archive, request.restore_id)
    planned = journal.read_plan()
    if planned:
        _require_same_request(planned, request, journal)
        if ended := journal.read_result():
            return {**ended, "status": "already-restored"}
        request = _repeat_choices(request, planned)
    with opened_version(request, context.find_reader(request)) as version:
        job = RestoreJob(request, version, context.portals.find(request.to), context, deadline)
        warnings: list[str] = []
        if planned:
            _require_same_state(planned, job)
        else:
            warnings = compare_with_ledger(version, request, context.ledger)
        way: RestoreWay = _WAYS[request.way](job)
        if planned is None:
            planned = _make_plan(job, way.plan(), warnings)
            if request.is_dry_run:
                return _make_record(planned, "planned", begun)
            planned = journal.write_plan(planned)
            _require_same_request(planned, request, journal)
        elif request.is_dry_run:
            return _make_record(planned, "planned", begun)
        try:
            result = way.carry_out(planned, journal)
            record: RestoreRecord = {
                **_make_record(planned, "restored", begun),
                **result.made,
                "level": result.read_back.level,
                "differences": result.read_back.differences,
                "left": result.read_back.left,
            }
            return journal.write_result(record)
        except NotebookArchiveError as error:
            if not journal.changes:
                raise
            changes = " ".join(journal.changes)
            raise RestoreInterrupted(f"Restore {request.restore_id} stopped. {error} Until then: {changes}") from error


def _require_same_request(planned: RestorePlan, request: RestoreRequest, journal: RestoreJournal) -> None:
    if planned["request"] != request.describe():
        raise RestoreIdTaken(f"Another request has the id {request.restore_id}. It restored {planned['key']}.")
    journal.require_not_undone()


def _repeat_choices(request: RestoreRequest, planned: RestorePlan) -> RestoreRequest:
    """Return the request with what the plan took from the archive, which may say something else by now."""
    if request.way != "new":
        return request
    return replace(request, owner=planned["owner"], folder=planned["folder"], title=planned["title"])


def _require_same_state(planned: RestorePlan, job: RestoreJob) -> None:
    """Raise an error if a restore that was begun cannot be completed, because its portal or its version changed."""
    if planned["portalUrl"] != job.target.url:
        raise RestoreIdTaken(f"The restore {planned['restoreId']} was begun on {planned['portalUrl']}.")
    if planned["sha256"] != job.version.sha256:
        raise ArchiveDamaged(f"{planned['key']} has other bytes than when the restore was begun.")


def _make_plan(job: RestoreJob, way: WayPlan, warnings: list[str]) -> RestorePlan:
    request, version = job.request, job.version
    started_at = format_moment(int(datetime.now(UTC).timestamp() * 1000))
    plan: RestorePlan = {
        "schema": SCHEMA,
        "restoreId": request.restore_id,
        "requestId": request.request_id or request.restore_id,
        "runId": RunId.from_execution(f"restore-{request.restore_id}", started_at),
        "startedAt": started_at,
        "request": request.describe(),
        "key": version.key,
        "bytes": version.size,
        "sha256": version.sha256,
        "portalUrl": job.target.url,
        "owner": way.owner,
        "title": way.title,
        "steps": [*_FIRST_STEPS[request.place], *way.steps, *warnings],
    }
    plan |= way.names  # type: ignore[typeddict-item]  # its names are fields of the plan
    return plan


def _make_record(plan: RestorePlan, status: Literal["planned", "restored"], begun: float) -> RestoreRecord:
    request = plan["request"]
    record: RestoreRecord = {
        "schema": SCHEMA,
        "restoreId": plan["restoreId"],
        "status": status,
        "as": request["as"],
        "itemId": request["itemId"],
        "resourceKey": request["resourceKey"],
        "key": plan["key"],
        "bytes": plan["bytes"],
        "sha256": plan["sha256"],
        "portalUrl": plan["portalUrl"],
        "owner": plan["owner"],
        "plan": plan["steps"],
        "seconds": round(time.monotonic() - begun, 3),
    }
    if "versionId" in request:
        record["versionId"] = request["versionId"]
    return record
