"""Read the metrics that functions log, in CloudWatch's embedded metric format (EMF)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Point:
    """One value of a metric, as CloudWatch would store it."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    at: datetime
    value: float


def read_emf(lines: Iterable[str]) -> list[Point]:
    """Return the values in these log lines, in the order of the lines. Lines without metrics are left out.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
    a metric with several values has a list, and a directive with several sets of dimensions is stored once for each.
    Raises KeyError if a line names a metric or a dimension whose value it does not contain.
    """
    return [point for line in lines if (document := _parse(line)) for point in _read_document(document)]


def _parse(line: str) -> dict[str, Any] | None:
    """Return the document of a line with metrics, or None for any other line."""
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "_aws" in document else None


def _read_document(document: Mapping[str, Any]) -> Iterable[Point]:
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                name = metric["Name"]
                values = document[name] if isinstance(document[name], list) else [document[name]]
                for value in values:
                    yield Point(directive["Namespace"], name, dimensions, at, float(value))
