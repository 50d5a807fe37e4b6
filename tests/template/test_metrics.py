"""Test that the template's alarms watch metrics that the functions publish."""

from notebook_archive.metrics import Metric
from tests.template.rendered import EVERYTHING, render


def test_alarms_watch_existing_metrics() -> None:
    resources = render(EVERYTHING)["Resources"].values()
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "NotebookArchive"}
    expected = {Metric.RUN_COMPLETE, Metric.NOTEBOOKS_UNPROTECTED, Metric.WEBHOOK_REFUSED, Metric.WEBHOOK_UNKNOWN}
    assert watched == expected
    assert watched <= set(Metric)
