"""Compute the metrics of a run."""

from notebook_archive.errors import NoFreeSlot
from notebook_archive.metrics import Metric
from notebook_archive.runs.report import Report


def count_metrics(report: Report) -> dict[str, float]:
    """Return the figures of a report by metric. Zeros are included, so that they show that the run took place.

    A run over chosen notebooks is not counted as complete, partial or failed. Otherwise it could hide a failed run over
    everything. The recovery point is left out for such a run, and if no notebook was measured.
    """
    is_everything = report["scope"] == "everything"
    notebooks, snapshots, protection = report["notebooks"], report["snapshots"], report["protection"]
    counts: dict[str, float] = {
        Metric.RUN_COMPLETE: int(is_everything and report["status"] == "complete"),
        Metric.RUN_PARTIAL: int(is_everything and report["status"] == "partial"),
        Metric.RUN_FAILED: int(is_everything and report["status"] == "failed"),
        Metric.NOTEBOOKS_ATTEMPTED: notebooks["attempted"],
        Metric.NOTEBOOKS_ARCHIVED: notebooks["archived"],
        Metric.NOTEBOOKS_UNCHANGED: notebooks["unchanged"],
        Metric.NOTEBOOKS_SKIPPED: sum(notebooks["skipped"].values()),
        Metric.NOTEBOOKS_FAILED: sum(notebooks["failed"].values()),
        Metric.SNAPSHOTS_ATTEMPTED: snapshots["attempted"],
        Metric.SNAPSHOTS_ARCHIVED: snapshots["archived"],
        Metric.SNAPSHOTS_UNCHANGED: snapshots["unchanged"],
        Metric.SNAPSHOTS_SKIPPED: sum(snapshots["skipped"].values()),
        Metric.SNAPSHOTS_FAILED: sum(snapshots["failed"].values()),
        Metric.NOTEBOOKS_PROTECTED: protection["protected"],
        Metric.NOTEBOOKS_STALE: protection["stale"],
        Metric.NOTEBOOKS_UNPROTECTED: protection["unprotected"],
        Metric.NOTEBOOKS_EMPTY: protection["empty"],
        Metric.NOTEBOOKS_GONE: protection["gone"],
        Metric.SNAPSHOTS_CAPTURED: report["captured"],
        Metric.SLOTS_FREED: len(report["freed"]),
        Metric.CAPTURES_WITHOUT_SLOT: snapshots["skipped"].get(NoFreeSlot.reason, 0),
    }
    recovery_point = report["recoveryPoint"]
    if is_everything and recovery_point["medianHours"] is not None and recovery_point["worstHours"] is not None:
        counts[Metric.RECOVERY_POINT_MEDIAN_HOURS] = recovery_point["medianHours"]
        counts[Metric.RECOVERY_POINT_WORST_HOURS] = recovery_point["worstHours"]
    return counts
