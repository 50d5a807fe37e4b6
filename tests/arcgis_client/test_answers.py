"""Test that every call recognizes the six forms of an error, and accepts responses that only look like errors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_archive.arcgis.envelopes import build_error, find_error, find_error_in_body, parse_answer
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
)
from tests.arcgis_client.client import Client, id_of, soon
from tests.arcgis_client.test_routes import body_of

LEAK = "CANARY-in-an-answer"

SHAPES: dict[str, tuple[object, type[ArcGISError]]] = {
    "A": ({"error": {"code": 498, "message": LEAK, "details": [LEAK]}}, TokenRejected),
    "A without token": ({"error": {"code": 499, "message": LEAK, "messageCode": "GWM_0003"}}, TokenRejected),
    "A, details null": ({"error": {"code": 500, "message": LEAK, "details": None}}, ArcGISUnavailable),
    "A, details text": ({"error": {"code": 403, "message": LEAK, "details": LEAK}}, PermissionDenied),
    "A, details objects": ({"error": {"code": 404, "details": [{"text": LEAK}]}}, NotebookNotFound),
    "A, code missing": ({"error": {"message": LEAK}}, RequestRejected),
    "A, code text": ({"error": {"code": "403", "message": LEAK}}, PermissionDenied),
    "A, item gone": ({"error": {"code": 400, "messageCode": "CONT_0001", "message": LEAK}}, NotebookNotFound),
    "A, bad parameter": ({"error": {"code": 400, "message": LEAK}}, RequestRejected),
    "A, empty": ({"error": {}}, RequestRejected),
    "A, among data": ({"error": {"code": 504}, "snapshots": [], "status": "success"}, ArcGISUnavailable),
    "B": ({"status": "error", "messages": [LEAK], "code": 499}, TokenRejected),
    "B, code missing": ({"status": "error", "messages": [LEAK]}, RequestRejected),
    "A, gateway full": ({"error": {"code": 413, "message": LEAK}}, ArcGISUnavailable),
    "C": ({"status": "failure"}, RequestRejected),
    "C, failed": ({"status": "failed", "statusMessage": json.dumps({"text": LEAK})}, RequestRejected),
    "D": ({"code": 500, "message": LEAK, "status": "failure", "details": None}, ArcGISUnavailable),
    "D, no status": ({"code": 403, "message": LEAK}, PermissionDenied),
    "D, code 200": ({"code": 200, "message": None, "status": "failure"}, RequestRejected),
    "F": ({"error": {"code": 400, "error": "invalid_client_id", "error_description": LEAK}}, RequestRejected),
    "F, as RFC 6749": ({"error": "invalid_grant", "error_description": LEAK}, RequestRejected),
    "F, expired": ({"error": {"code": 498, "error": "invalid_request", "message": LEAK}}, TokenRejected),
}


@pytest.mark.parametrize(("answer", "kind"), SHAPES.values(), ids=SHAPES.keys())
def test_error_has_its_class_and_does_not_repeat_text(answer: object, kind: type[ArcGISError]) -> None:
    body = json.dumps(answer, indent=1).encode()
    with pytest.raises(kind) as caught:
        parse_answer(body, "The call")
    assert type(caught.value) is kind
    assert str(caught.value).startswith("The call: ArcGIS returned ")
    assert LEAK not in str(caught.value)
    assert type(find_error_in_body(body, "The call")) is kind


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"status": "success"},
        {"status": "success", "code": 200},
        {"error": None},
        {"error": False},
        {"code": 0},
        {"code": True},
        {"message": "Invalid token."},
        {"results": [{"error": {"code": 498}}]},
        {"title": '{"error":{"code":498,"message":"Invalid token."}}'},
    ],
)
def test_answer_that_only_looks_like_an_error_is_accepted(answer: dict[str, Any]) -> None:
    assert parse_answer(json.dumps(answer).encode(), "The call") == answer


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE html><html>CANARY</html>", "an HTML page"),
        (b" \r\n\t<html>CANARY</html>", "an HTML page"),
        (b"", "something that is not JSON"),
        (b"CANARY", "something that is not JSON"),
        (b'{"CANARY": 1} trailing', "something that is not JSON"),
        (b'{"CANARY": 1', "something that is not JSON"),
        (b"\xff\xfeCANARY", "something that is not JSON"),
        (b"[" * 100_000, "something that is not JSON"),
        (b"9" * 5000, "JSON that is not an object"),
        (b"null", "JSON that is not an object"),
        (b'["CANARY"]', "JSON that is not an object"),
        (b'"CANARY"', "JSON that is not an object"),
    ],
)
def test_body_that_is_not_a_json_object_is_unexpected(body: bytes, why: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"^The call: the server returned {why}.$"):
        parse_answer(body, "The call")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 21, "9" * 5000])
def test_a_number_with_too_many_digits_is_none(number: str) -> None:
    assert parse_answer(f'{{"x": [{number}, 5]}}'.encode(), "The call") == {"x": [None, 5]}


@pytest.mark.parametrize("status", ["Failure", "ERROR", "Failed"])
def test_failure_status_in_capitals_is_rejected(status: str) -> None:
    with pytest.raises(RequestRejected):
        parse_answer(json.dumps({"status": status}).encode(), "The call")


def test_control_characters_are_let_through() -> None:
    assert parse_answer(b'{"title": "a\x01\x0b\tb"}', "The call") == {"title": "a\x01\x0b\tb"}


@settings(max_examples=200)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["error", "code", "status", "message", "messageCode", "x"]), inner, max_size=4)
), max_leaves=8))  # fmt: skip
def test_any_json_is_an_error_by_name_or_none(answer: object) -> None:
    error = find_error(answer, "The call")
    assert error is None or isinstance(error, ArcGISError)


@pytest.mark.parametrize("code", [0, 1, 300, 400, 418, 497, 500, 599, 600, 99_999])
def test_every_code_has_a_named_error(code: int) -> None:
    expected = ArcGISUnavailable if 500 <= code <= 599 else RequestRejected
    assert type(build_error(code, "The call")) is expected


KINDS = {
    "shape-a": ArcGISUnavailable,
    "shape-b": ArcGISUnavailable,
    "shape-c": RequestRejected,
    "shape-d": ArcGISUnavailable,
    "shape-e": UnexpectedAnswer,
    "shape-f": RequestRejected,
    "details-null": ArcGISUnavailable,
    "code-missing": RequestRejected,
}


@pytest.mark.parametrize(("kind", "expected"), KINDS.items())
def test_every_call_recognizes_each_error_form_in_http_200(
    client: Client, kind: str, expected: type[ArcGISError]
) -> None:
    item = client.item()
    key = client.portal().list_snapshots(id_of(item)).snapshots[0].resource_key
    portal, notebook_server = client.portal(), client.notebook_server(item.owner)
    client.deployment.requests.clear()
    client.deployment.faults.add("*", kind, message=LEAK)
    calls: dict[str, Callable[[], object]] = {
        "portals/self": portal.get_organization,
        "search": lambda: portal.list_notebooks("x"),
        "items/item": lambda: portal.get_item(id_of(item)),
        "items/resources": lambda: portal.list_snapshots(id_of(item)),
        "snapshots/list": lambda: notebook_server.list_snapshots(id_of(item)),
        "items/resource": lambda: portal.read_snapshot(id_of(item), key, 10**6, body_of),
        "snapshots/download": lambda: notebook_server.read_snapshot(id_of(item), key, 10**6, body_of),
    }
    for operation, call in calls.items():
        with pytest.raises(expected) as caught:
            call()
        assert type(caught.value) is expected
        assert LEAK not in str(caught.value)
        # A page in place of a snapshot is requested again: from the server without f=json, from the portal with it.
        is_requested_again = operation in ("snapshots/download", "items/resource") and expected is UnexpectedAnswer
        assert client.count(operation) == (4 if expected is ArcGISUnavailable else 2 if is_requested_again else 1)


def test_a_notebook_may_speak_of_an_invalid_token(client: Client) -> None:
    item = client.item("Why does it say")
    access = client.routes().choose(item.owner, soon())
    [snapshot] = access.list_snapshots(id_of(item)).snapshots
    body = access.read_snapshot(id_of(item), snapshot.resource_key, 10**6, body_of)
    assert body == item.snapshots[0].content
    assert client.count("generateToken") == 1


@pytest.mark.parametrize("content_type", ["text/plain;charset=utf-8", "text/html", "application/octet-stream"])
def test_the_content_type_does_not_matter(client: Client, content_type: str) -> None:
    client.deployment.switches.json_content_type = content_type
    assert client.portal().get_organization().username == "gis_admin"
