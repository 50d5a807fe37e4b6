"""Read which items a webhook's delivery names, and make the response.

The payload only names items. Another function fetches them from ArcGIS, and skips items that are not notebooks.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from notebook_archive.clock import format_moment
from notebook_archive.errors import NotAnId, WebhookForeign, WebhookMalformed, WebhookStale, WebhookTooLarge
from notebook_archive.http.request import Request
from notebook_archive.http.responses import Answer
from notebook_archive.models import ItemId

SIGNATURE_HEADER = "x-esriHook-Signature"
MAX_DELIVERY_BYTES = 262_144
# Maximum difference between the payload's time and this function's time, in both directions. A delivery that is
# replayed within this time archives nothing twice.
MAX_AGE_MILLISECONDS = 15 * 60 * 1000
# Maximum number of items that are archived because of one delivery. The next run archives the others.
MAX_ITEMS = 500
# Esri's sample payloads contain `item`, but the documentation's text says `items`.
ITEM_SOURCES = frozenset(("item", "items"))
# Operations that do not change a notebook. Any other operation may change it, even one that is not documented.
IGNORED_OPERATIONS = frozenset(("delete", "addComment", "updateComment", "deleteComment"))

# This receiver signs every `crc_token` that it gets. A token must not contain braces or percent signs. So nobody can
# use the signature for a payload, which needs braces as JSON and percent signs as a form.
_CRC_TOKEN = re.compile(r"[A-Za-z0-9+/=_.~-]{1,256}")


@dataclass(frozen=True, slots=True)
class ChangedItems:
    """The items of a delivery that may have changed, without duplicates.

    `skipped` is the number of events that could not be read.
    """

    ids: list[ItemId]
    skipped: int

    @property
    def left_out(self) -> int:
        """The number of items that exceed MAX_ITEMS."""
        return max(0, len(self.ids) - MAX_ITEMS)

    @property
    def requested_ids(self) -> list[ItemId]:
        """The first MAX_ITEMS items."""
        return self.ids[:MAX_ITEMS]


class Delivery(Request):
    """One request from a webhook's sender, which is always a program."""

    @property
    def wants_page(self) -> bool:
        """Always False, because the sender is a program."""
        return False

    def refuse_misuse(self) -> None:
        """Do nothing. A sender that does not know the path must not learn whether its request is malformed."""

    @property
    def key(self) -> str:
        """The last part of the path."""
        return str((self._event.get("pathParameters") or {}).get("key") or "")

    @property
    def crc_token(self) -> str:
        """The string that a sender asks this receiver to sign, as a test of the receiver, or an empty string."""
        token = (self._event.get("queryStringParameters") or {}).get("crc_token") or ""
        if token and not _CRC_TOKEN.fullmatch(token):
            raise WebhookMalformed("crc_token is longer than 256 characters, or contains characters not allowed in it.")
        return str(token)

    @property
    def signature(self) -> str | None:
        """The signature header, or None."""
        return self._headers.get(SIGNATURE_HEADER.lower())

    @cached_property
    def body(self) -> bytes:
        """The body as it was sent. Raises WebhookTooLarge, without decoding the whole body if possible."""
        text = self._event.get("body") or ""
        if len(text) > MAX_DELIVERY_BYTES * 4 // 3 + 4:
            raise WebhookTooLarge(f"The body is larger than {MAX_DELIVERY_BYTES} bytes.")
        body = b64decode(text) if self._event.get("isBase64Encoded") else text.encode()
        if len(body) > MAX_DELIVERY_BYTES:
            raise WebhookTooLarge(f"The body is larger than {MAX_DELIVERY_BYTES} bytes.")
        return body

    @property
    def payload_secrets(self) -> list[str]:
        """The strings in the fields `secret` at the top of the payload and in its `info`.

        Esri says that an organization webhook's secret "can be added to the payload", but does not name the field.
        """
        try:
            payload = _parse_payload(self.body)
        except WebhookMalformed:
            return []
        places = [payload, payload.get("info")] if isinstance(payload, dict) else []
        secrets = [place.get("secret") for place in places if isinstance(place, dict)]
        return [secret for secret in secrets if isinstance(secret, str)]

    def parse_items(self, *, time_required: bool = False) -> ChangedItems:
        """Return the items that the payload names. Raises a WebhookRefused if it is not a payload or is too old.

        An empty body names no items. A portal may send one to test the receiver. An event that cannot be read is
        skipped if another event names an item, because a portal stops sending after too many refusals. With
        `time_required`, a payload without a time is refused, because its signature would be valid forever.
        """
        if not self.body:
            return ChangedItems([], 0)
        payload = _parse_payload(self.body)
        events = payload.get("events") if isinstance(payload, dict) else None
        if not isinstance(events, list):
            raise WebhookForeign("The payload is not an object with a list of events.")
        readable = [event for event in events if isinstance(event, dict)]
        self._refuse_stale(payload.get("info"), readable, time_required=time_required)
        has_changed: dict[ItemId, bool] = {}
        skipped = 0
        for event in events:
            try:
                if event.get("source") in ITEM_SOURCES:
                    item_id = ItemId.parse(event.get("id"))
                    changes = event.get("operation") not in IGNORED_OPERATIONS
                    has_changed[item_id] = has_changed.get(item_id, False) or changes
            except (NotAnId, TypeError, AttributeError):  # the event is not an object, or a value is not hashable
                skipped += 1
        if skipped and not has_changed:
            raise WebhookForeign(
                f"The payload does not name an item: {skipped} of its events are not objects, or have no valid item id."
            )
        return ChangedItems([item_id for item_id, changed in has_changed.items() if changed], skipped)

    def _refuse_stale(self, info: object, events: list[dict[str, Any]], *, time_required: bool) -> None:
        """Raise WebhookStale if the payload's time differs too much, and WebhookForeign if it cannot be read.

        The payload's own time is used, or the time of the newest event if it has none. A time that cannot be read is
        ignored, unless the payload is signed.
        """
        own = [info["when"]] if isinstance(info, dict) and info.get("when") else []
        newest = [event["when"] for event in events if event.get("when") is not None]
        if self.signature is not None and _select_times(own or newest) != (own or newest):
            raise WebhookForeign("A time in the payload is not a number of milliseconds since 1970.")
        times = _select_times(own) or _select_times(newest)
        if time_required and not times:
            raise WebhookForeign("The payload has no time, so its signature would be valid forever.")
        if times and abs(self._received - max(times)) > MAX_AGE_MILLISECONDS:
            apart = abs(self._received - max(times)) // 1000
            raise WebhookStale(
                f"The payload's time is {format_moment(max(times))}, but it arrived at "
                f"{format_moment(self._received)}. These differ by {apart} s; at most {MAX_AGE_MILLISECONDS // 1000} s "
                "are allowed."
            )


def _parse_payload(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the payload, from JSON or from JSON in the field of a form. The Content-Type header is ignored."""
    try:
        text = body.decode()
        if not text.lstrip().startswith(("{", "[")):
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=50, errors="strict")
            (text,) = (value for name, value in fields if name == "payload")
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WebhookMalformed(
            "The body is neither JSON nor a form with one field 'payload' that contains JSON."
        ) from None


def _select_times(values: list[Any]) -> list[int]:
    """Return the values that are times in milliseconds since 1970."""
    return [when for when in values if isinstance(when, int) and not isinstance(when, bool) and 0 < when < 10**15]


def answer_accepted(items: ChangedItems) -> Answer:
    """Return the response to a delivery that was accepted, even if it named no items."""
    return _answer(HTTPStatus.ACCEPTED, {"success": True, "items": len(items.ids) - items.left_out})


def answer_probe(response_token: str | None) -> Answer:
    """Return the response to a GET: the signature of its `crc_token`, or only `success`."""
    return _answer(HTTPStatus.OK, {"response_token": response_token} if response_token else {"success": True})


def _answer(status: HTTPStatus, document: Mapping[str, Any]) -> Answer:
    return Answer(status, json.dumps(document).encode(), "application/json;charset=utf-8")
