"""Test that the template's alarms watch metrics that the functions publish."""

from notebook_archive.metrics import Metric
from tests.template.rendered import EVERYTHING, render


def test_alarms_watch_existing_metrics() -> None:
    rendered = render(EVERYTHING)
    variables = rendered["Globals"]["Function"]["Environment"]["Variables"]
    resources = rendered["Resources"].values()
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    own = [alarm for alarm in alarms if not alarm["Namespace"].startswith("AWS/")]
    assert own
    for alarm in own:
        assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        assert alarm["MetricName"] in set(Metric)
        assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
