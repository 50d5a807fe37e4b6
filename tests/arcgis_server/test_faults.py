"""Test the effect of every kind of fault on a client."""

import concurrent.futures
import json
import time

import pytest
import requests

from local.arcgis import Item
from local.arcgis.faults import KINDS, UnknownFaultKind, UnknownOperation
from tests.arcgis_server.client import Client


def download(client: Client, item: Item | None = None) -> requests.Response:
    item = item or client.item("Flood model")
    url = f"{client.admin}/notebooks/snapshots/download"
    return client.raw_post(url, item.owner, itemId=item.id, resourceKey=item.snapshots[0].resource_key, f="json")


def strike(client: Client, kind: str, **fields: float | str) -> requests.Response:
    client.deployment.faults.add("snapshots/download", kind, **fields)
    return download(client)


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503, 504])
def test_http_faults_return_real_statuses(each: Client, status: int) -> None:
    assert strike(each, f"http-{status}").status_code == status


def test_retry_after_header_is_sent(enterprise: Client) -> None:
    assert strike(enterprise, "http-429", retry_after="7").headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("shape-a", {"error": {"code": 500, "message": "no", "details": []}}),
        ("shape-b", {"status": "error", "messages": ["no"], "code": 500}),
        ("shape-c", {"status": "failure", "message": "no"}),
        ("shape-d", {"code": 500, "message": "no", "status": "failure", "details": None}),
        ("details-null", {"error": {"code": 500, "message": "no", "details": None}}),
        ("code-missing", {"error": {"message": "no", "details": []}}),
    ],
)
def test_error_shapes_are_sent_with_http_200(each: Client, kind: str, body: object) -> None:
    answer = strike(each, kind, message="no")
    assert (answer.status_code, answer.json()) == (200, body)


def test_shapes_e_and_f_and_any_body_are_sent(enterprise: Client) -> None:
    page = strike(enterprise, "shape-e", times=1)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html;charset=utf-8")
    assert strike(enterprise, "shape-f", times=1).json()["error"]["error"] == "invalid_client_id"
    assert strike(enterprise, "body", body='{"not": "a notebook"}', times=1).json() == {"not": "a notebook"}
    assert strike(enterprise, "redirect", times=1).headers["location"].startswith("https://")


def test_slow_and_trickling_responses_are_correct(enterprise: Client) -> None:
    for kind in ("slow", "trickle"):
        began = time.monotonic()
        answer = strike(enterprise, kind, seconds=0.2, times=1)
        assert time.monotonic() - began >= 0.2
        assert answer.content == enterprise.item("Flood model").snapshots[0].content


def test_latency_also_delays_faults(enterprise: Client) -> None:
    enterprise.deployment.switches.latency_seconds = 0.1
    began = time.monotonic()
    assert strike(enterprise, "http-503").status_code == 503
    assert time.monotonic() - began >= 0.1


def test_slow_responses_run_in_parallel(enterprise: Client) -> None:
    enterprise.deployment.faults.add(kind="slow", seconds=0.5)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: download(enterprise), range(4)))
    assert enterprise.deployment.requests.most_in_flight > 1


@pytest.mark.parametrize("kind", ["hang-up", "cut-body", "length-too-long"])
def test_incomplete_bodies_cause_a_connection_error(each: Client, kind: str) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        strike(each, kind, times=1)
    assert download(each).status_code == 200, "the next call succeeds"


def test_time_out_sends_no_response(enterprise: Client) -> None:
    fault = enterprise.deployment.faults.add("snapshots/list", "time-out", times=1)
    item = enterprise.item("Flood model")
    fields = {"itemId": item.id, "token": enterprise.deployment.token(item.owner), "f": "json"}
    url = f"{enterprise.admin}/notebooks/snapshots/list"
    with pytest.raises(requests.ReadTimeout):
        enterprise.session.post(url, fields, timeout=0.3)
    assert fault.struck == 1
    assert download(enterprise, item).status_code == 200, "the next call succeeds"


def test_the_connection_is_reset_during_the_body(each: Client) -> None:
    with pytest.raises(requests.RequestException) as caught:
        strike(each, "reset", times=1)
    assert "ConnectionResetError" in repr(caught.value)
    assert download(each).status_code == 200, "the next call succeeds"


def test_a_truncated_body_can_arrive_without_an_error(each: Client) -> None:
    answer = strike(each, "length-too-short")
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_gzip_bodies_are_sent_whole_or_truncated(enterprise: Client) -> None:
    assert strike(enterprise, "gzip", times=1).content == enterprise.item("Flood model").snapshots[0].content
    enterprise.deployment.faults.add("snapshots/download", "gzip-truncated")
    try:
        body = download(enterprise).content
    except requests.exceptions.ContentDecodingError:
        body = b""
    assert len(body) < enterprise.item("Flood model").snapshots[0].size


def test_control_characters_are_not_escaped(each: Client) -> None:
    body = strike(each, "control-characters").content
    assert b"\x01" in body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert json.loads(body, strict=False)["cells"]


def test_an_oversize_body_is_a_valid_notebook(enterprise: Client) -> None:
    answer = strike(enterprise, "oversize", size=3_000_000)
    assert len(answer.content) == 3_000_000
    assert answer.json()["nbformat"] == 4


def test_items_and_snapshots_can_vanish_before_a_call(each: Client) -> None:
    flood = each.item("Flood model")
    assert strike(each, "snapshot-vanishes", item_id=flood.id, times=1).json()["error"]["code"] == 404
    assert flood.snapshots == []
    each.deployment.faults.add("items/resources", "item-vanishes", times=1)
    assert each.get(f"/content/items/{flood.id}/resources", "ana")["error"]["code"] == 400
    assert flood.id not in each.deployment.organisation.items


def test_tokens_can_be_revoked_before_a_call(each: Client) -> None:
    assert strike(each, "tokens-revoked", times=1).json()["error"]["code"] == 498
    assert download(each).json()["nbformat"] == 4


def test_a_sample_notebook_contains_the_phrase_invalid_token(each: Client) -> None:
    item = each.item("Why does it say")
    body = download(each, item).content
    assert body == item.snapshots[0].content
    assert b"Invalid token." in body


def test_a_fault_hits_only_matching_calls_and_so_many_times(enterprise: Client) -> None:
    flood, rivers = enterprise.item("Flood model"), enterprise.item("Карта рек")
    fault = enterprise.deployment.faults.add("snapshots/*", "http-503", times=2, after=1, item_id=flood.id)
    assert [download(enterprise, flood).status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert fault.struck == 2
    assert download(enterprise, rivers).status_code == 200
    enterprise.deployment.faults.add(kind="http-500", username="ben")
    assert download(enterprise, rivers).status_code == 200
    assert download(enterprise, enterprise.item("Shared methods")).status_code == 500
    enterprise.deployment.faults.clear()
    assert download(enterprise, enterprise.item("Shared methods")).status_code == 200


def test_unknown_fault_kinds_and_operations_are_refused(enterprise: Client) -> None:
    with pytest.raises(UnknownFaultKind):
        enterprise.deployment.faults.add(kind="no-such-thing")
    with pytest.raises(UnknownOperation):
        enterprise.deployment.faults.add("snapshot/list", "http-500")
    assert all(KINDS.values())
