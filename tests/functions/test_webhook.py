"""Test which deliveries the webhook function publishes and which it refuses, called as API Gateway calls it."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core.models import botocore_stubber

from notebook_archive.errors import SecretMalformed
from notebook_archive.http.webhook import MAX_AGE_MILLISECONDS, MAX_DELIVERY_BYTES, MAX_ITEMS, Delivery
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive.secret_store.cached_secret import MAX_STALE_SECONDS, REFRESH_SECONDS
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import Catch

SECRET = "notebook-archive-webhook"
PATH = "sample-path-of-32-characters-or-more"
KEY, PREVIOUS = "sample-key-to-sign-with", "the-key-before-that-one"
WHOLE = {"path": PATH, "key": KEY, "previousKey": PREVIOUS}
RECEIVED = 1795312800000
ITEM = "e49a12b28da29e813ee6be0b546a3015"
SIGNED = "x-esriHook-Signature"


def signature(body: bytes, key: str = KEY) -> str:
    return "sha256=" + base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()


def event_of(item_id: object = ITEM, operation: str = "update", source: object = "item", **more: Any) -> dict[str, Any]:
    return {"when": RECEIVED - 900, "operation": operation, "source": source, "id": item_id, "properties": {}, **more}


def payload(*events: object, when: object = RECEIVED - 877) -> bytes:
    info = {"webhookName": "archive", "portalURL": "https://gis.example.com/portal/", "when": when}
    return json.dumps({"info": info, "events": list(events)}).encode()


@contextlib.contextmanager
def slow_aws() -> Iterator[tuple[str, list[str]]]:
    """Serve an AWS that returns the secret after 0.9 s. All its other responses come too late.

    Yields its URL and the operations that were called.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            asked.append(operation)
            time.sleep(0.9 if operation == "GetSecretValue" else 3)
            body = json.dumps({"Name": SECRET, "SecretString": json.dumps(WHOLE)}).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def set_clock(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    """Stop the monotonic clock of this thread at a fixed time.

    The clock of other threads continues. Otherwise, the event loops of servers would sleep until that time.
    """
    this, clock = threading.current_thread(), time.perf_counter
    monkeypatch.setattr(time, "monotonic", lambda: moment if threading.current_thread() is this else clock())


@dataclass
class Receiver:
    """The deployed webhook function, and the bus that it publishes to."""

    functions: Functions
    bus: Catch
    output: Callable[[], str]

    def secret(self, **fields: object) -> None:
        """Change the secret, and start a new container that reads it."""
        text = json.dumps({**WHOLE, **fields})
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=text)
        self.functions.configure()

    def post(self, body: bytes, signed: str | None = None, *, path: str = PATH, encoded: bool = True) -> dict[str, Any]:
        event = sample("receive_webhook")
        event["pathParameters"]["key"] = path
        event["body"] = base64.b64encode(body).decode() if encoded else body.decode()
        event["isBase64Encoded"] = encoded
        if signed is not None:
            event["headers"][SIGNED] = signed
        return self.send(event)

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the response's status and JSON, and the metrics."""
        self.functions.milliseconds = 5000
        answer = self.functions.invoke("receive_webhook", event)
        body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
        assert answer["headers"]["Cache-Control"] == "no-store"
        assert answer["headers"]["Content-Type"].startswith("application/json")
        (counted,) = [json.loads(line) for line in self.output().splitlines() if "_aws" in line]
        return {
            "status": answer["statusCode"],
            "json": json.loads(body),
            "accepted": counted["WebhookAccepted"],
            "refused": counted["WebhookRefused"],
            "unknown": counted["WebhookUnknown"],
            "reason": counted.get("reason"),
            "again": answer["headers"].get("Retry-After"),
        }

    def asked(self) -> list[str]:
        """Return the items in the events on the bus. Fail if the bus has other events."""
        events = self.bus.events()
        assert {(event["source"], event["detail-type"]) for event in events} <= {
            ("arcgis.notebooks", "SnapshotArchiveRequested")
        }
        for event in events:
            assert event["detail"].keys() == {"itemIds"}
            assert 1 <= len(event["detail"]["itemIds"]) <= 100
        return [item_id for event in events for item_id in event["detail"]["itemIds"]]


@pytest.fixture
def receiver(functions: Functions, capsys: pytest.CaptureFixture[str]) -> Iterator[Receiver]:
    boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(WHOLE))
    functions.configure(WEBHOOK_SECRET=SECRET)
    yield Receiver(functions, Catch(), lambda: capsys.readouterr().out)
    # No log line contains the path, a key, or the body of a delivery.
    log = functions.log.getvalue()
    for secret in (PATH, KEY, PREVIOUS, "CANARY", ITEM):
        assert secret not in log
    assert not functions.s3.calls
    assert not len(functions.deployment.requests), "it does not call ArcGIS"


class TestSamples:
    def test_delivery_of_a_portal(self, receiver: Receiver) -> None:
        answer = receiver.send(sample("receive_webhook"))
        assert (answer["status"], answer["accepted"], answer["refused"]) == (202, [1], [0])
        assert receiver.asked() == [ITEM]

    def test_signed_form(self, receiver: Receiver) -> None:
        receiver.secret(requireSignature=True)
        assert receiver.send(sample("receive_webhook.signed"))["json"] == {"success": True, "items": 2}
        assert receiver.asked() == [ITEM, "5" * 32]

    def test_probe_gets_its_token_signed(self, receiver: Receiver) -> None:
        answer = receiver.send(sample("receive_webhook.probe"))
        assert answer["status"] == 200
        assert answer["json"] == {"response_token": signature(b"b3f2c1d0a9e84756")}
        assert (answer["accepted"], answer["refused"], receiver.asked()) == ([0], [0], [])


class TestTaken:
    @pytest.mark.parametrize("operation", ["add", "update", "publish", "share", "unshare", "move", "reassign", "new"])
    @pytest.mark.parametrize("source", ["item", "items"])
    def test_changing_operations_are_accepted(self, receiver: Receiver, operation: str, source: str) -> None:
        assert receiver.post(payload(event_of(operation=operation, source=source)))["status"] == 202
        assert receiver.asked() == [ITEM]

    @pytest.mark.parametrize(
        "body",
        [
            payload(),
            b"",
            payload(event_of(operation="delete")),
            payload(event_of(operation="addComment")),
            payload(event_of("ben", source="user"), event_of(source="group"), event_of(source="roles")),
        ],
        ids=["no events", "nothing", "deleted", "commented", "of others"],
    )
    def test_delivery_without_changes_publishes_nothing(self, receiver: Receiver, body: bytes) -> None:
        answer = receiver.post(body)
        assert (answer["status"], answer["json"]["items"], receiver.asked()) == (202, 0, [])

    @pytest.mark.parametrize(
        ("key", "written"),
        [
            (KEY, lambda text: text),
            (PREVIOUS, lambda text: text),
            (KEY, lambda text: quote(text, safe="")),
            (PREVIOUS, lambda text: quote(text, safe="=")),
            (KEY, lambda text: f" {text.replace('sha256', 'SHA256')} "),
        ],
        ids=["current key", "previous key", "percent-encoded", "partly encoded", "spelled otherwise"],
    )
    def test_signature_is_accepted_in_several_notations(
        self, receiver: Receiver, key: str, written: Callable[[str], str]
    ) -> None:
        receiver.secret(requireSignature=True)
        body = payload(event_of(title="\u6c34\u4f4d"))
        assert receiver.post(body, written(signature(body, key)))["status"] == 202
        assert receiver.asked() == [ITEM]

    @pytest.mark.parametrize("form", [True, False])
    @pytest.mark.parametrize("where", ["top", "info"])
    @pytest.mark.parametrize("key", [KEY, PREVIOUS])
    def test_key_in_the_payload_counts_as_a_signature(
        self, receiver: Receiver, key: str, where: str, form: bool
    ) -> None:
        receiver.secret(requireSignature=True)
        body = with_secret(key, where)
        assert receiver.post(urlencode({"payload": body.decode()}).encode() if form else body)["status"] == 202
        assert receiver.asked() == [ITEM]
        assert key not in receiver.functions.log.getvalue()

    @pytest.mark.parametrize("secret", ["another-key-altogether", "", "****", None, 5, [KEY], {"key": KEY}])
    def test_other_string_in_the_payload_is_not_a_signature(self, receiver: Receiver, secret: object) -> None:
        for where in ("top", "info"):
            assert receiver.post(with_secret(secret, where))["status"] == 202, "no signature is required"
        receiver.secret(requireSignature=True)
        for where in ("top", "info"):
            assert receiver.post(with_secret(secret, where))["reason"] == "webhook-unsigned"

    def test_key_in_the_payload_does_not_excuse_a_wrong_signature(self, receiver: Receiver) -> None:
        receiver.secret(requireSignature=True)
        body = with_secret(KEY, "info")
        assert receiver.post(body, signature(body, "another-key-altogether"))["reason"] == "webhook-forged"
        assert (
            receiver.post(with_secret(KEY, "info", when=RECEIVED - MAX_AGE_MILLISECONDS - 1))["reason"]
            == "webhook-stale"
        )

    @pytest.mark.parametrize("encoded", [True, False])
    def test_form_is_accepted(self, receiver: Receiver, encoded: bool) -> None:
        body = urlencode({"name": "archive", "payload": payload(event_of()).decode()}).encode()
        assert receiver.post(body, signature(body), encoded=encoded)["status"] == 202
        assert receiver.asked() == [ITEM]

    def test_each_item_is_requested_once_up_to_the_limit(self, receiver: Receiver) -> None:
        ids = [f"{number:032x}" for number in range(MAX_ITEMS + 3)]
        slim = [{"source": "item", "operation": "update", "id": item_id} for item_id in [*ids, *ids]]
        assert receiver.post(payload(*slim))["json"] == {"success": True, "items": MAX_ITEMS}
        assert receiver.asked() == ids[:MAX_ITEMS]
        (line,) = [line for line in receiver.functions.lines() if line["message"] == "Accepted"]
        assert (line["items"], line["left_out"]) == (MAX_ITEMS + 3, 3)

    def test_replay_within_the_time_limit_is_accepted(self, receiver: Receiver) -> None:
        body = payload(event_of())
        assert [receiver.post(body, signature(body))["status"] for _ in range(3)] == [202] * 3
        assert receiver.asked() == [ITEM] * 3

    @pytest.mark.parametrize("apart", [-MAX_AGE_MILLISECONDS, 0, MAX_AGE_MILLISECONDS])
    def test_small_clock_difference_is_accepted(self, receiver: Receiver, apart: int) -> None:
        assert receiver.post(payload(event_of(), when=RECEIVED + apart))["status"] == 202

    def test_payload_without_time_is_accepted(self, receiver: Receiver) -> None:
        body = json.dumps({"events": [{"source": "item", "operation": "update", "id": ITEM}]}).encode()
        assert [receiver.post(body, signed)["status"] for signed in (None, signature(body))] == [202, 202]

    @pytest.mark.parametrize("when", ["yesterday", 10**30, -1, True, [RECEIVED], {}])
    def test_malformed_time_is_ignored_if_unsigned(self, receiver: Receiver, when: object) -> None:
        assert receiver.post(payload({**TIMELESS, "when": when}, when=when))["status"] == 202
        assert receiver.asked() == [ITEM]
        assert receiver.post(OF_OLD_EVENT.replace(b'{"events"', b'{"info": {"when": "x"}, "events"'))["status"] == 401

    @pytest.mark.parametrize(
        "odd",
        [7, None, [], {"source": "item"}, *(event_of(each) for each in ("CANARY", ITEM.upper(), None, [ITEM]))],
        ids=str,
    )
    @pytest.mark.parametrize("operation", ["update", "delete"])
    def test_malformed_event_is_skipped_if_others_name_items(
        self, receiver: Receiver, odd: object, operation: str
    ) -> None:
        body = payload(event_of(source="group"), odd, event_of(operation=operation), event_of(source=["item"]))
        assert receiver.post(body)["status"] == 202
        assert receiver.asked() == [ITEM] * (operation == "update")
        (line,) = [line for line in receiver.functions.lines() if line["message"] == "Accepted"]
        assert line["skipped"] == 2

    def test_saved_and_commented_item_counts_as_saved(self, receiver: Receiver) -> None:
        receiver.post(payload(event_of(operation="update"), event_of(operation="addComment")))
        assert receiver.asked() == [ITEM]

    def test_recent_payload_with_an_old_event_is_accepted(self, receiver: Receiver) -> None:
        assert receiver.post(payload(event_of(when=RECEIVED - 10 * MAX_AGE_MILLISECONDS)))["status"] == 202

    def test_largest_body_is_accepted(self, receiver: Receiver) -> None:
        body = payload(event_of())
        assert receiver.post(body + b" " * (MAX_DELIVERY_BYTES - len(body)))["status"] == 202


def with_secret(secret: object, where: str, when: int = RECEIVED) -> bytes:
    """Return a payload that contains a secret, at its top or in its `info`."""
    document = json.loads(payload(event_of(), when=when))
    (document if where == "top" else document["info"])["secret"] = secret
    return json.dumps(document).encode()


def flip_last_bit(body: bytes) -> bytes:
    return bytes([*body[:-1], body[-1] ^ 1])


ONE = payload(event_of())
TIMELESS = {"source": "item", "operation": "update", "id": ITEM}
OLD = payload(event_of(), when=RECEIVED - MAX_AGE_MILLISECONDS - 1)
SOON = payload(event_of(), when=RECEIVED + MAX_AGE_MILLISECONDS + 1)
OF_OLD_EVENT = json.dumps({"events": [event_of(when=RECEIVED - MAX_AGE_MILLISECONDS - 1)]}).encode()
BAD: dict[str, tuple[bytes, str | None, int, str]] = {
    "unsigned": (ONE, None, 401, "webhook-unsigned"),
    "unsigned and empty": (b"", None, 401, "webhook-unsigned"),
    "empty signature": (ONE, "", 401, "webhook-forged"),
    "signed with another key": (ONE, signature(ONE, "another-key-altogether"), 401, "webhook-forged"),
    "one bit flipped in the body": (flip_last_bit(ONE), signature(ONE), 401, "webhook-forged"),
    "one bit flipped in the signature": (ONE, signature(ONE)[:-2] + "A=", 401, "webhook-forged"),
    "signature cut short": (ONE, signature(ONE)[:-4], 401, "webhook-forged"),
    "half a signature": (ONE, signature(ONE)[:29], 401, "webhook-forged"),
    "signature in hexadecimal": (ONE, "sha256=" + "00" * 32, 401, "webhook-forged"),
    "signature without its scheme": (ONE, signature(ONE)[7:], 401, "webhook-forged"),
    "of another scheme": (ONE, "sha1" + signature(ONE)[6:], 401, "webhook-forged"),
    "not ASCII": (ONE, "sha256=\u00e9", 401, "webhook-forged"),
    "signature of nothing": (ONE, signature(b""), 401, "webhook-forged"),
    "replayed later": (OLD, signature(OLD), 401, "webhook-stale"),
    "from the future": (SOON, signature(SOON), 401, "webhook-stale"),
    "of an old event": (OF_OLD_EVENT, signature(OF_OLD_EVENT), 401, "webhook-stale"),
    **{
        name: (body, signature(body), status, reason)
        for name, (body, status, reason) in {
            "too large": (ONE + b" " * MAX_DELIVERY_BYTES, 413, "webhook-too-large"),
            "a byte too large": (ONE + b" " * (MAX_DELIVERY_BYTES - len(ONE) + 1), 413, "webhook-too-large"),
            "cut": (ONE[:-1], 400, "webhook-malformed"),
            "not UTF-8": (b'{"events": ["\xff"]}', 400, "webhook-malformed"),
            "text": (b"CANARY", 400, "webhook-malformed"),
            "nested without end": (b'{"events":' + b"[" * 100_000, 400, "webhook-malformed"),
            "an endless number": (b'{"events": [' + b"9" * 5000 + b"]}", 400, "webhook-malformed"),
            "a form without a payload": (b"name=CANARY", 400, "webhook-malformed"),
            "a form with two": (b"payload={}&payload={}", 400, "webhook-malformed"),
            "a form with many fields": (b"a=1&" * 60 + b"payload={}", 400, "webhook-malformed"),
            "a list": (b"[]", 400, "webhook-foreign"),
            "of nothing known": (b'{"action": "CANARY"}', 400, "webhook-foreign"),
            "events that are none": (b'{"events": {"CANARY": 1}}', 400, "webhook-foreign"),
            "an event that is not an object": (payload("CANARY"), 400, "webhook-foreign"),
            "an id that is not an item id": (payload(event_of("CANARY")), 400, "webhook-foreign"),
            "ids that are none": (payload(event_of("CANARY"), event_of(source="group"), 7), 400, "webhook-foreign"),
            "without a time": (json.dumps({"events": [TIMELESS]}).encode(), 400, "webhook-foreign"),
            "an id in capitals": (payload(event_of(ITEM.upper())), 400, "webhook-foreign"),
            "a list of ids": (payload(event_of([ITEM])), 400, "webhook-foreign"),
            "a source that is a list": (payload(event_of(source=["item"])), 400, "webhook-foreign"),
            "a time that is text": (payload(event_of(), when="CANARY"), 400, "webhook-foreign"),
            "a time outside of the calendar": (payload(event_of(), when=10**30), 400, "webhook-foreign"),
            "a path to climb": (payload(event_of("../" * 10)), 400, "webhook-foreign"),
        }.items()
    },
}


class TestRefused:
    @pytest.mark.parametrize("name", BAD)
    def test_refused_delivery_is_counted_and_logged(self, receiver: Receiver, name: str) -> None:
        receiver.secret(requireSignature=True)
        body, signed, status, reason = BAD[name]
        answer = receiver.post(body, signed)
        assert (answer["status"], answer["reason"]) == (status, reason)
        assert (answer["accepted"], answer["refused"], answer["unknown"]) == ([0], [1], [0])
        assert "CANARY" not in json.dumps(answer["json"])
        assert receiver.asked() == []
        (line,) = receiver.functions.lines()
        assert (line["level"], line["reason"]) == ("WARNING", reason)
        assert line["correlation_id"] == sample("receive_webhook")["requestContext"]["requestId"]

    @pytest.mark.parametrize("path", ["", PATH[:-1], PATH + "x", PATH.upper(), "x" * 36, "\u00e9", "x" * 5000])
    def test_unknown_path_returns_404(self, receiver: Receiver, path: str) -> None:
        """This does not depend on the method, or on what else is right or wrong in the request."""
        oversized = ONE + b" " * MAX_DELIVERY_BYTES
        answers = [receiver.post(body, signed, path=path) for body, signed in ((ONE, signature(ONE)), (oversized, "x"))]
        probe = sample("receive_webhook.probe")
        probe["pathParameters"] = {"key": path} if path else None
        probe["multiValueQueryStringParameters"] = {"token": ["t"], "f": ["rubbish"]}
        answers.append(receiver.send(probe))
        for answer in answers:
            assert (answer["status"], answer["reason"]) == (404, "webhook-unknown")
            assert (answer["refused"], answer["unknown"]) == ([0], [1]), "this caller is not our portal"
            error = answer["json"]["error"]
            assert (error["code"], error["message"]) == (404, "There is no such operation here.")
        assert receiver.asked() == []

    def test_wrong_signature_is_refused_even_if_none_is_required(self, receiver: Receiver) -> None:
        assert receiver.post(ONE, signature(ONE, "another-key-altogether"))["reason"] == "webhook-forged"

    def test_log_contains_the_clock_difference(self, receiver: Receiver) -> None:
        receiver.post(payload(event_of(), when=RECEIVED - 3_600_000))
        (line,) = receiver.functions.lines()
        assert (
            "time is 2026-11-22T01:00:00.000Z, but it arrived at 2026-11-22T02:00:00.000Z. These differ by 3600 s"
            in line["message"]
        )

    @pytest.mark.parametrize("token", ['{"events":[]}', "payload=%7B%7D", "a b", "x" * 300, "a\nb"])
    def test_probe_does_not_sign_a_payload(self, receiver: Receiver, token: str) -> None:
        probe = sample("receive_webhook.probe")
        probe["queryStringParameters"] = {"crc_token": token}
        answer = receiver.send(probe)
        assert (answer["status"], answer["reason"]) == (400, "webhook-malformed")

    def test_probe_without_token_succeeds(self, receiver: Receiver) -> None:
        probe = sample("receive_webhook.probe")
        probe["queryStringParameters"] = None
        assert receiver.send(probe)["json"] == {"success": True}


class TestTrouble:
    def test_partly_accepted_events_return_503(self, receiver: Receiver) -> None:
        def fail(parsed: dict[str, Any], **_: Any) -> None:
            parsed["FailedEntryCount"], parsed["Entries"][-1] = 1, {"ErrorCode": "ThrottlingException"}

        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("after-call.events.PutEvents", fail)
        receiver.functions.configure()
        slim = [{"source": "item", "operation": "update", "id": f"{number:032x}"} for number in range(101)]
        answer = receiver.post(payload(*slim))
        assert (answer["status"], answer["reason"], answer["refused"]) == (503, "event-refused", [1])
        assert "ThrottlingException" in receiver.functions.log.getvalue()

    def test_missing_bus_returns_503(self, receiver: Receiver) -> None:
        receiver.functions.configure(EVENT_BUS_NAME="elsewhere")
        event = sample("receive_webhook")
        answer = receiver.send(event)
        assert (answer["status"], answer["reason"], answer["accepted"]) == (503, "event-refused", [0])

    def test_function_responds_in_time_if_aws_is_slow(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The secret comes just before the time-out, and the bus never responds. Neither is called twice."""
        with slow_aws() as (url, asked):
            monkeypatch.setattr(botocore_stubber, "enabled", False)
            receiver.functions.configure(AWS_ENDPOINT_URL=url)
            started = time.monotonic()
            answer = receiver.post(ONE)
            assert 1.8 < time.monotonic() - started < 4
        assert asked == ["GetSecretValue", "PutEvents"]
        assert (answer["status"], answer["reason"]) == (503, "event-refused")

    @pytest.mark.parametrize(
        ("secret", "reason"),
        [(None, "secret-missing"), ("{}", "secret-malformed"), ("rubbish", "secret-malformed")],
    )
    def test_missing_or_malformed_secret_refuses_everything(
        self, receiver: Receiver, secret: str | None, reason: str
    ) -> None:
        secrets = boto3.client("secretsmanager")
        if secret is None:
            secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        else:
            secrets.put_secret_value(SecretId=SECRET, SecretString=secret)
        receiver.functions.configure()
        for path in (PATH, ""):
            answer = receiver.post(ONE, signature(ONE), path=path)
            assert (answer["status"], answer["reason"]) == (500, reason)
        assert receiver.asked() == []

    def test_function_without_secret_refuses_everything(self, receiver: Receiver) -> None:
        receiver.functions.configure(WEBHOOK_SECRET="")
        assert receiver.post(ONE, signature(ONE))["reason"] == "settings-invalid"

    def test_new_key_is_valid_within_a_minute(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        new = "a-new-key-of-the-secret"
        assert receiver.post(ONE, signature(ONE, new))["status"] == 401
        text = json.dumps({**WHOLE, "key": new, "previousKey": KEY})
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=text)
        now = time.monotonic()
        set_clock(monkeypatch, now + REFRESH_SECONDS)
        assert receiver.post(ONE, signature(ONE, new))["status"] == 202
        assert receiver.post(ONE, signature(ONE, KEY))["status"] == 202
        assert receiver.post(ONE, signature(ONE, PREVIOUS))["status"] == 401

    def test_last_read_secret_is_used_while_unreadable(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A portal stops sending after five failures, so Secrets Manager may be slow for a minute without one."""
        asked: list[int] = []
        is_silent = False

        def answer(**_: Any) -> None:
            if is_silent:
                asked.append(1)
                raise ReadTimeoutError(endpoint_url="https://secretsmanager.eu-west-1.amazonaws.com/")

        def after(seconds: float) -> dict[str, Any]:
            set_clock(monkeypatch, start + seconds)
            return receiver.post(ONE, signature(ONE))

        start = time.monotonic()
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("before-call.secretsmanager.GetSecretValue", answer)
        receiver.functions.configure()
        assert after(0)["status"] == 202
        is_silent = True
        assert [after(seconds)["status"] for seconds in (59, 61, 62, 119)] == [202] * 4
        assert len(asked) == 1, "each call may take two of the five seconds"
        assert any("Using the secret's value of 61 s ago" in line["message"] for line in receiver.functions.lines())
        assert after(MAX_STALE_SECONDS - 1)["status"] == 202
        late = after(MAX_STALE_SECONDS + 60)
        assert (late["status"], late["reason"], late["refused"]) == (503, "secret-unreadable", [1])
        assert late["again"]
        is_silent = False
        assert after(MAX_STALE_SECONDS + 61)["status"] == 202
        is_silent = True
        receiver.functions.configure()
        assert (after(0)["status"], after(1)["status"]) == (503, 503), "a new container has no earlier text"

    def test_deleted_secret_is_not_used(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        assert receiver.post(ONE, signature(ONE))["status"] == 202
        boto3.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        now = time.monotonic()
        set_clock(monkeypatch, now + REFRESH_SECONDS)
        gone = receiver.post(ONE, signature(ONE))
        assert (gone["status"], gone["reason"]) == (500, "secret-missing")

    def test_defect_is_counted_as_refused(self, receiver: Receiver) -> None:
        def defect(**_: Any) -> None:
            raise RuntimeError

        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("before-call.events.PutEvents", defect)
        receiver.functions.configure()
        answer = receiver.post(ONE, signature(ONE))
        assert (answer["status"], answer["reason"]) == (500, "internal-error")
        assert (answer["accepted"], answer["refused"], answer["unknown"]) == ([0], [1], [0])


SOUND: dict[str, object] = dict(WHOLE)


@pytest.mark.parametrize(
    "secret",
    [
        "rubbish",
        "[]",
        json.dumps({"path": PATH}),
        json.dumps({"key": KEY}),
        *(
            json.dumps({**SOUND, **wrong})
            for wrong in (
                {"path": "CANARY-too-short"},
                {"path": "CANARY/" * 6},
                {"path": 7},
                {"key": "CANARY"},
                {"key": ""},
                {"key": None},
                {"previousKey": 7},
                {"previousKey": "CANARY"},
                {"requireSignature": "CANARY"},
            )
        ),
    ],
)
def test_malformed_secret_is_named_but_not_shown(secret: str) -> None:
    with pytest.raises(SecretMalformed, match="'notebook-archive-webhook'") as raised:
        WebhookSecret.parse("notebook-archive-webhook", secret)
    assert not re.search("CANARY|sample", str(raised.value))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400) | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) |
    st.dictionaries(st.sampled_from(["info", "events", "when", "source", "id", "operation", "x"]), inner)).map(
        lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_is_refused_or_yields_item_ids(body: bytes) -> None:
    from notebook_archive.errors import WebhookRefused

    event = sample("receive_webhook") | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    try:
        items = Delivery(event).parse_items()
    except WebhookRefused:
        return
    assert all(re.fullmatch("[0-9a-f]{32}", item_id) for item_id in items.ids)
