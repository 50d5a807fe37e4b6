"""An archive run: plan it, archive its batches, report on it.

The modules, in the order of a run:

- `run_input`: the input of a run: everything, or chosen notebooks. `claim`: which execution a run id belongs to.
- `plan`: the batches of a run, written into the archive. `selection`: which notebooks. `unlisted`: archived notebooks
  that the portal's search does not show. `freshness`: whether the search shows the latest times.
- `batch`: one batch, as far as the time allows.
- `report`: the report, with its columns. `outcomes`: what the batches left in the archive. `crashed`: what a crashed
  batch had stored.
- `counts`, `protection_figures`, `notices`, `report_message`: parts of the report. `caught_error`: the error that ended
  a run.
- `run_metrics`: the metrics of a report.

The keys of a run's objects are in `archive/keys.py`.
"""

from notebook_archive.runs.batch import archive_batch
from notebook_archive.runs.plan import plan_run
from notebook_archive.runs.report import report_run
from notebook_archive.runs.run_input import read_item_ids, read_scope
from notebook_archive.runs.run_metrics import count_metrics

__all__ = ["archive_batch", "count_metrics", "plan_run", "read_item_ids", "read_scope", "report_run"]
