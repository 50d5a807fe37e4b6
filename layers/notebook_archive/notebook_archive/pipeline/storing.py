"""Storing one staged snapshot, with what is noted beside it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from notebook_archive.archive import Archive, CopyId, RunId, Stored
from notebook_archive.archive.labels import moment
from notebook_archive.models import ItemId, Snapshot
from notebook_archive.pipeline.staging import Staged


@dataclass(frozen=True, slots=True)
class Whose:
    """The item that a snapshot is of."""

    item_id: ItemId
    title: str
    owner: str


@dataclass(frozen=True, slots=True)
class How:
    """How a snapshot came here: ``route`` from ArcGIS, by which ``run``, from which portal."""

    route: str
    run: RunId
    portal_url: str


def store(whose: Whose, snapshot: Snapshot, staged: Staged, how: How, archive: Archive) -> Stored:
    """Store a staged snapshot unless the archive holds it.  Raises any ArchiveError."""
    tags = {"owner": whose.owner, "runtime": staged.facts.runtime}
    noted = metadata(whose, snapshot, staged, how)
    return archive.put_snapshot(whose.item_id, snapshot.resource_key, staged.file, staged.digest, noted, tags)


def store_altered(whose: Whose, snapshot: Snapshot, staged: Staged, how: How, archive: Archive) -> Stored:
    """Store another body of an archived snapshot beside the first, unless it is there.  Raises any ArchiveError."""
    tags = {"owner": whose.owner, "runtime": staged.facts.runtime}
    noted = metadata(whose, snapshot, staged, how)
    return archive.put_altered(whose.item_id, snapshot.resource_key, staged.file, staged.digest, noted, tags)


def store_copy(whose: Whose, copy: CopyId, staged: Staged, how: How, archive: Archive) -> Stored:
    """Store a staged copy of a notebook's content unless the archive holds it.  Raises any ArchiveError."""
    tags = {"owner": whose.owner, "runtime": staged.facts.runtime}
    of_item = {"item-id": whose.item_id, "title": whose.title, "owner": whose.owner}
    noted = {**of_item, "modified": moment(copy.modified), **_noted(staged, how)}
    return archive.put_copy(whose.item_id, copy, staged.file, staged.digest, noted, tags)


def metadata(whose: Whose, snapshot: Snapshot, staged: Staged, how: How) -> dict[str, str]:
    """Return what is noted with a snapshot; docs/archive-format.md describes each."""
    return {
        "item-id": whose.item_id,
        "resource-key": snapshot.resource_key,
        "title": whose.title,
        "owner": whose.owner,
        "snapshot-name": snapshot.name,
        "snapshot-created": moment(snapshot.created),
        **_noted(staged, how),
    }


def _noted(staged: Staged, how: How) -> dict[str, str]:
    facts = staged.facts
    return {
        "source-host": urlsplit(how.portal_url).netloc,
        "route": how.route,
        "run-id": how.run,
        "sha256": staged.digest.hex(),
        "nbformat": facts.nbformat,
        "kernel": facts.kernel,
        "runtime": facts.runtime,
        "runtime-version": facts.runtime_version,
        "cells": str(facts.cells),
    }
