"""Plan an archive run, archive its batches, and write its report.

The modules, in the order of a run:

- `run_input` reads the input of a run.
- `plan` writes the plan. `selection` selects its notebooks, `unlisted` looks up archived ones that the portal's search
  does not show, and `freshness` checks whether the search is up to date.
- `batch` archives one batch, as far as the time allows.
- `report` writes the report and has its columns. `outcomes` reads what the batches stored. `crashed` finds out what a
  crashed batch had stored.
- `counts`, `protection_figures`, `notices` and `report_message` make parts of the report.
- `run_metrics` counts the metrics of a report.

The keys of a run's objects are in `archive/keys.py`.
"""

from notebook_archive.runs.batch import archive_batch
from notebook_archive.runs.plan import plan_run
from notebook_archive.runs.report import report_run
from notebook_archive.runs.run_input import read_item_ids, read_scope
from notebook_archive.runs.run_metrics import count_metrics

__all__ = ["archive_batch", "count_metrics", "plan_run", "read_item_ids", "read_scope", "report_run"]
