"""What became of a notebook in a run.  One JSON object each, in the words that the report uses."""

from typing import Any, Literal, NotRequired, TypedDict

from notebook_archive.backup.planned import Planned
from notebook_archive.errors import NotebookArchiveError

State = Literal["archived", "unchanged", "skipped", "failed"]
"""Each planned notebook ends in exactly one: something new stored and nothing failed, nothing new, not to be read, or
at fault."""

ProtectionState = Literal["protected", "stale", "unprotected", "empty", "gone"]
"""What the archive has of a notebook.

*protected*: its content as of the item's `modified`.  *stale*: only an older version.  *unprotected*: nothing.
*empty*: nothing, because the notebook has no content yet.  *gone*: the notebook was deleted during the run.
"""

UNPROTECTED = "owner-credentials-missing"
"""The reason for which a notebook is skipped that none of our credentials may read."""


class Problem(TypedDict):
    """A named error: the word it is counted under, what happened, what to do next.

    ``secret`` names the secret of a credential that did not work.
    """

    reason: str
    message: str
    remedy: str
    secret: NotRequired[str]


class StoredSnapshot(TypedDict):
    """A snapshot, or a copy of the current content, that this run stored.  ``bytes`` is its size."""

    resourceKey: str
    key: str
    bytes: int
    sha256: str


class SnapshotProblem(Problem):
    """A problem of one snapshot."""

    resourceKey: str


class Protection(TypedDict):
    """The protection of one notebook at the end of its turn.

    `modified` is the item's, in epoch milliseconds, or 0 if the portal gave none.  `newest` is when the newest archived
    version of a stale notebook was made, in epoch milliseconds, and absent if that is not known.
    """

    state: ProtectionState
    modified: int
    newest: NotRequired[int]


class Outcome(TypedDict):
    """One notebook's outcome.  ``unchanged`` counts what the archive had already.

    ``captured`` is the resource key of the snapshot that was made, ``freed`` that of the one that was deleted for it.
    `listed` counts the snapshots that ArcGIS listed. `lookalikes` are names of resources that are like a snapshot's.
    `uncounted` means that ArcGIS listed the snapshots without a total.
    """

    itemId: str
    title: str
    owner: str
    state: State
    route: NotRequired[str]
    listed: NotRequired[int]
    lookalikes: NotRequired[list[str]]
    captured: NotRequired[str]
    freed: NotRequired[str]
    uncounted: NotRequired[bool]
    archived: list[StoredSnapshot]
    unchanged: int
    skipped: list[SnapshotProblem]
    failed: list[SnapshotProblem]
    problem: NotRequired[Problem]
    protection: Protection


class Batch(TypedDict):
    """A line of the plan.  ``number`` starts at 1; ``part`` counts the times that the batch was handed back with a
    rest."""

    number: int
    part: int
    notebooks: list[Planned]


def problem(error: NotebookArchiveError) -> Problem:
    """Return an error as it stands in outcomes and reports."""
    found: Problem = {"reason": error.reason, "message": str(error), "remedy": error.remedy}
    if error.secret:
        found["secret"] = error.secret
    return found


def outcome(planned: Planned, state: State, why: Problem | None = None) -> Outcome:
    """Return an outcome without snapshots."""
    made: Outcome = {
        "itemId": planned["itemId"],
        "title": planned["title"],
        "owner": planned["owner"],
        "state": state,
        "archived": [],
        "unchanged": 0,
        "skipped": [],
        "failed": [],
        "protection": {"state": "unprotected", "modified": 0},
    }
    if why:
        made["problem"] = why
    return made


def conclude(made: Outcome) -> None:
    """Set the state, and the problem where there is one, by what became of the parts."""
    if made["failed"] or "problem" in made:
        made["state"] = "failed"
        made.setdefault("problem", without_key(made["failed"][0]) if made["failed"] else made["problem"])
    elif made["skipped"]:
        made["state"] = "skipped"
        made["problem"] = without_key(made["skipped"][0])
    elif made["archived"]:
        made["state"] = "archived"


def logged(made: Outcome) -> dict[str, Any]:
    """Return what a line of the log tells of a notebook, beside its state."""
    told: dict[str, Any] = {name: made[name] for name in ("captured", "freed", "problem") if name in made}
    told["protection"] = made["protection"]["state"]
    return {"item_id": made["itemId"], "archived": len(made["archived"]), "unchanged": made["unchanged"], **told}


def without_key(found: Problem) -> Problem:
    """Return a problem of one snapshot as that of its notebook."""
    return {"reason": found["reason"], "message": found["message"], "remedy": found["remedy"]}


def outcomes_key(batch: Batch, earlier: int) -> str:
    """Return the name, within the run, of the object that a batch leaves behind; ``earlier`` tries left theirs
    before."""
    part = f"-{batch['part']}" if batch["part"] else ""
    again = f"-again-{earlier}" if earlier else ""
    return f"outcomes/{batch['number']:06d}{part}{again}.json"
