"""Add up what the batches of a verification found."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.verification.checks import Check
from notebook_archive.verification.findings import Finding


@dataclass(slots=True)
class Outcome:
    """What a verification did so far.

    `proved` are the keys of versions that were read whole, and `compared` those whose checksums alone were compared.
    `done` are the keys of all objects that were checked. `findings` contains the finding of each key that has one.
    `not_reached` are the keys for which the verification had no time. `durations` are the seconds of each batch.
    """

    proved: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    findings: dict[str, Finding] = field(default_factory=dict)
    not_reached: set[str] = field(default_factory=set)
    durations: list[float] = field(default_factory=list)
    requests: int = 0
    size: int = 0

    def add(self, results: Mapping[str, Any]) -> None:
        """Add the results of a batch, or of one of several attempts at it, in any order.

        If the attempts differ, what is wrong counts, but an object that one attempt could read is not unreadable.
        """
        found: dict[str, Finding] = {finding["key"]: finding for finding in results["findings"]}
        lines: list[dict[str, Any]] = results["versions"]
        for key in (*(line["key"] for line in lines), *results["others"]):
            self._add_finding(key, found.get(key), self.findings.get(key))
            self.done.add(key)
        self.proved.update(line["key"] for line in lines if "provedAt" in line)
        self.compared.update(line["key"] for line in lines if "headedAt" in line)
        self.not_reached.update(results["notReached"])
        self.durations.append(results["seconds"])
        self.requests += results["requests"]
        self.size += results["bytes"]

    def _add_finding(self, key: str, present: Finding | None, earlier: Finding | None) -> None:
        if earlier is None and key in self.done and (present is None or present["kind"] == "unreadable"):
            return
        if present and (earlier is None or earlier["kind"] == "unreadable"):
            self.findings[key] = present
        elif present is None and earlier and earlier["kind"] == "unreadable":
            del self.findings[key]

    def list_unchecked(self, planned: Iterable[Check]) -> Iterator[str]:
        """Yield the keys of planned objects that have no result, although the verification had time for them."""
        keys_planned = (check["key"] for check in planned)
        return (key for key in keys_planned if key not in self.done and key not in self.not_reached)

    def find_oldest(self, planned: Iterable[Check]) -> int:
        """Return the time since which the longest unproved of the planned versions is not proved, or 0.

        A version with a finding does not count: the finding says that it cannot be proved.
        """
        times = (check["since"] for check in planned if "since" in check and self._is_unproved(check["key"]))
        return min(times, default=0)

    def _is_unproved(self, key: str) -> bool:
        return key not in self.proved and key not in self.findings


def read_outcome(run: RunId, archive: Archive) -> Outcome:
    """Return what the batches of a verification found. Results that are damaged count as absent."""
    outcome = Outcome()
    for key in archive.list_keys(keys.results_prefix(run)):
        try:
            document = json.loads(archive.read_object(key) or b"null")
        except (ArchiveDamaged, ValueError):
            continue
        if document:
            outcome.add(document)
    return outcome
