"""Combine the findings of a verification with earlier ones and with what operators acknowledged."""

import json
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from notebook_archive.archive import Archive, keys
from notebook_archive.errors import ArchiveError
from notebook_archive.models import parse_text
from notebook_archive.verification.findings import KINDS, Finding, FindingKind
from notebook_archive.verification.outcome import Outcome
from notebook_archive.verification.replicas import Unreplicated

# *new*: this verification found it first. *open*: an earlier one did. *acknowledged*: an operator settled it.
FindingState = Literal["new", "open", "acknowledged"]


class Acknowledgement(TypedDict):
    """What an operator wrote when settling a finding: when, who and why, as far as it is given."""

    at: str
    by: str
    why: str


class OpenFinding(Finding):
    """A finding with its state. `acknowledgement` is None unless an operator settled it."""

    state: FindingState
    acknowledgement: Acknowledgement | None


# Number of findings of one kind by their state.
type FindingCounts = dict[FindingKind, dict[FindingState, int]]


def combine_findings(
    outcome: Outcome, unreplicated: Unreplicated | None, earlier: Mapping[str, Finding], archive: Archive
) -> list[OpenFinding]:
    """Return all open findings, in the order of their kinds and keys.

    An earlier finding stays open until its object is checked and found to be good. Its time stays the same.
    `unreplicated` is None if nothing was compared with the second place. May raise ArchiveDenied or ArchiveUnavailable.
    """
    found = [*outcome.findings.values(), *(unreplicated.findings if unreplicated else ())]
    present = {finding["findingId"]: finding for finding in found}
    kept = {name: each for name, each in earlier.items() if not _is_checked(each, outcome, unreplicated)}
    settled = {keys.parse_acknowledgement(key) for key in archive.list_keys(keys.ACKNOWLEDGEMENTS)}
    combined = [
        _describe(finding, earlier.get(name), archive, is_settled=name in settled)
        for name, finding in (kept | present).items()
    ]
    return sorted(combined, key=lambda each: (KINDS.index(each["kind"]), each["key"], each["versionId"]))


def _is_checked(finding: Finding, outcome: Outcome, unreplicated: Unreplicated | None) -> bool:
    """Return whether this verification looked again for what the finding says."""
    if finding["kind"] == "not-replicated":
        return unreplicated is not None and unreplicated.covers(finding["key"])
    return finding["key"] in outcome.done


def _describe(finding: Finding, earlier: Finding | None, archive: Archive, *, is_settled: bool) -> OpenFinding:
    state: FindingState = "acknowledged" if is_settled else "open" if earlier else "new"
    return {
        **finding,
        "since": earlier["since"] if earlier else finding["since"],
        "state": state,
        "acknowledgement": read_acknowledgement(finding["findingId"], archive) if is_settled else None,
    }


def read_acknowledgement(finding_id: str, archive: Archive) -> Acknowledgement:
    """Return what the operator wrote. The object settles the finding even if nothing in it can be read."""
    try:
        document: Any = json.loads(archive.read_object(f"{keys.ACKNOWLEDGEMENTS}{finding_id}.json") or b"{}")
    except (ArchiveError, ValueError):
        document = {}
    given = document if isinstance(document, dict) else {}
    return {"at": parse_text(given.get("at")), "by": parse_text(given.get("by")), "why": parse_text(given.get("why"))}


def count_findings(findings: list[OpenFinding]) -> FindingCounts:
    """Return the number of findings by kind and state, with zeros."""
    counts: FindingCounts = {kind: {"new": 0, "open": 0, "acknowledged": 0} for kind in KINDS}
    for finding in findings:
        counts[finding["kind"]][finding["state"]] += 1
    return counts


def count_unsettled(counts: FindingCounts) -> int:
    """Return the number of findings that no operator acknowledged."""
    return sum(states["new"] + states["open"] for states in counts.values())
