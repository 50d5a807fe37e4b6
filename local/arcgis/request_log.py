"""The log of a deployment's requests. Tests count its entries."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class LoggedRequest:
    """One request. `status` is 0 until the response begins. `bytes` counts the body bytes that were sent so far."""

    method: str
    path: str
    operation: str
    username: str | None = None
    item_id: str | None = None
    status: int = 0
    bytes: int = 0


class RequestLog:
    """The requests since the start or the last `clear`, in order of arrival, without those to the control API."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._requests))

    def begin(self, request: LoggedRequest) -> None:
        """Add a request whose response has not begun."""
        self._requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self) -> None:
        """Record that one response has ended, whether it was complete or not."""
        self.in_flight -= 1

    def clear(self) -> None:
        """Delete the log."""
        self._requests.clear()
        self.most_in_flight = self.in_flight

    def counts(self) -> Counter[str]:
        """Return the number of requests by operation."""
        return Counter(request.operation for request in self)

    @property
    def bytes(self) -> int:
        """The number of body bytes that were sent in all responses."""
        return sum(request.bytes for request in self)
