"""Record which execution a run id belongs to."""

import json

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.errors import ArchiveUnavailable, RunIdTaken


def claim_run(run: RunId, started_at: str, archive: Archive) -> None:
    """Note in the archive that a run id belongs to the execution that started at this time, unless that is noted.

    A run id is the name and the date of an execution, so two stacks that share a bucket may use the same one. The
    start time, with milliseconds, distinguishes the executions; it stays the same when a state is tried again. Raises
    RunIdTaken if the run id is another execution's, ArchiveDenied or ArchiveUnavailable.
    """
    key = keys.claim_key(run)
    if archive.put_document_once(key, {"startedAt": started_at}):
        return
    noted = archive.read_object(key)
    if noted is None:
        raise ArchiveUnavailable(f"S3 did not store {key}.")
    other = json.loads(noted)["startedAt"]
    if other != started_at:
        raise RunIdTaken(
            f"Run id {run} is already used by another execution, which started at {other}. "
            "Start this one again under another name."
        )
