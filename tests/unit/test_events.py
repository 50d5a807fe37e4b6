"""Test that each event reaches the bus once, even if EventBridge refuses some, and that sending stops in time."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from notebook_archive.errors import EventRefused
from notebook_archive.events import DetailType, EventBus
from notebook_archive.events.bus import MAX_CALL_BYTES, MAX_TRIES

type Verdict = Callable[[dict[str, Any]], str]


class Bridge:
    """A fake of EventBridge. `verdict` returns the error code for an entry, or an empty string to accept it."""

    def __init__(self, verdict: Verdict = lambda _: "") -> None:
        self.verdict = verdict
        self.calls: list[list[dict[str, Any]]] = []
        self.taken: list[Any] = []
        self.pauses: list[float] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's own
        self.calls.append(Entries)
        codes = [self.verdict(entry) for entry in Entries]
        self.taken += [json.loads(entry["Detail"]) for entry, code in zip(Entries, codes, strict=True) if not code]
        entries = [{"ErrorCode": code, "ErrorMessage": "No."} if code else {"EventId": "1"} for code in codes]
        return {"FailedEntryCount": len(codes) - codes.count(""), "Entries": entries}

    def bus(self, seconds: float = 10) -> EventBus:
        return EventBus(cast("Any", self), "default", seconds, sleep=self.pauses.append, jitter=lambda: 1.0)


def refuse(part: str, times: int) -> Verdict:
    """Return a verdict that refuses entries with this part in their detail, but only the first `times` times."""
    refused: list[str] = []

    def verdict(entry: dict[str, Any]) -> str:
        if part not in entry["Detail"] or len(refused) >= times:
            return ""
        refused.append(entry["Detail"])
        return "ThrottlingException"

    return verdict


def numbers(count: int) -> list[dict[str, int]]:
    return [{"number": number} for number in range(count)]


def test_one_call_sends_at_most_ten_events() -> None:
    bridge = Bridge()
    bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(25))
    assert [len(call) for call in bridge.calls] == [10, 10, 5]
    assert bridge.taken == numbers(25)
    entry = bridge.calls[0][0]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "default",
        "notebook-archive",
        "SnapshotArchived",
    )


def test_large_events_are_split_into_accepted_calls() -> None:
    bridge = Bridge()
    details = [{"number": number, "text": "x" * 90_000} for number in range(5)]
    bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *details)
    assert [len(call) for call in bridge.calls] == [2, 2, 1]
    assert all(sum(len(entry["Detail"]) for entry in call) < MAX_CALL_BYTES for call in bridge.calls)
    assert bridge.taken == details


def test_only_refused_events_are_sent_again() -> None:
    bridge = Bridge(refuse("3", times=2))
    bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(12))
    assert [[json.loads(entry["Detail"])["number"] for entry in call] for call in bridge.calls] == [
        list(range(10)),
        [10, 11],
        [3],
        [3],
    ]
    assert sorted(each["number"] for each in bridge.taken) == list(range(12))
    assert bridge.pauses == [0.2, 0.4]


def test_permanently_refused_event_does_not_stop_the_others() -> None:
    bridge = Bridge(refuse("3", times=99))
    with pytest.raises(EventRefused, match=r"SnapshotArchived.*ThrottlingException"):
        bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(25))
    assert len(bridge.taken) == 22, "all except 3, 13 and 23"
    assert len(bridge.calls) == 3 + MAX_TRIES - 1


def test_refused_call_is_not_repeated() -> None:
    def verdict(entry: dict[str, Any]) -> str:
        if '"number": 3}' in entry["Detail"]:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents")
        return ""

    bridge = Bridge(verdict)
    with pytest.raises(EventRefused, match="AccessDeniedException"):
        bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(25))
    assert (len(bridge.calls), len(bridge.taken)) == (3, 15)


def test_call_to_unresponsive_bus_is_not_repeated() -> None:
    def verdict(_: dict[str, Any]) -> str:
        raise ConnectTimeoutError(endpoint_url="https://events.eu-west-1.amazonaws.com/")

    bridge = Bridge(verdict)
    with pytest.raises(EventRefused, match="ConnectTimeoutError"):
        bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(25))
    assert (len(bridge.calls), bridge.pauses) == (1, [])


def test_only_one_call_is_made_if_no_time_is_left() -> None:
    bridge = Bridge()
    with pytest.raises(EventRefused, match="no time left"):
        bridge.bus(seconds=0).publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(25))
    assert bridge.taken == numbers(10)
    bridge = Bridge(refuse("3", times=1))
    with pytest.raises(EventRefused, match="ThrottlingException"):
        bridge.bus(seconds=0).publish(DetailType.SNAPSHOT_ARCHIVED, *numbers(5))
    assert (len(bridge.calls), bridge.pauses) == (1, [0.0])


def test_without_events_no_call_is_made() -> None:
    bridge = Bridge()
    bridge.bus().publish(DetailType.SNAPSHOT_ARCHIVED)
    assert bridge.calls == []
