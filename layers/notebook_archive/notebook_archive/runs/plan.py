"""What a run sets out to do: every notebook of the organisation, each with what the archive holds of it already."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, TypedDict

from notebook_archive.arcgis.portal import Enumeration, Organization, Portal
from notebook_archive.archive import Archive, RunId
from notebook_archive.backup.outcome import Batch, Outcome, Problem, outcome, problem
from notebook_archive.backup.planned import BATCH_BYTES, Planned, plan_notebook
from notebook_archive.errors import (
    ArchiveUnavailable,
    NotAnId,
    NotebookNotFound,
    PermissionDenied,
    RunInputInvalid,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, NotebookItem, truncate
from notebook_archive.runs import unlisted
from notebook_archive.runs.claim import claim_run
from notebook_archive.runs.freshness import check_times

MAX_TRIES = 20
"""Maximum plans of one run; Step Functions makes fewer tries."""
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""Step Functions puts this into the input of an execution that another one started."""
ALLOWED_INPUT = 'Allowed are {} and {"itemIds": ["<item id>", ...]}, each id once.'

Scope = Literal["everything", "chosen"]
"""Whether a run is over the whole organisation or over the item ids that it was given."""


class Plan(TypedDict):
    """What ``plan_run`` answers to the state machine."""

    scope: Scope
    planKey: str
    batches: int
    notebooks: int
    notices: list[Problem]


def read_item_ids(given: object) -> list[object] | None:
    """Return the item ids in the input of a run, or None for a run over everything.

    The input is `{}` or `{"itemIds": [...]}`.  Step Functions may add the id of the execution that started this one.
    The ids themselves are not checked here.  Raises RunInputInvalid.
    """
    if not isinstance(given, Mapping):
        raise RunInputInvalid(f"The input of the run is not a JSON object. {ALLOWED_INPUT}")
    unknown = sorted(str(name) for name in given.keys() - {"itemIds", STARTED_BY})
    if unknown:
        raise RunInputInvalid(
            f"The input of the run has an unknown field '{truncate(unknown[0], 60)}'. {ALLOWED_INPUT}"
        )
    if "itemIds" not in given:
        return None
    item_ids = given["itemIds"]
    if not isinstance(item_ids, list) or not item_ids:
        raise RunInputInvalid(f"itemIds is {'empty' if item_ids == [] else 'not a list'}. {ALLOWED_INPUT}")
    times = Counter(json.dumps(each, sort_keys=True) for each in item_ids)
    [(most, count)] = times.most_common(1)
    if count > 1:
        raise RunInputInvalid(f"itemIds has {truncate(most, 60)} {count} times. {ALLOWED_INPUT}")
    return item_ids


def scope_of(given: object) -> Scope:
    """Return the scope that the input of a run asks for.  An input that cannot be used asks for chosen notebooks."""
    is_empty = not given or (isinstance(given, Mapping) and given.keys() <= {STARTED_BY})
    return "everything" if is_empty else "chosen"


def plan_run(
    run: RunId,
    started_at: str,
    administrator: Portal,
    archive: Archive,
    item_ids: list[object] | None,
    *,
    batch_size: int,
    threads: int,
) -> Plan:
    """Write the plan of a run, for every notebook or for those of `item_ids`, and return its summary.

    Raises RunIdTaken, any ArcGISError, ConfigurationError or ArchiveError.  An incomplete search is noted, not raised,
    because what it gave is still archived.
    """
    claim_run(run, started_at, archive)
    refused: dict[str, Outcome] = {}
    notices: list[Problem] = []
    organisation = administrator.get_organization()
    if item_ids is None:
        found = administrator.list_notebooks(organisation.id)
        held = {holding.item_id: holding for holding in archive.list_notebooks()}
        missing = [item_id for item_id, each in held.items() if item_id not in found.notebooks and not each.is_deleted]
        looked_up = unlisted.look_up(missing, administrator, threads)
        if organisation.can_view_items and found.notebooks:  # a portal that shows nothing may be the wrong one
            unlisted.note_deletions(looked_up.absent, run, archive, threads)
        listed, late = check_times(list(found.notebooks.values()), held, run, administrator, threads)
        items: list[NotebookItem] = [*listed, *looked_up.found]
        notices += late
        notices += _list_shortfalls(found, organisation, administrator)
        notices += unlisted.notices(looked_up, sees_everything=organisation.can_view_items)
        _miss(items, held, notices)
    else:
        items = _chosen(administrator, item_ids, refused)
        held = {item.item_id: archive.list_one_notebook(item.item_id) for item in items}
    ordered = sorted(items, key=lambda item: (item.owner, item.item_id))  # an owner's token is then shared by a batch
    lines = (plan_notebook(item, held.get(item.item_id), organisation) for item in ordered)
    batches = list(_batches(lines, batch_size))
    plan_key = _write_plan(run, batches, archive)
    if refused:
        archive.put_document(run.key("outcomes/plan.json"), {"outcomes": list(refused.values())})
    return {
        "scope": "everything" if item_ids is None else "chosen",
        "planKey": plan_key,
        "batches": len(batches),
        "notebooks": len(ordered) + len(refused),
        "notices": notices,
    }


def _write_plan(run: RunId, batches: list[Batch], archive: Archive) -> str:
    """Return the key of the plan.

    An earlier try may have written its own plan, or may still do so; neither replaces the other.
    """
    for name in ("plan.jsonl", *(f"plan-again-{number}.jsonl" for number in range(1, MAX_TRIES))):
        if archive.put_lines_once(run.key(name), batches):
            return run.key(name)
    raise ArchiveUnavailable(f"The plan of run {run} could not be written.")


def _list_shortfalls(found: Enumeration, organisation: Organization, administrator: Portal) -> Iterator[Problem]:
    if found.incomplete:
        yield problem(found.incomplete)
    if found.is_uncounted:
        yield {
            "reason": "total-missing",
            "message": "The portal's search gave no total, so the run cannot check that it found every notebook.",
            "remedy": "Compare the report's figures with the number of notebooks that the portal's own pages show.",
        }
    if not organisation.can_view_items:
        yield {
            "reason": "administrator-sees-not-all",
            "message": f"The account of secret {administrator.secret!r} does not see every member's items.",
            "remedy": "Give the account's role the privilege portal:admin:viewItems.",
        }


def _miss(items: Collection[NotebookItem], held: Collection[ItemId], notices: list[Problem]) -> None:
    """Notice that there is nothing at all: that may be so for a new organisation, not for one with an archive."""
    if items:
        return
    if held:
        notices.append(
            {
                "reason": "notebooks-vanished",
                "message": f"The organisation shows no notebook at all, and the archive holds {len(held)}.",
                "remedy": "Check PortalUrl and the administrator's account; nothing was deleted from the archive.",
            }
        )
    else:
        notices.append(
            {
                "reason": "no-notebooks",
                "message": "The organisation shows no notebook at all.",
                "remedy": "Check PortalUrl, if the organisation should have notebooks.",
            }
        )


def _chosen(administrator: Portal, item_ids: list[object], refused: dict[str, Outcome]) -> list[NotebookItem]:
    items: dict[ItemId, NotebookItem] = {}
    for given in item_ids:
        try:
            item = administrator.get_item(ItemId.parse(given))
        except (NotAnId, NotebookNotFound, PermissionDenied, UnexpectedAnswer) as error:
            nameless: Planned = {"itemId": str(given)[:40], "title": "", "owner": "", "archived": ""}
            is_absent = isinstance(error, NotAnId | NotebookNotFound)
            if isinstance(error, NotebookNotFound):
                error = NotebookNotFound(f"The portal has no notebook {given}, or hides it from the administrator.")
            refused[nameless["itemId"]] = outcome(nameless, "failed", problem(error))
            if is_absent:
                refused[nameless["itemId"]]["protection"]["state"] = "gone"
        else:
            items[item.item_id] = item
    return list(items.values())


def _batches(lines: Iterable[Planned], batch_size: int) -> Iterator[Batch]:
    number, size = 1, 0
    notebooks: list[Planned] = []
    for entry in lines:
        entry_size = len(json.dumps(entry))
        if notebooks and (len(notebooks) >= batch_size or size + entry_size > BATCH_BYTES):
            yield {"number": number, "part": 0, "notebooks": notebooks}
            number, size, notebooks = number + 1, 0, []
        notebooks.append(entry)
        size += entry_size
    if notebooks:
        yield {"number": number, "part": 0, "notebooks": notebooks}
