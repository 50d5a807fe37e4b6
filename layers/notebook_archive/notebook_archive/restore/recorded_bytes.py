"""Compare the bytes of an archived version with what the ledger recorded when it was stored."""

from notebook_archive.archive import Ledger
from notebook_archive.errors import ArchiveError, VersionReplaced
from notebook_archive.restore.request import RestoreRequest
from notebook_archive.restore.version import ArchivedVersion

# The sentence in a plan begins like this if the bytes could not be compared.
NOT_COMPARED = "The bytes were not compared with the ledger"


def compare_with_ledger(version: ArchivedVersion, request: RestoreRequest, ledger: Ledger) -> list[str]:
    """Return a sentence for the plan if the bytes differ or could not be compared, or else an empty list.

    Raises VersionReplaced if the bytes differ, and the request does not name an S3 version. If it names one, a person
    chose these bytes, so they are restored. The ledger is made from the archive, and may be lost together with it. So a
    restore goes on without it.
    """
    try:
        entry = ledger.find_entry(version.key)
    except ArchiveError as error:
        return [f"{NOT_COMPARED}, because it could not be read. {error}"]
    if entry is None or not entry.sha256:
        return [f"{NOT_COMPARED}, because it does not have {version.key} yet. The next verification adds it."]
    if entry.sha256 == version.sha256:
        return []
    found = (
        f"has other bytes than the ledger recorded: its SHA-256 is {version.sha256}, and the recorded one is "
        f"{entry.sha256}."
    )
    if not request.version_id:
        raise VersionReplaced(f"{version.key} {found}")
    return [f"Warning: The S3 version {request.version_id} of {version.key} {found}"]
