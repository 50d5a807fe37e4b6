"""Test the function that polls for changes, as its schedule invokes it."""

import json
from typing import Any

import boto3
import pytest
from moto.events.models import events_backends

from notebook_archive.errors import ChangeSearchUnsupported, ListingIncomplete
from tests.functions.conftest import Functions, sample
from tests.strict_s3 import ACCOUNT


@pytest.fixture
def events(functions: Functions) -> list[dict[str, Any]]:
    """The events on the bus. The list grows. One poll was made before."""
    functions.invoke("poll_changes", sample("poll_changes"))
    arn = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
    boto3.client("events").create_archive(ArchiveName="all", EventSourceArn=arn)
    kept: Any = events_backends[ACCOUNT]["eu-west-1"].archives["all"].events
    return kept  # type: ignore[no-any-return]


def read_metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics of the last invocation."""
    line = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line][-1]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    return {each["Name"]: line[each["Name"]][0] for each in directive["Metrics"]}


def test_poll_sends_the_event_of_a_webhook(
    functions: Functions, events: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    item = functions.deployment.organisation.notebooks()[0]
    item.touch()
    capsys.readouterr()
    answer = functions.invoke("poll_changes", sample("poll_changes"))
    assert answer == {"found": 1, "requested": 1, "postponed": 0}
    (event,) = events
    assert (event["source"], event["detail-type"]) == ("arcgis.notebooks", "SnapshotArchiveRequested")
    assert event["detail"] == {"itemIds": [item.id]}
    metrics = read_metrics(capsys)
    assert 0 <= metrics.pop("ChangePollAgeSeconds") < 60
    assert metrics == {"ChangesFound": 1, "ChangesRequested": 1, "ChangesPostponed": 0}
    line = [line for line in functions.lines() if line["message"] == "Polled"][-1]
    assert (line["level"], line["item_ids"]) == ("INFO", [item.id])


def test_quiet_poll_sends_no_event(functions: Functions, events: list[dict[str, Any]]) -> None:
    assert functions.invoke("poll_changes", sample("poll_changes")) == {"found": 0, "requested": 0, "postponed": 0}
    assert events == []


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_poll_whose_search_is_unsupported_fails(functions: Functions) -> None:
    functions.deployment.switches.modified_range = "refused"
    with pytest.raises(ChangeSearchUnsupported):
        functions.invoke("poll_changes", sample("poll_changes"))
    assert functions.lines()[-1]["problem"]["reason"] == "change-search-unsupported"


@pytest.mark.usefixtures("events")
def test_incomplete_poll_fails_after_its_metrics(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    page = {"total": 2, "start": 1, "num": 100, "nextStart": -1, "results": []}
    functions.deployment.faults.add("search", "body", body=json.dumps(page))
    with pytest.raises(ListingIncomplete):
        functions.invoke("poll_changes", sample("poll_changes"))
    assert read_metrics(capsys)["ChangesFound"] == 0
