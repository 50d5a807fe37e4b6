"""An archive run: plan it, archive its batches, report on it."""

from notebook_archive.runs.batch import archive_batch
from notebook_archive.runs.plan import plan_run, read_item_ids, scope_of
from notebook_archive.runs.report import figures, report_run

__all__ = ["archive_batch", "figures", "plan_run", "read_item_ids", "report_run", "scope_of"]
