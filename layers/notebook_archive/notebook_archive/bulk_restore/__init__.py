"""Restore many notebooks as new items: those of an owner, those of a list, or the whole archive.

The modules, in the order of a bulk restore:

- `bulk_input` reads what is to be restored.
- `plan` writes the plan. `newest` finds the version of a notebook that is restored. `planned` defines the lines.
- `batch` restores the notebooks of one batch, as far as the time allows. `outcome` describes what became of each.
- `report` writes the report, and the list of the new items. `report_message` and `bulk_metrics` make parts of it.

The package `restore` restores each notebook. The keys are in `archive/keys.py`.
"""

from notebook_archive.bulk_restore.batch import restore_batch
from notebook_archive.bulk_restore.bulk_input import BulkRequest, guess_request, read_request
from notebook_archive.bulk_restore.bulk_metrics import count_metrics
from notebook_archive.bulk_restore.outcome import list_made
from notebook_archive.bulk_restore.plan import RestoreSource, plan_restores
from notebook_archive.bulk_restore.report import report_restores

__all__ = [
    "BulkRequest",
    "RestoreSource",
    "count_metrics",
    "guess_request",
    "list_made",
    "plan_restores",
    "read_request",
    "report_restores",
    "restore_batch",
]
