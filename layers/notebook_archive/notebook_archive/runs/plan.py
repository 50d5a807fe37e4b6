"""Plan a run: list every notebook to archive, and add which content of it is already archived."""

import json
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TypedDict

from notebook_archive.arcgis.portal import Portal
from notebook_archive.archive import Archive, RunId, encode_line, keys
from notebook_archive.backup.planned import BATCH_BYTES, PlannedNotebook, plan_notebook
from notebook_archive.backup.records import Problem
from notebook_archive.errors import ArchiveUnavailable
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.claim import claim_run
from notebook_archive.runs.run_input import Scope
from notebook_archive.runs.selection import select_chosen, select_everything

# Maximum number of plans of one run. Step Functions makes fewer attempts than this.
MAX_ATTEMPTS = 20


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
    claim_run(run, started_at, archive)
    organization = administrator.get_organization()
    if item_ids is None:
        selection = select_everything(run, organization, administrator, archive, threads)
    else:
        selection = select_chosen(item_ids, administrator, archive)
    # Sort by owner, so that the notebooks of one batch need few different tokens.
    items = sorted(selection.items, key=lambda item: (item.owner, item.item_id))
    planned = (plan_notebook(item, selection.held.pop(item.item_id, None), organization) for item in items)
    # A line takes much less memory than its batch, and an entry of `held` is not needed after its notebook is planned.
    lines, batches = BytesIO(), 0
    for batch in _make_batches(planned, batch_size):
        lines.write(encode_line(batch))
        batches += 1
    plan_key = _write_plan(run, lines, archive)
    if selection.refused:
        archive.put_document(keys.refused_outcomes_key(run), {"outcomes": selection.refused})
    return {
        "scope": "everything" if item_ids is None else "chosen",
        "planKey": plan_key,
        "batches": batches,
        "notebooks": len(items) + len(selection.refused),
        "notices": selection.notices,
    }


def _make_batches(planned: Iterable[PlannedNotebook], batch_size: int) -> Iterator[Batch]:
    """Yield batches of at most `batch_size` notebooks and BATCH_BYTES bytes."""
    number, size = 1, 0
    notebooks: list[PlannedNotebook] = []
    for each in planned:
        each_size = len(json.dumps(each))
        if notebooks and (len(notebooks) >= batch_size or size + each_size > BATCH_BYTES):
            yield {"number": number, "part": 0, "notebooks": notebooks}
            number, size, notebooks = number + 1, 0, []
        notebooks.append(each)
        size += each_size
    if notebooks:
        yield {"number": number, "part": 0, "notebooks": notebooks}


def _write_plan(run: RunId, lines: BytesIO, archive: Archive) -> str:
    """Write the plan and return its key.

    An earlier attempt may have written its own plan, or may still do so. Neither plan replaces the other.
    """
    for earlier_attempts in range(MAX_ATTEMPTS):
        key = keys.plan_key(run, earlier_attempts)
        if archive.put_lines_once(key, lines):
            return key
    raise ArchiveUnavailable(f"The plan of run {run} could not be written.")
