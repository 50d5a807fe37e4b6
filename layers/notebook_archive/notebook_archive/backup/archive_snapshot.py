"""Archive one snapshot of a notebook."""

from contextlib import closing

from notebook_archive.backup.job import NotebookJob
from notebook_archive.backup.records import StoredVersion
from notebook_archive.backup.staging import stage
from notebook_archive.backup.storing import store_altered, store_snapshot
from notebook_archive.errors import ArchiveConflict, SnapshotAltered
from notebook_archive.models import Snapshot


def archive_snapshot(job: NotebookJob, snapshot: Snapshot) -> tuple[StoredVersion | None, SnapshotAltered | None]:
    """Download a snapshot and store it. Return what was stored, or None if the archive already has it.

    If the archive has a different body under the snapshot's key, the new body is stored too. The second value is then
    a SnapshotAltered. It is also returned if another backup stored the new body at the same time. In that case the
    plan does not contain a body of this size. Raises what `SnapshotAccess.read_snapshot` raises, SnapshotInvalid, or
    an ArchiveError.
    """
    item_id, key = job.item_id, snapshot.resource_key
    what, archive = f"Snapshot {key} of item {item_id}", job.context.archive
    limit = job.context.max_snapshot_bytes
    staged = job.access.read_snapshot(item_id, key, limit, lambda chunks: stage(chunks, what))
    is_altered = False
    with closing(staged.file):
        try:
            result = store_snapshot(job.item, snapshot, staged, job.provenance, archive)
        except ArchiveConflict:
            is_altered = True
            result = store_altered(job.item, snapshot, staged, job.provenance, archive)
    stored: StoredVersion | None = None
    if result.state == "archived":
        sha256 = staged.digest.hex()
        stored = {"resourceKey": key, "key": result.key, "bytes": staged.size, "sha256": sha256}
    if is_altered and (stored or staged.size not in job.archived_sizes.get(key.key_digest, ())):
        changed = f"{what} changed in ArcGIS after it was archived. Its new body is stored as {result.key}."
        return stored, SnapshotAltered(changed)
    if not stored and not is_altered and key.key_digest in job.archived_sizes:
        job.context.listed_sizes.note_false_alarm()
    return stored, None
