"""Faults that a test injects: which kind, into which calls, and how often.

    deployment.faults.add(operation="snapshots/download", kind="http-503", times=3, retry_after="1")
    deployment.faults.add(operation="*", kind="slow", seconds=0.02)

KINDS explains each kind. fault_injection.py applies them.
"""

import fnmatch
import itertools
import re
import threading
from collections.abc import Collection
from dataclasses import dataclass, field

KINDS = {
    "http-NNN": "a real HTTP status NNN (403, 429, 500, 502, 503, 504 ...), with Retry-After if `retry_after` is given",
    "shape-a": "error shape A under HTTP 200, with `code` and `message`",
    "shape-b": "error shape B under HTTP 200",
    "shape-c": "error shape C under HTTP 200",
    "shape-d": "error shape D under HTTP 200",
    "shape-e": "error shape E: an HTML sign-in page under HTTP 200",
    "shape-f": "error shape F under HTTP 200",
    "details-null": "error shape A whose `details` is null",
    "code-missing": "error shape A without `code`",
    "body": "the text `body` under HTTP 200, with the JSON content type",
    "slow": "the correct response, `seconds` late",
    "trickle": "the correct response in small pieces over `seconds`",
    "hang-up": "the connection is closed after the headers, before the first byte of the body",
    "time-out": "no response at all; the call ends when the client gives up",
    "reset": "the connection is reset (RST) after half of the body",
    "cut-body": "a chunked body that ends after its first half, without the last chunk",
    "length-too-long": "Content-Length is larger than the body; the connection is closed after the body",
    "length-too-short": "the body is truncated, and Content-Length fits the truncated body, so HTTP shows no error",
    "gzip": "the correct response, compressed",
    "gzip-truncated": "a compressed body without its end; Content-Length fits the truncated body",
    "redirect": "302 to `location`",
    "control-characters": "unescaped control characters in sources, texts, titles and descriptions of the JSON body",
    "oversize": "a valid notebook of `size` bytes instead of the correct response",
    "item-vanishes": "the item `item_id`, by default the call's item, is deleted before the operation runs",
    "snapshot-vanishes": "the same item's snapshots are deleted before the operation runs",
    "item-appears": "a notebook that sorts before all others is added before the operation runs",
    "tokens-revoked": "every token is revoked before the operation runs",
}


class UnknownFaultKind(ValueError):
    """KINDS does not contain the kind."""


class UnknownOperation(ValueError):
    """The deployment has no operation that matches the name or pattern."""


@dataclass
class Fault:
    """One fault. It skips the first `after` calls that match operation, item and user, and hits the next `times` calls.

    `struck` counts the calls that it has hit.
    """

    operation: str
    kind: str
    times: int | None = None
    after: int = 0
    item_id: str | None = None
    username: str | None = None
    seconds: float = 0
    retry_after: str | None = None
    code: int = 500
    message: str = "Unable to complete operation."
    body: str = "{}"
    location: str = "https://localhost:1/elsewhere"
    size: int = 64 * 1024 * 1024
    struck: int = field(default=0, init=False)
    id: int = field(default_factory=itertools.count(1).__next__, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not re.fullmatch(r"http-[1-5]\d\d", self.kind):
            raise UnknownFaultKind(self.kind)

    def matches(self, operation: str, item_id: str | None, username: str | None) -> bool:
        """Return whether the fault applies to the call."""
        return (
            (self.times is None or self.struck < self.times)
            and fnmatch.fnmatchcase(operation, self.operation)
            and (self.item_id in {None, item_id} or self._vanishes_from_listing(item_id))
            and (self.username is None or self.username == username)
        )

    def _vanishes_from_listing(self, item_id: str | None) -> bool:
        # A search has no item id, but a fault for one item may delete that item before the search runs.
        return item_id is None and self.kind.endswith("-vanishes")


class Faults:
    """The faults of one deployment. If several faults match a call, the first one is applied.

    `operations` are the deployment's operation names.
    """

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, operation: str = "*", kind: str = "http-500", **fields: float | str | None) -> Fault:
        """Add a fault and return it. `operation` is a name or a pattern. `fields` are other fields of Fault.

        Raise UnknownFaultKind or UnknownOperation if the kind or the operation does not exist.
        """
        if not fnmatch.filter(self._operations, operation):
            raise UnknownOperation(operation)
        fault = Fault(operation, kind, **fields)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """Return the faults, including those that hit no more calls."""
        return list(self._faults)

    def take(self, operation: str, item_id: str | None, username: str | None) -> Fault | None:
        """Return the fault that applies to this call and count the hit, or return None."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if not fault.matches(operation, item_id, username):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.struck += 1
                return fault
        return None
