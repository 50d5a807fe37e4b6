"""Compute the metrics of a verification."""

from notebook_archive.metrics import Metric
from notebook_archive.verification.findings import FindingKind
from notebook_archive.verification.report import VerificationReport

_BY_KIND: dict[FindingKind, Metric] = {
    "missing": Metric.VERSIONS_MISSING,
    "damaged": Metric.OBJECTS_DAMAGED,
    "replaced": Metric.VERSIONS_REPLACED,
    "record-damaged": Metric.RECORDS_DAMAGED,
    "unreadable": Metric.OBJECTS_UNREADABLE,
    "foreign": Metric.OBJECTS_FOREIGN,
    "not-a-notebook": Metric.VERSIONS_NOT_NOTEBOOKS,
}
# The kind `not-replicated` is not here, because a report may name fewer findings of it than there are.


def count_metrics(report: VerificationReport) -> dict[str, float]:
    """Return the figures of a report by metric. Zeros are included, so that they show that the verification took place.

    The age of the oldest version is left out if it is not known, and so is the number of objects without a replica. A
    verification of chosen items is not counted as complete. Otherwise it could hide a missing verification of what is
    due.
    """
    findings, versions, arcgis = report["findings"], report["versions"], report["arcgis"]
    counts: dict[str, float] = {
        Metric.VERIFICATION_COMPLETE: int(report["status"] == "complete" and report["scope"] != "chosen"),
        Metric.VERSIONS_READ: versions["read"],
        Metric.VERSIONS_COMPARED: versions["compared"],
        Metric.VERSIONS_UNRECORDED: versions["unrecorded"],
        Metric.VERSIONS_NOT_REACHED: versions["notReached"],
        Metric.FINDINGS_ACKNOWLEDGED: sum(states["acknowledged"] for states in findings.values()),
        Metric.VERSIONS_MISSED: arcgis["missedVersions"] if arcgis else 0,
        Metric.VERSIONS_KEPT: arcgis["keptVersions"] if arcgis else 0,
        **{metric: findings[kind]["new"] + findings[kind]["open"] for kind, metric in _BY_KIND.items()},
    }
    if report["oldestUnprovedDays"] is not None:
        counts[Metric.OLDEST_UNPROVED_DAYS] = report["oldestUnprovedDays"]
    if report["secondPlace"] and report["scope"] != "chosen":
        settled = findings["not-replicated"]["acknowledged"]
        counts[Metric.OBJECTS_NOT_REPLICATED] = report["secondPlace"]["notReplicated"] - settled
    return counts
