"""Paging as the portal does it: `start` counts from 1, `nextStart` is -1 at the end."""

from collections.abc import Sequence
from typing import Any

from local.arcgis.calls import Call


def page_of[T](
    call: Call, entries: Sequence[T], *, default: int = 10, largest: int = 100
) -> tuple[dict[str, Any], list[T]]:
    """The paging fields of the answer, and the entries of the page that the call asks for."""
    start = call.number("start", 1, 2**31)
    number = call.number("num", default, largest)
    chosen = list(entries[start - 1 : start - 1 + number])
    following = start + len(chosen)
    next_start = following if chosen and following <= len(entries) else -1
    return {"total": len(entries), "start": start, "num": number, "nextStart": next_start}, chosen
