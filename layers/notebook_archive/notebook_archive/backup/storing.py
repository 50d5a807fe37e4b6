"""Store a staged notebook in the archive, with its metadata."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from notebook_archive.archive import Archive, CopyId, RunId, StoreRecord, StoreResult
from notebook_archive.backup.staging import Staged
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveError
from notebook_archive.models import ItemId, Snapshot

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ItemReference:
    """The item that a snapshot belongs to."""

    item_id: ItemId
    title: str
    owner: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a stored version: the route, the run and the portal."""

    route: str
    run: RunId
    portal_url: str


def store_snapshot(
    item: ItemReference, snapshot: Snapshot, staged: Staged, provenance: Provenance, archive: Archive
) -> StoreResult:
    """Store a staged snapshot unless the archive already has it. May raise an ArchiveError."""
    tags = {"owner": item.owner, "runtime": staged.facts.runtime}
    metadata = make_metadata(item, snapshot, staged, provenance)
    return archive.put_snapshot(item.item_id, snapshot.resource_key, staged.file, staged.digest, metadata, tags)


def store_altered(
    item: ItemReference, snapshot: Snapshot, staged: Staged, provenance: Provenance, archive: Archive
) -> StoreResult:
    """Store a different body of an archived snapshot beside the first, if it is new. May raise an ArchiveError."""
    tags = {"owner": item.owner, "runtime": staged.facts.runtime}
    metadata = make_metadata(item, snapshot, staged, provenance)
    return archive.put_altered_snapshot(item.item_id, snapshot.resource_key, staged.file, staged.digest, metadata, tags)


def store_copy(
    item: ItemReference, copy: CopyId, staged: Staged, provenance: Provenance, archive: Archive
) -> StoreResult:
    """Store a staged copy of a notebook's content unless the archive already has it. May raise an ArchiveError."""
    tags = {"owner": item.owner, "runtime": staged.facts.runtime}
    item_metadata = {"item-id": item.item_id, "title": item.title, "owner": item.owner}
    metadata = {**item_metadata, "modified": format_moment(copy.modified), **_describe_notebook(staged, provenance)}
    return archive.put_copy(item.item_id, copy, staged.file, staged.digest, metadata, tags)


def record_stored(run: RunId, versions: Sequence[StoreRecord], archive: Archive) -> None:
    """Write the store record of a function that nobody repeats if the record fails.

    An error is logged. The versions are stored then, but a verification counts them as unrecorded until it has read
    them.
    """
    try:
        archive.put_store_record(run, versions)
    except ArchiveError:
        _log.exception("The store record of %d stored versions could not be written", len(versions))


def make_metadata(item: ItemReference, snapshot: Snapshot, staged: Staged, provenance: Provenance) -> dict[str, str]:
    """Return the metadata of a snapshot. docs/archive-format.md describes each field."""
    return {
        "item-id": item.item_id,
        "resource-key": snapshot.resource_key,
        "title": item.title,
        "owner": item.owner,
        "snapshot-name": snapshot.name,
        "snapshot-created": format_moment(snapshot.created),
        **_describe_notebook(staged, provenance),
    }


def _describe_notebook(staged: Staged, provenance: Provenance) -> dict[str, str]:
    facts = staged.facts
    return {
        "source-host": urlsplit(provenance.portal_url).netloc,
        "route": provenance.route,
        "run-id": provenance.run,
        "sha256": staged.digest.hex(),
        "nbformat": facts.nbformat,
        "kernel": facts.kernel,
        "runtime": facts.runtime,
        "runtime-version": facts.runtime_version,
        "cells": str(facts.cells),
    }
