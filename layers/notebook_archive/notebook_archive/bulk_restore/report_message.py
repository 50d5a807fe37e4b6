"""Write the message of a bulk restore's report, which people read first."""

from collections.abc import Mapping, Sequence

from notebook_archive.backup.records import Problem
from notebook_archive.bulk_restore.counts import RestoreCounts
from notebook_archive.bulk_restore.outcome import RestoreOutcome

# Maximum number of failed notebooks in a message. The message is part of an event and of the execution's state.
MAX_FAILURES = 5


def write_message(
    status: str,
    counts: RestoreCounts,
    levels: Mapping[str, int],
    failed: Sequence[RestoreOutcome],
    error: Problem | None,
    *,
    not_compared: int,
    is_dry_run: bool,
) -> str:
    """Return the message of a bulk restore: its figures and its failures, or the error that ended it.

    `not_compared` is the number of versions whose bytes could not be compared with the ledger.
    """
    if error:
        return f"The bulk restore failed: {error['message']} {error['remedy']}"
    figures = {
        "restored": counts["restored"],
        "already restored before": counts["alreadyRestored"],
        "planned": counts["planned"],
        "without a version": sum(counts["skipped"].values()),
        "failed": sum(counts["failed"].values()),
    }
    listed = ", ".join(f"{count} {name}" for name, count in figures.items() if count) or "nothing to restore"
    sentences = [f"{status.capitalize()}.", f"{_count(counts['attempted'], 'notebook')}: {listed}."]
    if different := levels["4"]:
        have = "has" if different == 1 else "have"
        sentences.append(
            f"{_count(different, 'new item')} {have} other properties than archived, which the list names."
        )
    if not_compared:
        sentences.append(
            f"The bytes of {_count(not_compared, 'version')} were not compared with the ledger. The list says why."
        )
    if is_dry_run:
        sentences.append("This was a dry run, so nothing was changed.")
    for outcome in failed[:MAX_FAILURES]:
        problem = outcome["problem"]
        sentences.append(f"{outcome['title']!r} ({outcome['itemId']}): {problem['message']} {problem['remedy']}")
    if len(failed) > MAX_FAILURES:
        sentences.append(f"The list has {_count(len(failed) - MAX_FAILURES, 'more failure')}.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
