"""Write the message of a run's report, which people read first, in mails and in the list of executions."""

from collections.abc import Sequence

from notebook_archive.backup.records import Problem
from notebook_archive.runs.counts import Counts
from notebook_archive.runs.protection_figures import ProtectionCounts, describe_protection

# Maximum number of notices in a message. The message is part of an event and of the execution's state. Each of these
# may have at most 256 KB.
MAX_NOTICES = 5


def write_message(
    status: str,
    protection: ProtectionCounts,
    notebooks: Counts,
    snapshots: Counts,
    notices: Sequence[Problem],
    error: Problem | None,
) -> str:
    """Return the message of a run: its status, its figures and its notices, or the error that ended it."""
    if error:
        return f"The run failed: {error['message']} {error['remedy']}"
    archived, failed = _count(snapshots["archived"], "version"), _count(sum(notebooks["failed"].values()), "notebook")
    sentences = [
        f"{status.capitalize()}.",
        f"{describe_protection(protection)}.",
        f"{archived} archived, {snapshots['unchanged']} already in the archive, {failed} failed.",
    ]
    sentences += [f"{notice['message']} {notice['remedy']}" for notice in notices[:MAX_NOTICES]]
    if len(notices) > MAX_NOTICES:
        sentences.append(f"The report has {_count(len(notices) - MAX_NOTICES, 'more notice')}.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
