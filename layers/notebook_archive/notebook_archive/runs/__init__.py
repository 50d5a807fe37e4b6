"""Plan an archive run, archive its batches, and write its report."""

from notebook_archive.runs.batch import archive_batch
from notebook_archive.runs.plan import plan_run
from notebook_archive.runs.report import report_run
from notebook_archive.runs.run_input import read_item_ids, read_scope
from notebook_archive.runs.run_metrics import count_metrics

__all__ = ["archive_batch", "count_metrics", "plan_run", "read_item_ids", "read_scope", "report_run"]
