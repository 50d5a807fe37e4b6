"""Plan a run: list every notebook to archive, and add which content of it is already archived."""

from typing import TypedDict

from notebook_archive.arcgis.portal import Portal
from notebook_archive.archive import Archive, RunId, keys
from notebook_archive.backup.planned import plan_notebook
from notebook_archive.backup.records import Problem
from notebook_archive.executions.batches import cut_into_batches, write_plan
from notebook_archive.executions.claim import claim_run
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.run_input import Scope
from notebook_archive.runs.selection import select_chosen, select_everything


class Plan(TypedDict):
    """The summary of a plan, which `plan_run` returns to the state machine."""

    scope: Scope
    planKey: str
    batches: int
    notebooks: int
    notices: list[Problem]


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
    """Write the plan of a run, for every notebook or for those in `item_ids`, and return its summary.

    May raise RunIdTaken, an ArcGISError, a ConfigurationError or an ArchiveError.
    """
    claim_run(keys.claim_key(run), run, started_at, archive)
    organization = administrator.get_organization()
    if item_ids is None:
        selection = select_everything(run, organization, administrator, archive, threads)
    else:
        selection = select_chosen(item_ids, administrator, archive)
    # Sort by owner, so that the notebooks of one batch need few different tokens.
    items = sorted(selection.items, key=lambda item: (item.owner, item.item_id))
    # An entry of `held` is not needed after its notebook is planned.
    lines = (plan_notebook(item, selection.held.pop(item.item_id, None), organization) for item in items)
    batches = (
        Batch(number=number, part=0, notebooks=notebooks)
        for number, notebooks in enumerate(cut_into_batches(lines, batch_size), 1)
    )
    written = write_plan(batches, lambda number: keys.plan_key(run, number), archive)
    if selection.refused:
        archive.put_document(keys.refused_outcomes_key(run), {"outcomes": selection.refused})
    return {
        "scope": "everything" if item_ids is None else "chosen",
        "planKey": written.key,
        "batches": written.batches,
        "notebooks": len(items) + len(selection.refused),
        "notices": selection.notices,
    }
