"""One notebook: list its snapshots, archive those that the archive lacks."""

from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from notebook_archive.arcgis.routes import Access, Routes
from notebook_archive.archive import Archive, RunId
from notebook_archive.archive.labels import moment
from notebook_archive.deadline import Deadline
from notebook_archive.errors import (
    DeadlineExceeded,
    ListingIncomplete,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    SecretMissing,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import DIGEST_LENGTH, ItemId, Listing, Snapshot
from notebook_archive.pipeline.outcomes import (
    Outcome,
    Planned,
    Problem,
    SnapshotProblem,
    StoredSnapshot,
    outcome,
    problem,
)
from notebook_archive.pipeline.staging import Staged, stage


@dataclass(frozen=True, slots=True)
class Workshop:
    """What archiving needs, the same for every notebook of an invocation."""

    routes: Routes
    archive: Archive
    portal_url: str
    max_snapshot_bytes: int


def archive_notebook(planned: Planned, run: RunId, workshop: Workshop, deadline: Deadline) -> Outcome:
    """Archive what is new of a notebook and return what became of it.  Raises nothing that is a NotebookArchiveError.

    A notebook that none of our credentials may read is ``skipped`` and says which secret would help; so is one that is
    gone.
    """
    try:
        item_id = ItemId.parse(planned["itemId"])
        access = workshop.routes.of(planned["owner"], deadline)
        listed = access.snapshots(item_id, deadline)
    except (PermissionDenied, SecretMissing) as error:
        return outcome(planned, "skipped", _unprotected(planned, error, workshop))
    except NotebookNotFound as error:
        return outcome(planned, "skipped", problem(error))
    except NotebookArchiveError as error:
        return outcome(planned, "failed", problem(error))
    made = outcome(planned, "unchanged")
    made["route"] = access.route
    known = planned["archived"]
    held = {known[i : i + DIGEST_LENGTH] for i in range(0, len(known), DIGEST_LENGTH)}
    made["failed"] += _doubts(item_id, listed)
    for snapshot in listed.snapshots:
        if snapshot.resource_key.digest in held:
            made["unchanged"] += 1
        elif not _attempt(planned, made, snapshot, access, run, workshop, deadline):
            break
    if "item" in planned:
        try:
            workshop.archive.put_item(item_id, planned["item"])
        except NotebookArchiveError as error:
            made["problem"] = problem(error)
    _conclude(made)
    return made


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


def _attempt(
    planned: Planned,
    made: Outcome,
    snapshot: Snapshot,
    access: Access,
    run: RunId,
    workshop: Workshop,
    deadline: Deadline,
) -> bool:
    """Archive one snapshot and note in ``made`` what became of it; return whether to go on."""
    try:
        stored = _archive_snapshot(planned, snapshot, access, run, workshop, deadline)
    except NotebookNotFound as error:
        made["skipped"].append({"resourceKey": snapshot.resource_key, **problem(error)})
    except PermissionDenied as error:
        made["skipped"].append({"resourceKey": snapshot.resource_key, **_unprotected(planned, error, workshop)})
    except NotebookArchiveError as error:
        made["failed"].append({"resourceKey": snapshot.resource_key, **problem(error)})
        return not isinstance(error, TokenRejected | DeadlineExceeded)
    else:
        if stored:
            made["archived"].append(stored)
        else:
            made["unchanged"] += 1
    return True


def _archive_snapshot(
    planned: Planned,
    snapshot: Snapshot,
    access: Access,
    run: RunId,
    workshop: Workshop,
    deadline: Deadline,
) -> StoredSnapshot | None:
    """Return what was stored, None where an earlier run had stored it."""
    item_id, key = ItemId(planned["itemId"]), snapshot.resource_key
    what = f"Snapshot {key} of item {item_id}"
    limit = workshop.max_snapshot_bytes
    staged = access.download(item_id, key, limit, lambda chunks: stage(chunks, what), deadline)
    with closing(staged.file):
        metadata = _metadata(planned, snapshot, staged, access.route, run, workshop.portal_url)
        tags = {"owner": planned["owner"], "runtime": staged.facts.runtime}
        stored = workshop.archive.put_snapshot(item_id, key, staged.file, staged.digest, metadata, tags)
    if stored.state == "unchanged":
        return None
    return {"resourceKey": key, "key": stored.key, "bytes": staged.size, "sha256": staged.digest.hex()}


def _metadata(
    planned: Planned, snapshot: Snapshot, staged: Staged, route: str, run: RunId, portal_url: str
) -> dict[str, str]:
    facts = staged.facts
    return {
        "item-id": planned["itemId"],
        "resource-key": snapshot.resource_key,
        "title": planned["title"],
        "owner": planned["owner"],
        "snapshot-name": snapshot.name,
        "snapshot-created": moment(snapshot.created),
        "source-host": urlsplit(portal_url).netloc,
        "route": route,
        "run-id": run,
        "sha256": staged.digest.hex(),
        "nbformat": facts.nbformat,
        "kernel": facts.kernel,
        "runtime": facts.runtime,
        "runtime-version": facts.runtime_version,
        "cells": str(facts.cells),
    }


def _unprotected(planned: Planned, error: NotebookArchiveError, workshop: Workshop) -> Problem:
    """Return why nobody's credential helps, and which secret would."""
    secret = workshop.routes.secret_of(planned["owner"])
    if isinstance(error, SecretMissing) and secret not in str(error):
        return problem(error)  # the administrator's own secret is missing
    return {
        "reason": "owner-credentials-missing",
        "message": str(error),
        "remedy": f"Create secret {secret!r} with the owner's credential; README, 'Secrets', has the JSON.",
    }


def _conclude(made: Outcome) -> None:
    if made["failed"] or "problem" in made:
        made["state"] = "failed"
        made.setdefault("problem", _without_key(made["failed"][0]) if made["failed"] else made["problem"])
    elif made["skipped"]:
        made["state"] = "skipped"
        made["problem"] = _without_key(made["skipped"][0])
    elif made["archived"]:
        made["state"] = "archived"


def _without_key(found: Problem) -> Problem:
    return {"reason": found["reason"], "message": found["message"], "remedy": found["remedy"]}
