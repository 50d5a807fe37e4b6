"""The use cases: plan a run, archive a batch of notebooks, report on the run."""

from notebook_archive.pipeline.batch import archive_batch
from notebook_archive.pipeline.plan import plan_run
from notebook_archive.pipeline.report import figures, report_run

__all__ = ["archive_batch", "figures", "plan_run", "report_run"]
