"""The records of a run: JSON objects below `runs/`, with the same field names and states as the report."""

from collections.abc import Iterable
from typing import Any, Literal, NotRequired, TypedDict

from notebook_archive.archive import StoreRecord
from notebook_archive.errors import NotebookArchiveError

# The state of a notebook after a run. *archived*: something new was stored and nothing failed. *unchanged*: there was
# nothing new. *skipped*: it could not be read, which is nobody's fault. *failed*: anything else.
State = Literal["archived", "unchanged", "skipped", "failed"]

# The state of a notebook in the archive. *protected*: its content as of the item's `modified` is archived. *stale*:
# only an older version is archived. *unprotected*: nothing is archived. *empty*: nothing is archived, because the
# notebook has no content yet. *gone*: the notebook was deleted during the run.
ProtectionState = Literal["protected", "stale", "unprotected", "empty", "gone"]

# The reason if a notebook is skipped because none of the stack's credentials may read it.
UNPROTECTED = "owner-credentials-missing"


class Problem(TypedDict):
    """An error as reports and logs show it: its reason, what happened, and what to do next.

    The metrics and the report count errors by `reason`. `secret` names the secret whose credential did not work.
    """

    reason: str
    message: str
    remedy: str
    secret: NotRequired[str]


class StoredVersion(TypedDict):
    """A snapshot, or a copy of the current content, that a run stored. `bytes` is its size."""

    resourceKey: str
    key: str
    bytes: int
    sha256: str


class VersionProblem(Problem):
    """A problem with one version of a notebook.

    `resourceKey` is the key of a snapshot, `current` for the current content, or empty for anything else.
    """

    resourceKey: str


class Protection(TypedDict):
    """The protection of one notebook at the end of a run.

    `modified` is the item's, in epoch milliseconds, or 0 if the portal gave none. `newest` is the time of the newest
    archived version of a stale notebook, in epoch milliseconds. It is absent if that time is not known.
    """

    state: ProtectionState
    modified: int
    newest: NotRequired[int]


class OutcomeRecord(TypedDict):
    """The outcome of one notebook. `unchanged` counts the versions that were already in the archive.

    `listed` counts the snapshots that ArcGIS listed. `lookalikes` are names of resources that look like the key of a
    snapshot. `captured` is the resource key of the snapshot that the run made. `freed` is the key of the snapshot that
    the run deleted to free a slot. `uncounted` means that ArcGIS listed the snapshots without a total. `kept` counts
    the archived snapshots that ArcGIS does not list any more.
    """

    itemId: str
    title: str
    owner: str
    state: State
    archived: list[StoredVersion]
    unchanged: int
    skipped: list[VersionProblem]
    failed: list[VersionProblem]
    protection: Protection
    route: NotRequired[str]
    listed: NotRequired[int]
    lookalikes: NotRequired[list[str]]
    uncounted: NotRequired[bool]
    kept: NotRequired[int]
    freed: NotRequired[str]
    captured: NotRequired[str]
    problem: NotRequired[Problem]


def describe_problem(error: Exception) -> Problem:
    """Return an error as reports and logs show it. An exception that is not a NotebookArchiveError is a defect."""
    if not isinstance(error, NotebookArchiveError):
        error = NotebookArchiveError(f"A defect: {type(error).__name__}.")
    described: Problem = {"reason": error.reason, "message": str(error), "remedy": error.remedy}
    if error.secret:
        described["secret"] = error.secret
    return described


def list_stored(outcomes: Iterable[OutcomeRecord]) -> list[StoreRecord]:
    """Return the records of everything that was stored, according to these outcomes."""
    return [
        StoreRecord(version["key"], version["bytes"], version["sha256"])
        for outcome in outcomes
        for version in outcome["archived"]
    ]


def list_log_fields(record: OutcomeRecord) -> dict[str, Any]:
    """Return the fields of a notebook's line in the log. The line's message is the state."""
    return {
        "item_id": record["itemId"],
        "archived": len(record["archived"]),
        "unchanged": record["unchanged"],
        **{name: record[name] for name in ("captured", "freed", "problem") if name in record},
        "protection": record["protection"]["state"],
    }
