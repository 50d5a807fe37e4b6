"""Deliveries of webhooks: who may send one, and which items one names.

A payload is only a hint.  It names items; whoever hears of them fetches them again, and drops what is no notebook.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from notebook_archive.clock import format_moment
from notebook_archive.errors import (
    NotAnId,
    SecretMalformed,
    WebhookForeign,
    WebhookForged,
    WebhookMalformed,
    WebhookStale,
    WebhookTooLarge,
    WebhookUnknown,
    WebhookUnsigned,
)
from notebook_archive.events import describe_requests
from notebook_archive.http.request import Request
from notebook_archive.http.responses import Answer
from notebook_archive.models import ItemId

SIGNATURE_HEADER = "x-esriHook-Signature"
DELIVERY_BYTES = 262_144
FRESH_MILLISECONDS = 15 * 60 * 1000
"""How far the payload's time may be from ours, either way.  A replay within it archives nothing twice."""
MAX_ITEMS = 500
"""Of one delivery; what is beyond them is left to the next run."""
SOURCES = frozenset(("item", "items"))
"""Esri's samples say ``item``, the text beside them ``items``."""
NO_NEWS = frozenset(("delete", "addComment", "updateComment", "deleteComment"))
"""What changes no notebook.  Of an operation that nobody documented, the item is better looked at once in vain."""
KEY_LENGTH = 16
"""At least; HMAC takes any, and a short one is guessed."""

_PATH = re.compile(r"[A-Za-z0-9_-]{32,200}")
_CRC_TOKEN = re.compile(r"[A-Za-z0-9+/=_.~-]{1,256}")
"""Without a brace or a percent sign: what is signed on demand can never be a payload, as JSON or as a form."""


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a delivery that changed, each once; ``skipped`` counts events that could not be made out."""

    ids: list[ItemId]
    skipped: int

    @property
    def left_out(self) -> int:
        """How many are beyond MOST_ITEMS."""
        return max(0, len(self.ids) - MAX_ITEMS)

    def requests(self) -> list[dict[str, Any]]:
        """Return the details of the events that ask for these items, of the first MOST_ITEMS at most."""
        return list(describe_requests(self.ids[:MAX_ITEMS]))

    def accepted(self) -> Answer:
        """Return the answer to a delivery that was passed on, or that had nothing to pass on."""
        return _answer(HTTPStatus.ACCEPTED, {"success": True, "items": len(self.ids) - self.left_out})


class Delivery(Request):
    """One request of a webhook's sender, which is always a program."""

    @property
    def wants_page(self) -> bool:
        """Never."""
        return False

    def refuse_misuse(self) -> None:
        """Refuse nothing: whoever does not know the path is told nothing about requests to it."""

    @property
    def key(self) -> str:
        """The last part of the path."""
        return str((self._event.get("pathParameters") or {}).get("key") or "")

    @property
    def crc_token(self) -> str:
        """What a sender wants to see signed before it trusts this receiver, empty where it does not ask."""
        token = (self._event.get("queryStringParameters") or {}).get("crc_token") or ""
        if token and not _CRC_TOKEN.fullmatch(token):
            raise WebhookMalformed("crc_token is longer than 256 characters, or has others than those of base64.")
        return str(token)

    @property
    def signature(self) -> str | None:
        """The signature's header, None where there is none."""
        return self._headers.get(SIGNATURE_HEADER.lower())

    @cached_property
    def body(self) -> bytes:
        """The body as it was sent; raise WebhookTooLarge before anything is done with one that is too large."""
        text = self._event.get("body") or ""
        if len(text) > DELIVERY_BYTES * 4 // 3 + 4:
            raise WebhookTooLarge(f"The body is larger than {DELIVERY_BYTES} bytes.")
        body = b64decode(text) if self._event.get("isBase64Encoded") else text.encode()
        if len(body) > DELIVERY_BYTES:
            raise WebhookTooLarge(f"The body is larger than {DELIVERY_BYTES} bytes.")
        return body

    @property
    def payload_secrets(self) -> list[str]:
        """The texts of members `secret` at the top of the payload and in its `info`.

        Esri says that an organisation webhook's secret "can be added to the payload", and not under which name.
        """
        try:
            payload = _parsed(self.body)
        except WebhookMalformed:
            return []
        places = [payload, payload.get("info")] if isinstance(payload, dict) else []
        secrets = [place.get("secret") for place in places if isinstance(place, dict)]
        return [secret for secret in secrets if isinstance(secret, str)]

    def items(self, *, timed: bool = False) -> Items:
        """Return what the payload names; raise a WebhookRefused for one that is none, or is old.

        An empty body names nothing: a portal may send one to see whether anybody listens.  An odd event is passed over
        if another one names an item, for a portal counts what is refused and sends no more in the end.  ``timed``
        demands a time, without which a signature would be good for ever.
        """
        if not self.body:
            return Items([], 0)
        payload = _parsed(self.body)
        events = payload.get("events") if isinstance(payload, dict) else None
        if not isinstance(events, list):
            raise WebhookForeign("The payload is not an object with a list of events.")
        self._refuse_stale(payload.get("info"), [event for event in events if isinstance(event, dict)], timed=timed)
        news: dict[ItemId, bool] = {}
        odd = 0
        for event in events:
            try:
                if event.get("source") in SOURCES:
                    item_id = ItemId.parse(event.get("id"))
                    news[item_id] = news.get(item_id, False) or event.get("operation") not in NO_NEWS
            except (NotAnId, TypeError, AttributeError):  # what is no object, or cannot be looked up in a set
                odd += 1
        if odd and not news:
            raise WebhookForeign(f"The payload names no item: {odd} of its events are no object, or have no id of one.")
        return Items([item_id for item_id, changed in news.items() if changed], odd)

    def _refuse_stale(self, info: object, events: list[dict[str, Any]], *, timed: bool) -> None:
        """The payload's own time counts, or else the newest event's; without either there is nothing to go by.

        A time that cannot be read is none, unless somebody signed it.
        """
        own = [info["when"]] if isinstance(info, dict) and info.get("when") else []
        newest = [event["when"] for event in events if event.get("when") is not None]
        if self.signature is not None and _times(own or newest) != (own or newest):
            raise WebhookForeign("A time of the payload is not in milliseconds since 1970.")
        times = _times(own) or _times(newest)
        if timed and not times:
            raise WebhookForeign("The payload has no time, without which its signature would be good for ever.")
        if times and abs(self._received - max(times)) > FRESH_MILLISECONDS:
            raise WebhookStale(
                f"The payload is of {format_moment(max(times))}, and came at {format_moment(self._received)}: "
                f"{abs(self._received - max(times)) // 1000} s apart, of which 900 are allowed."
            )


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the payload, as JSON or as JSON in a form's field, whatever Content-Type says of it."""
    try:
        text = body.decode()
        if not text.lstrip().startswith(("{", "[")):
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=50, errors="strict")
            (text,) = (value for name, value in fields if name == "payload")
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WebhookMalformed("The body is neither JSON nor a form with one field payload that holds JSON.") from None


def _times(sent: list[Any]) -> list[int]:
    """Return those that are in milliseconds since 1970."""
    return [when for when in sent if isinstance(when, int) and not isinstance(when, bool) and 0 < when < 10**15]


@dataclass(frozen=True, slots=True, repr=False)
class WebhookSecret:
    """What a sender has to know: the path's last part, and a key to sign with, the current one or the one before."""

    path: str
    keys: tuple[bytes, ...]
    requires_signature: bool

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Return the secret, or raise SecretMalformed naming it and what it lacks, never a value."""
        try:
            secret: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise SecretMalformed(f"Secret {name!r} is not JSON.") from None
        if not isinstance(secret, dict):
            raise SecretMalformed(f"Secret {name!r} is JSON, but not an object.")
        path, key, previous = secret.get("path"), secret.get("key"), secret.get("previousKey") or ""
        required = secret.get("requireSignature", False)
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise SecretMalformed(f"Secret {name!r} lacks path: 32 to 200 letters, digits, _ and -.")
        if not isinstance(key, str) or len(key) < KEY_LENGTH:
            raise SecretMalformed(f"Secret {name!r} lacks key: {KEY_LENGTH} characters or more.")
        if not isinstance(previous, str) or 0 < len(previous) < KEY_LENGTH:
            raise SecretMalformed(f"previousKey in secret {name!r} has not {KEY_LENGTH} characters or more.")
        if not isinstance(required, bool):
            raise SecretMalformed(f"requireSignature in secret {name!r} is neither true nor false.")
        return cls(path, tuple(each.encode() for each in (key, previous) if each), required)

    def admit(self, delivery: Delivery) -> None:
        """Return if the delivery comes from somebody who knows the secret; else raise a WebhookRefused.

        The path is compared by its hash, in a time that depends neither on its length nor on how much of it was right.
        A GET without a signature needs only the path. If the secret demands a signature, the key in the payload counts
        as one, because Esri does not document how a portal uses a webhook's secret. Any other text there is ignored,
        because it may not be meant as the key.
        """
        if not hmac.compare_digest(_hash(delivery.key), _hash(self.path)):
            raise WebhookUnknown("A delivery came to another path than the secret's.")
        if delivery.method == "GET":
            return
        body, signature = delivery.body, delivery.signature
        if signature is None and self.requires_signature and not self._is_key(delivery.payload_secrets):
            raise WebhookUnsigned("The delivery has no signature, and its payload does not hold the key.")
        if signature is not None and not self._signed(body, signature):
            raise WebhookForged("The delivery's signature is not of the current or the previous key.")

    def _signed(self, body: bytes, signature: str) -> bool:
        """Whether the header is a signature of the body.  It is also seen percent-encoded."""
        scheme, _, digest = unquote(signature.strip()).partition("=")
        try:
            given = b64decode(digest, validate=True) if scheme.lower() == "sha256" else b""
        except ValueError:
            given = b""
        # Both keys are tried in any case, so that the time does not tell which one it was.
        fits = [hmac.compare_digest(hmac.digest(key, body, sha256), given) for key in self.keys]
        return any(fits)

    def _is_key(self, texts: list[str]) -> bool:
        """Return whether one of the texts is a key, in a time that does not depend on how much of it was right."""
        hashes = [_hash(text) for text in texts]
        fits = [hmac.compare_digest(sha256(key).digest(), given) for key in self.keys for given in hashes]
        return any(fits)

    def probed(self, delivery: Delivery) -> Answer:
        """Return the answer to a GET: the signed ``crc_token`` if there is one, else that somebody listens."""
        if token := delivery.crc_token:
            signature = b64encode(hmac.digest(self.keys[0], token.encode(), sha256)).decode()
            return _answer(HTTPStatus.OK, {"response_token": f"sha256={signature}"})
        return _answer(HTTPStatus.OK, {"success": True})


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()


def _answer(status: HTTPStatus, document: Mapping[str, Any]) -> Answer:
    return Answer(status, json.dumps(document).encode(), "application/json;charset=utf-8")
