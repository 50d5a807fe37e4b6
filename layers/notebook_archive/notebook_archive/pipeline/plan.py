"""What a run sets out to do: every notebook of the organisation, each with what the archive holds of it already."""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Literal, TypedDict

from notebook_archive.arcgis.portal import Organisation, Portal
from notebook_archive.arcgis.tokens import TokenSource
from notebook_archive.archive import Archive, Holding, RunId
from notebook_archive.deadline import Deadline
from notebook_archive.errors import NotAnId, NotebookNotFound, PermissionDenied, UnexpectedAnswer
from notebook_archive.models import ItemId, NotebookItem, digests
from notebook_archive.pipeline.content import planned_content
from notebook_archive.pipeline.outcomes import Batch, Outcome, Planned, Problem, outcome, problem

BATCH_BYTES = 150_000
"""A line of the plan is the input of a child execution, and Step Functions allows 262,144 bytes."""
MOST_DIGESTS = 5000
"""Archived snapshots of one notebook that its line tells, the latest.  An older one that ArcGIS still has costs one
download a run, and ends as unchanged."""
REWRITE_MS = 30 * 86_400_000
"""An item's properties are written again after this long, for changes that its ``modified`` does not tell."""
CLOCK_MARGIN_MS = 86_400_000
"""The portal's clock and S3's are trusted to agree within a day when an item's properties are compared."""


Scope = Literal["everything", "chosen"]
"""Whether a run is over the whole organisation or over the item ids that it was given."""


class Plan(TypedDict):
    """What ``plan_run`` answers to the state machine."""

    scope: Scope
    planKey: str
    batches: int
    notebooks: int
    notices: list[Problem]


def plan_run(
    run: RunId,
    portal: Portal,
    tokens: TokenSource,
    archive: Archive,
    batch_size: int,
    deadline: Deadline,
    item_ids: object = None,
) -> Plan:
    """Write the plan of a run, for every notebook or for those of ``item_ids``, and return its summary.

    ``tokens`` are an administrator's: others do not see every member's items.  Raises any ArcGISError,
    ConfigurationError or ArchiveError; a search that fell short is not raised but noted, for what it gave is archived
    all the same.
    """
    notices: list[Problem] = []
    refused: dict[str, Outcome] = {}
    organisation = tokens.with_token(lambda token: portal.organisation(token, deadline), deadline)
    if item_ids is None:
        items = _everything(portal, organisation, tokens, deadline, notices)
        held = {holding.item_id: holding for holding in archive.holdings()}
        _miss(items, held, notices)
    else:
        items = _chosen(portal, tokens, deadline, item_ids, refused)
        held = {item.item_id: archive.holding(item.item_id) for item in items}
    ordered = sorted(items, key=lambda item: (item.owner, item.item_id))  # an owner's token is then shared by a batch
    lines = (planned(item, held.get(item.item_id), organisation) for item in ordered)
    batches = list(_batches(lines, batch_size))
    plan_key = run.key("plan.jsonl")
    archive.put_lines(plan_key, batches)
    if refused:
        archive.put_document(run.key("outcomes/plan.json"), {"outcomes": list(refused.values())})
    return {
        "scope": "everything" if item_ids is None else "chosen",
        "planKey": plan_key,
        "batches": len(batches),
        "notebooks": len(ordered) + len(refused),
        "notices": notices,
    }


def _everything(
    portal: Portal, organisation: Organisation, tokens: TokenSource, deadline: Deadline, notices: list[Problem]
) -> Collection[NotebookItem]:
    found = tokens.with_token(lambda token: portal.notebooks(organisation.id, token, deadline), deadline)
    if found.incomplete:
        notices.append(problem(found.incomplete))
    if not organisation.sees_everything:
        notices.append(
            {
                "reason": "administrator-sees-not-all",
                "message": f"The account of secret {tokens.name!r} does not see every member's items.",
                "remedy": "Give the account's role the privilege portal:admin:viewItems.",
            }
        )
    return found.notebooks.values()


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


def _chosen(
    portal: Portal, tokens: TokenSource, deadline: Deadline, item_ids: object, refused: dict[str, Outcome]
) -> list[NotebookItem]:
    if not isinstance(item_ids, list):
        raise NotAnId("itemIds is not a list of item ids.")
    items: dict[ItemId, NotebookItem] = {}
    for given in item_ids:
        try:
            item = tokens.with_token(partial(portal.item, ItemId.parse(given), deadline=deadline), deadline)
        except (NotAnId, NotebookNotFound, PermissionDenied, UnexpectedAnswer) as error:
            nameless: Planned = {"itemId": str(given)[:40], "title": "", "owner": "", "archived": ""}
            refused[nameless["itemId"]] = outcome(nameless, "failed", problem(error))
        else:
            items[item.item_id] = item
    return list(items.values())


def planned(item: NotebookItem, held: Holding | None, organisation: Organisation) -> Planned:
    """Return a notebook's line of the plan; ``held`` is what the archive has of it."""
    line: Planned = {
        "itemId": item.item_id,
        "title": item.title,
        "owner": item.owner,
        "archived": digests(held.snapshots[-MOST_DIGESTS:]) if held else "",
        "content": planned_content(item, held),
    }
    if held and held.snapshots:
        line["sizes"] = [list(held.sizes[key]) for key in held.snapshots[-MOST_DIGESTS:]]
    if not organisation.reads_everything and item.owner != organisation.username:
        line["hidden"] = True
    written = held.item_written.timestamp() * 1000 if held and held.item_written else 0
    if item.modified > written - CLOCK_MARGIN_MS or written < time.time() * 1000 - REWRITE_MS:
        line["item"] = _fitting(item.properties)
    return line


def _fitting(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties, without the longest where they would not fit into a line: free text, in all likelihood."""
    sizes = {name: len(json.dumps({name: value})) for name, value in properties.items()}
    while sum(sizes.values()) > BATCH_BYTES // 2:
        del sizes[max(sizes, key=sizes.__getitem__)]
    return {name: properties[name] for name in sizes}


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
