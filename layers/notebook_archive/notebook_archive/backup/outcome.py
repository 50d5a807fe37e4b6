"""The outcome of one notebook in a run."""

from typing import Literal, NamedTuple, Self

from notebook_archive.backup.planned import PlannedNotebook
from notebook_archive.backup.records import (
    OutcomeRecord,
    Problem,
    Protection,
    State,
    StoredVersion,
    VersionProblem,
    describe_problem,
)
from notebook_archive.errors import DeadlineExceeded, NotebookArchiveError, TokenRejected
from notebook_archive.models import RESOURCE_KEY, ResourceKey, SnapshotListing, split_digests

# A record uses this value instead of a resource key for the current content.
CURRENT = "current"

_NOT_ASSESSED: Protection = {"state": "unprotected", "modified": 0}


class Verdict(NamedTuple):
    """The decision that a notebook or one of its versions is skipped or failed, and the problem."""

    state: Literal["skipped", "failed"]
    problem: Problem

    @classmethod
    def skip(cls, error: NotebookArchiveError) -> Self:
        """Return the verdict "skipped", for an error that is nobody's fault."""
        return cls("skipped", describe_problem(error))

    @classmethod
    def fail(cls, error: Exception) -> Self:
        """Return the verdict "failed"."""
        return cls("failed", describe_problem(error))


class NotebookOutcome:
    """The outcome of one notebook so far. `record` returns it in the format that the archive and the reports use."""

    def __init__(self, planned: PlannedNotebook) -> None:
        self.planned = planned
        self.listing: SnapshotListing | None = None
        self.archived: list[StoredVersion] = []
        self.skipped: list[VersionProblem] = []
        self.failed: list[VersionProblem] = []
        # True if all further calls to ArcGIS would fail too.
        self.must_stop = False
        self._route = ""
        self._unchanged = 0
        self._freed: ResourceKey | None = None
        self._captured: ResourceKey | None = None
        self._verdict: Verdict | None = None

    def set_listing(self, route: str, listing: SnapshotListing) -> None:
        """Remember what ArcGIS listed, and the route that worked."""
        self._route, self.listing = route, listing

    def add_stored(self, version: StoredVersion) -> None:
        """Add a version that was stored."""
        self.archived.append(version)

    def count_unchanged(self) -> None:
        """Count a version that was already in the archive."""
        self._unchanged += 1

    def add_problem(self, resource_key: str, verdict: Verdict) -> None:
        """Add the problem of a version that is skipped or failed."""
        problems = self.skipped if verdict.state == "skipped" else self.failed
        problems.append({"resourceKey": resource_key, **verdict.problem})

    def fail(self, resource_key: str, error: NotebookArchiveError) -> None:
        """Add the problem of a version that failed."""
        self.add_problem(resource_key, Verdict.fail(error))
        self.must_stop |= isinstance(error, TokenRejected | DeadlineExceeded)

    def set_capture(self, captured: ResourceKey | None, freed: ResourceKey | None) -> None:
        """Remember which snapshot was made in ArcGIS, and which was deleted there to free a slot."""
        self._captured, self._freed = captured, freed

    def end(self, verdict: Verdict) -> None:
        """Skip or fail the whole notebook, even if some versions were stored."""
        self._verdict = verdict

    @property
    def has_snapshot(self) -> bool:
        """True if the archive has a snapshot of the notebook, from this run or an earlier one."""
        return bool(self.planned["archived"]) or any(
            RESOURCE_KEY.fullmatch(each["resourceKey"]) for each in self.archived
        )

    @property
    def has_skipped_current(self) -> bool:
        """True if the current content was skipped."""
        return any(each["resourceKey"] == CURRENT for each in self.skipped)

    @property
    def first_failure(self) -> Verdict | None:
        """The verdict on the first version that failed, or None if no version failed."""
        return Verdict("failed", _drop_key(self.failed[0])) if self.failed else None

    @property
    def verdict(self) -> Verdict | None:
        """Why the notebook is skipped or failed, or None if it is neither."""
        if self._verdict or self.failed:
            return self._verdict or self.first_failure
        return Verdict("skipped", _drop_key(self.skipped[0])) if self.skipped else None

    @property
    def state(self) -> State:
        """The state of the notebook."""
        if verdict := self.verdict:
            return verdict.state
        return "archived" if self.archived else "unchanged"

    def record(self, protection: Protection = _NOT_ASSESSED) -> OutcomeRecord:
        """Return the record of the notebook."""
        record: OutcomeRecord = {
            "itemId": self.planned["itemId"],
            "title": self.planned["title"],
            "owner": self.planned["owner"],
            "state": self.state,
            "archived": self.archived,
            "unchanged": self._unchanged,
            "skipped": self.skipped,
            "failed": self.failed,
            "protection": protection,
        }
        if self.listing:
            record["route"], record["listed"] = self._route, len(self.listing.snapshots)
            if self.listing.lookalikes:
                record["lookalikes"] = list(self.listing.lookalikes)
            if self.listing.is_uncounted:
                record["uncounted"] = True
            if kept := _count_kept(self.planned, self.listing):
                record["kept"] = kept
        if self._freed:
            record["freed"] = self._freed
        if self._captured:
            record["captured"] = self._captured
        if verdict := self.verdict:
            record["problem"] = verdict.problem
        return record


def record_verdict(planned: PlannedNotebook, verdict: Verdict, protection: Protection = _NOT_ASSESSED) -> OutcomeRecord:
    """Return the record of a notebook from which nothing was archived."""
    outcome = NotebookOutcome(planned)
    outcome.end(verdict)
    return outcome.record(protection)


def _count_kept(planned: PlannedNotebook, listing: SnapshotListing) -> int:
    """Return the number of archived snapshots that ArcGIS does not list any more."""
    return len({*split_digests(planned["archived"])} - {each.resource_key.key_digest for each in listing.snapshots})


def _drop_key(problem: VersionProblem) -> Problem:
    """Return the problem of a version as the problem of its notebook."""
    return {"reason": problem["reason"], "message": problem["message"], "remedy": problem["remedy"]}
