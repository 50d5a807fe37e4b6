"""Compute the metrics of a bulk restore."""

from notebook_archive.bulk_restore.report import BulkReport
from notebook_archive.metrics import Metric


def count_metrics(report: BulkReport) -> dict[str, int]:
    """Return the figures of a report by metric. Zeros are included. A dry run restores nothing."""
    notebooks = report["notebooks"]
    return {
        Metric.BULK_RESTORE_COMPLETE: int(report["status"] == "complete"),
        Metric.BULK_NOTEBOOKS_RESTORED: notebooks["restored"],
        Metric.BULK_NOTEBOOKS_ALREADY_RESTORED: notebooks["alreadyRestored"],
        Metric.BULK_NOTEBOOKS_SKIPPED: sum(notebooks["skipped"].values()),
        Metric.BULK_NOTEBOOKS_FAILED: sum(notebooks["failed"].values()),
    }
