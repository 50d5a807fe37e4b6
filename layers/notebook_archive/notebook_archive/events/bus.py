"""Send events to the event bus."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.clock import Deadline
from notebook_archive.errors import EventRefused
from notebook_archive.events.details import SOURCE, DetailType

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef as Entry

# Limits of one call: entries, and the bytes of all entries (API reference, PutEvents). The byte limit leaves room for
# what EventBridge counts besides the texts.
MAX_ENTRIES = 10
MAX_CALL_BYTES = 250_000
# How often an event is sent if EventBridge refuses only some, and the first pause between tries, which doubles.
MAX_TRIES = 4
PAUSE_SECONDS = 0.2


class EventBus:
    """One event bus. Threads may share it."""

    def __init__(
        self,
        client: "EventBridgeClient",
        name: str,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """No call begins later than `seconds` after the start of `publish`.

        The last call may take as long as the client allows.
        """
        self._client, self._name, self._seconds = client, name, seconds
        self._sleep, self._jitter = sleep, jitter

    def publish(self, detail_type: DetailType, *details: Mapping[str, Any], source: str = SOURCE) -> None:
        """Put events on the bus. An event is sent again if EventBridge refuses it but accepts others.

        Raises EventRefused, once all were tried, if EventBridge did not accept all of them. A bus that does not answer
        is not called again, because that would use up the time.
        """
        deadline = Deadline(self._seconds)
        pending: list[Entry] = [
            {"EventBusName": self._name, "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
            for detail in details
        ]
        lost = refused = ""
        for tried in range(MAX_TRIES):
            again: list[Entry] = []
            for place, entries in enumerate(_split_into_calls(pending)):
                if (tried or place) and deadline.remaining() <= 0:
                    raise EventRefused(f"The event {detail_type} could not be sent ({refused or 'no time left'}).")
                try:
                    codes = self._put(entries)
                except BotoCoreError as error:
                    raise EventRefused(f"The event {detail_type} could not be sent ({type(error).__name__}).") from None
                except ClientError as error:
                    lost = error.response.get("Error", {}).get("Code") or type(error).__name__
                else:
                    again += [entry for entry, code in zip(entries, codes, strict=False) if code]
                    refused = next(filter(None, codes), refused)
            pending = again
            if not pending or tried == MAX_TRIES - 1:
                break
            self._sleep(min(PAUSE_SECONDS * 2**tried * (1 + self._jitter()) / 2, max(0.0, deadline.remaining())))
        if pending or lost:
            raise EventRefused(f"EventBridge did not accept the event {detail_type} ({lost or refused}).")

    def _put(self, entries: "list[Entry]") -> list[str]:
        """Return the error code of each entry, or an empty text if it was accepted."""
        answer = self._client.put_events(Entries=entries)
        if not answer["FailedEntryCount"]:
            return [""] * len(entries)
        return ["" if "EventId" in each else each.get("ErrorCode", "no code") for each in answer["Entries"]]


def _split_into_calls(entries: "Iterable[Entry]") -> "Iterator[list[Entry]]":
    """Yield the entries in their order, in groups that one call accepts."""
    call: list[Entry] = []
    size = 0
    for entry in entries:
        entry_size = sum(len(text.encode()) for text in (entry["Source"], entry["DetailType"], entry["Detail"]))
        if call and (len(call) == MAX_ENTRIES or size + entry_size > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += entry_size
    if call:
        yield call
