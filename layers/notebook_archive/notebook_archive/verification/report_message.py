"""Write the message of a verification's report, which people read first, in mails and in the list of executions."""

from collections.abc import Mapping, Sequence
from typing import Any

from notebook_archive.backup.records import Problem
from notebook_archive.verification.open_findings import FindingCounts, OpenFinding, count_unsettled

# Maximum number of findings in a message. The message is part of an event and of the execution's state. Each of these
# may have at most 256 KB.
MAX_FINDINGS = 5


def write_message(
    status: str,
    versions: Mapping[str, Any],
    second_place: Mapping[str, Any] | None,
    counts: FindingCounts,
    findings: Sequence[OpenFinding],
    notices: Sequence[Problem],
    error: Problem | None,
) -> str:
    """Return the message of a verification: its status, its figures and its findings, or the error that ended it."""
    if error:
        return f"The verification failed: {error['message']} {error['remedy']}"
    listed = _count(versions["listed"], "version")
    sentences = [
        f"{status.capitalize()}.",
        f"{listed}: {versions['read']} read whole, {versions['compared']} compared.",
        f"{_describe_counts(counts)}.",
    ]
    if second_place:
        replicated = second_place["compared"] - second_place["notReplicated"]
        sentences.append(f"Second place: {replicated} of {_count(second_place['compared'], 'object')} replicated.")
    if versions["notReached"]:
        sentences.append(f"{_count(versions['notReached'], 'object')} not reached in time.")
    unsettled = [each for each in findings if each["state"] != "acknowledged"]
    sentences += [f"{each['message']} {each['remedy']}" for each in unsettled[:MAX_FINDINGS]]
    if len(unsettled) > MAX_FINDINGS:
        sentences.append(f"The report has {_count(len(unsettled) - MAX_FINDINGS, 'more finding')}.")
    sentences += [f"{notice['message']} {notice['remedy']}" for notice in notices]
    return " ".join(sentences)


def _describe_counts(counts: FindingCounts) -> str:
    """Return the findings in words, such as `2 findings (1 missing, 1 damaged), 1 acknowledged`."""
    acknowledged = sum(states["acknowledged"] for states in counts.values())
    kinds = [(kind, states["new"] + states["open"]) for kind, states in counts.items()]
    named = ", ".join(f"{count} {kind}" for kind, count in kinds if count)
    text = _count(count_unsettled(counts), "finding") + (f" ({named})" if named else "")
    return f"{text}, {acknowledged} acknowledged" if acknowledged else text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
