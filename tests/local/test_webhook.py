"""Test that a saved notebook becomes an event on the bus, with the registration script and the deployed receiver."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mypy_boto3_sqs import SQSClient

from local.arcgis import Item
from local.aws import LocalAwsError
from local.comparison import stored_snapshots
from local.system import SECRET_PREFIX, WEBHOOK_SECRET, LocalSystem
from tests.local.proxy import Proxy, envelope
from tests.local.roles import session_of

SECONDS = 30


class Bus:
    """The backup requests on the event bus. A rule of this test copies them to a queue."""

    def __init__(self, system: LocalSystem) -> None:
        session, endpoint = system.aws.session, system.aws.endpoint_url
        self._sqs: SQSClient = session.client("sqs", endpoint_url=endpoint)
        self._events = session.client("events", endpoint_url=endpoint)
        self._url = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self._events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["arcgis.notebooks"]}))
        self._events.put_targets(Rule="heard", Targets=[{"Id": "heard", "Arn": attributes["Attributes"]["QueueArn"]}])

    def close(self) -> None:
        self._events.remove_targets(Rule="heard", Ids=["heard"])
        self._events.delete_rule(Name="heard")
        self._sqs.delete_queue(QueueUrl=self._url)

    def heard(self, item: Item, count: int, seconds: float = SECONDS) -> list[Any]:
        """Wait for `count` events that name the item. Return them when they have arrived or the time is over.

        There may be more, because a portal sends a delivery again if it gets no response in time.
        """
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", ()):
                event = json.loads(message["Body"])
                found += [event] * (item.id in event["detail"]["itemIds"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def registered(asked: LocalSystem) -> Iterator[LocalSystem]:
    """A system with the webhook registered on its portal. Before and afterwards, the portal has no webhook."""
    with pytest.raises(LocalAwsError, match="no active webhook"):
        asked.webhook("list")
    assert asked.webhook("create").startswith("The webhook notebook-archive was created.")
    yield asked
    assert "1 webhook named notebook-archive removed." in asked.webhook("remove")


@pytest.fixture
def bus(registered: LocalSystem) -> Iterator[Bus]:
    bus = Bus(registered)
    yield bus
    bus.close()


@pytest.fixture
def secret(registered: LocalSystem) -> dict[str, str]:
    text = registered.aws.secrets.get_secret_value(SecretId=WEBHOOK_SECRET)["SecretString"]
    return dict(json.loads(text))


@pytest.fixture
def item(registered: LocalSystem) -> Iterator[Item]:
    """A notebook for this test only."""
    organisation = registered.arcgis.enterprise.organisation
    item = organisation.add_notebook("ana", "Saved")
    yield item
    organisation.remove(item.id)


def save(system: LocalSystem, item: Item) -> None:
    """Save the notebook as its owner does."""
    portal = system.arcgis.enterprise
    answer = requests.post(
        f"{portal.portal_url}/sharing/rest/content/users/{item.owner}/items/{item.id}/update",
        data={"f": "json", "token": portal.token(item.owner), "text": '{"cells": [], "metadata": {}, "nbformat": 4}'},
        verify=str(system.arcgis.ca_bundle),
        timeout=30,
    )
    assert answer.json()["success"]


def test_a_save_becomes_an_event_within_seconds(
    registered: LocalSystem, bus: Bus, item: Item, record_property: Any
) -> None:
    started = time.monotonic()
    save(registered, item)
    event = bus.heard(item, 1)[0]
    record_property("seconds", time.monotonic() - started)
    assert (event["source"], event["detail-type"]) == ("arcgis.notebooks", "SnapshotArchiveRequested")
    assert event["detail"] == {"itemIds": [item.id]}
    for _ in range(20):
        save(registered, item)
    again = bus.heard(item, 20)
    assert len(again) >= 20
    assert all(event["detail"] == {"itemIds": [item.id]} for event in again)


def test_a_reported_snapshot_is_archived_within_seconds(
    registered: LocalSystem, bus: Bus, item: Item, record_property: Any
) -> None:
    portal, s3, bucket = registered.arcgis.enterprise, registered.aws.s3, registered.outputs["ArchiveBucket"]
    for fires in (False, True):
        assert bus.heard(item, 1, seconds=2) == [], "no event by default, because none is documented"
        portal.switches.snapshot_fires_update = fires
        started = time.monotonic()
        answer = requests.post(
            f"{portal.notebook_admin_url}/notebooks/snapshots/create",
            data={"f": "json", "token": portal.token(item.owner), "itemId": item.id, "name": f"fires {fires}"},
            verify=str(registered.arcgis.ca_bundle),
            timeout=30,
        )
        assert answer.json()["status"] == "success"
    assert bus.heard(item, 1)[0]["detail"] == {"itemIds": [item.id]}
    wanted = {f"notebooks/{item.id}/snapshots/{snapshot.resource_key}" for snapshot in item.snapshots}
    while not wanted <= set(stored_snapshots(s3, bucket)) and time.monotonic() < started + SECONDS:
        time.sleep(0.1)
    record_property("archived", time.monotonic() - started)
    assert len(wanted) == 2
    assert wanted <= set(stored_snapshots(s3, bucket))


def test_signed_forms_from_a_portal_are_accepted(registered: LocalSystem, bus: Bus, item: Item) -> None:
    switches = registered.arcgis.enterprise.switches
    switches.webhook_signature = switches.webhook_form_encoded = True
    try:
        save(registered, item)
        assert bus.heard(item, 1)[0]["detail"] == {"itemIds": [item.id]}
    finally:
        switches.webhook_signature = switches.webhook_form_encoded = False


def test_requests_of_strangers_are_refused(
    registered: LocalSystem, bus: Bus, item: Item, secret: dict[str, str]
) -> None:
    proxy = Proxy(registered)
    now = int(time.time() * 1000)
    event = {"source": "item", "operation": "update", "id": item.id, "when": now}
    body = json.dumps({"info": {"when": now}, "events": [event]})
    old = json.dumps({"info": {"when": now - 3_600_000}, "events": [event]})

    def post(path: str, text: str, **headers: str) -> requests.Response:
        kind = {"Content-Type": "application/json", "Accept": "*/*"}
        url = f"{registered.webhook_url}{path}"
        return proxy.session.post(url, data=text, headers={**kind, **headers}, timeout=30)

    known = secret["path"]
    forged = {"x-esriHook-Signature": "sha256=" + "A" * 43 + "="}
    assert envelope(post("x" * 43, body)) == (404, 404)
    assert envelope(post(known, body, **forged)) == (401, 401)
    assert envelope(post(known, old)) == (401, 401)
    assert envelope(post(known, body + " " * 262_144)) == (413, 413)
    assert envelope(post(known, "[]")) == (400, 400)
    assert bus.heard(item, 1, seconds=3) == []
    taken = post(known, body)
    assert (taken.status_code, taken.json()) == (202, {"success": True, "items": 1})
    assert len(bus.heard(item, 1)) == 1

    refused = [answer.headers["X-Correlation-Id"] for answer in (post("x" * 43, body), post(known, old))]
    written = "\n".join(proxy.log("ReceiveWebhook"))
    assert all(each in written for each in refused)
    assert not [text for text in (*secret.values(), item.id) if text in written]
    counts = [json.loads(line) for line in written.splitlines() if '"_aws"' in line]
    assert sum(each["WebhookUnknown"][0] for each in counts) == 2
    assert sum(each["WebhookRefused"][0] for each in counts) == 5
    assert {each["reason"] for each in counts if each["WebhookRefused"][0]} == {
        *("webhook-forged", "webhook-stale", "webhook-too-large", "webhook-foreign")
    }


def test_the_receiver_may_read_only_its_own_secret(registered: LocalSystem) -> None:
    session = session_of(registered, "ReceiveWebhook")
    secrets = session.client("secretsmanager", endpoint_url=registered.aws.endpoint_url)
    assert secrets.get_secret_value(SecretId=WEBHOOK_SECRET)["SecretString"]
    for name in ("admin", "ca-bundle"):
        with pytest.raises(secrets.exceptions.ClientError, match="AccessDenied"):
            secrets.get_secret_value(SecretId=f"{SECRET_PREFIX}/{name}")
    s3 = session.client("s3", endpoint_url=registered.aws.endpoint_url)
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=registered.outputs["ArchiveBucket"])
