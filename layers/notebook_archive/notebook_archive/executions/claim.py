"""Record which execution an id belongs to."""

import json

from notebook_archive.archive import Archive, RunId
from notebook_archive.errors import ArchiveDamaged, ArchiveUnavailable, RunIdTaken


def claim_run(key: str, run: RunId, started_at: str, archive: Archive) -> None:
    """Write under this key that a run id belongs to the execution that started at this time.

    If that is already written, do nothing. A run id consists of the name and the date of an execution. So two stacks
    that share a bucket may use the same run id, but their start times, with milliseconds, differ. If Step Functions
    retries a state, the start time stays the same. Raises RunIdTaken if the run id belongs to another execution, and
    ArchiveDamaged if the object does not say to which. May also raise ArchiveDenied or ArchiveUnavailable.
    """
    if archive.put_document_once(key, {"startedAt": started_at}):
        return
    noted = archive.read_object(key)
    if noted is None:
        raise ArchiveUnavailable(f"S3 did not store {key}.")
    try:
        other = json.loads(noted)["startedAt"]
    except (KeyError, RecursionError, TypeError, ValueError):
        raise ArchiveDamaged(
            f"{key} does not say which execution has the run id {run}. Start this one again with another name."
        ) from None
    if other != started_at:
        raise RunIdTaken(
            f"Run id {run} is already used by another execution, which started at {other}. "
            "Start this one again with another name."
        )
