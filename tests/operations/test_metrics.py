"""Test that metrics are read from log lines as CloudWatch reads them."""

import json
from datetime import UTC, datetime

import pytest

from tests.operations.metrics import Point, read_emf

_AT = datetime(2026, 11, 29, 2, 5, 0, 250_000, tzinfo=UTC)
_DIMENSIONS = {"service": "notebook-archive"}


def _line(**fields: object) -> str:
    directive = {
        "Namespace": "NotebookArchive",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "RunComplete", "Unit": "Count"}],
    }
    document = {
        "_aws": {"Timestamp": 1795917900250, "CloudWatchMetrics": [directive]},
        "service": "notebook-archive",
        "RunComplete": [1.0],
    }
    return json.dumps(document | fields)


def test_lines_with_metrics_become_points() -> None:
    lines = ["START RequestId: 1", '{"level":"INFO","message":"Run ended"}', "[]", _line(), _line(RunComplete=0)]
    assert read_emf(lines) == [
        Point("NotebookArchive", "RunComplete", _DIMENSIONS, _AT, 1),
        Point("NotebookArchive", "RunComplete", _DIMENSIONS, _AT, 0),
    ]


def test_each_value_of_a_list_is_a_point() -> None:
    assert [point.value for point in read_emf([_line(RunComplete=[1, 0, 3.5])])] == [1, 0, 3.5]


def test_each_set_of_dimensions_is_a_metric() -> None:
    directive = {
        "Namespace": "N",
        "Dimensions": [["service"], ["service", "stage"], []],
        "Metrics": [{"Name": "RunComplete"}],
    }
    line = _line(_aws={"Timestamp": 0, "CloudWatchMetrics": [directive]}, stage="v1")
    assert [point.dimensions for point in read_emf([line])] == [_DIMENSIONS, _DIMENSIONS | {"stage": "v1"}, {}]


def test_named_metric_without_a_value_is_an_error() -> None:
    line = json.loads(_line())
    del line["RunComplete"]
    with pytest.raises(KeyError, match="RunComplete"):
        read_emf([json.dumps(line)])
