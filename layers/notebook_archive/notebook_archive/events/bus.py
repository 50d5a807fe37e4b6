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

# Limits of one call: the number of entries, and their total size (API reference, PutEvents). The size here is lower
# than EventBridge's limit, because EventBridge counts more than the strings of an entry.
MAX_ENTRIES = 10
MAX_CALL_BYTES = 250_000
# Maximum number of attempts to send an event, if EventBridge refuses only some of the events.
MAX_TRIES = 4
# The pause after the first attempt. Each further pause is twice as long.
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
        """`publish` starts no call when `seconds` have passed, except its first.

        The last call may take as long as the client's timeouts allow.
        """
        self._client, self._name, self._seconds = client, name, seconds
        self._sleep, self._jitter = sleep, jitter

    def publish(self, detail_type: DetailType, *details: Mapping[str, Any], source: str = SOURCE) -> None:
        """Put events on the bus. Events that EventBridge refuses are sent again.

        Raises EventRefused if EventBridge did not accept all events. The error is raised after every event has been
        attempted. But if a call gets no response, the error is raised at once, because further calls would take too
        long.
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
        """Return the error code of each entry, or an empty string if the entry was accepted."""
        answer = self._client.put_events(Entries=entries)
        if not answer["FailedEntryCount"]:
            return [""] * len(entries)
        return ["" if "EventId" in each else each.get("ErrorCode", "no code") for each in answer["Entries"]]


def _split_into_calls(entries: "Iterable[Entry]") -> "Iterator[list[Entry]]":
    """Yield groups of entries that fit into one call. The order of the entries is kept."""
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
