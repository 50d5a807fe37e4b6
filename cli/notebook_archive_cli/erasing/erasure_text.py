"""Write in words what an erasure deletes, what prevents it, and what stays."""

from collections.abc import Iterator, Mapping
from typing import Any

from notebook_archive.models import format_size
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import format_count
from notebook_archive_cli.terminal.units import format_time

_INDENT = "  "
_LOCKS = {
    "governance": "a GOVERNANCE lock, until {until} at the latest. The break-glass role may lift it "
    "(s3:BypassGovernanceRetention)",
    "compliance": "a COMPLIANCE lock, until {until} at the latest. Nobody can lift it. Erase them after that time",
    "legal-hold": "a legal hold. Whoever placed it must remove it first",
}


def render_erasure(document: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the lines of the plan or the result of an erasure."""
    yield from _render_items(document, width)
    if document["status"] == "planned":
        yield from _render_obstacles(document, width)
        yield from _render_staying(document, width)
    elif document["status"] == "partly-erased":
        yield from wrap_text("Run the same command again after the locks end, or with the item's id.", width)


def _render_items(document: Mapping[str, Any], width: int) -> Iterator[str]:
    is_plan = document["status"] == "planned"
    notebooks = format_count(len(document["items"]), "notebook")
    total = f"{format_count(document['versions'], 'S3 version')}, {format_size(document['bytes'])}"
    markers = format_count(document["deleteMarkers"], "delete marker")
    done = "Erase for good" if is_plan else f"Erasure {document['erasureId']}"
    yield from wrap_text(f"{done}: {notebooks}, {total}, {markers}.", width)
    for item in document["items"]:
        yield f"{_INDENT}{item['itemId']}  {item['title']}"
        owners = f"owner: {' and '.join(item['owners']) or 'unknown'}"
        size = f"{format_count(item['versions'], 'S3 version')}, {format_size(item['bytes'])}"
        state = "" if is_plan else f"; {format_count(item['left'], 'version')} left" if item["left"] else "; erased"
        yield from wrap_text(f"{owners}; {size}{state}", width, _INDENT * 2)
    if is_plan:
        kinds = ", ".join(f"{kind.replace('-', ' ')} {number:,}" for kind, number in document["kinds"].items())
        yield from wrap_text(f"By kind: {kinds}.", width)


def _render_obstacles(document: Mapping[str, Any], width: int) -> Iterator[str]:
    for lock in document["locks"]:
        until = format_time(lock["until"]) if lock["until"] else ""
        text = f"{format_count(lock['versions'], 'version')} with {_LOCKS[lock['kind']].format(until=until)}."
        yield from wrap_text(text, width)
    if document["allowedRoles"]:
        yield from wrap_text(f"Only {' and '.join(document['allowedRoles'])} may delete them.", width)
    else:
        yield from wrap_text("The bucket's policy names no break-glass role. Your own permissions decide.", width)
    yield from wrap_text(f"You are {document['caller']}.", width)
    for running in document["running"]:
        yield from wrap_text(f"{running} is running. Wait until it has ended.", width)
    for replica in document["replicas"]:
        text = f"Bucket {replica} is a replica. S3 does not delete versions there. Erase them there too."
        yield from wrap_text(text, width)
    text = "Delete the notebooks in ArcGIS first. Otherwise the next run archives them again."
    yield from wrap_text(text, width)


def _render_staying(document: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what stays. Kinds of objects that are equally long there are in one paragraph."""
    kinds: dict[tuple[bool, int | None], list[str]] = {}
    for each in document["staying"]:
        kinds.setdefault((each["namesPersons"], each["days"]), []).append(f"{each['prefix']} ({each['what']})")
    for (names_persons, days), named in kinds.items():
        names = "with titles and user names" if names_persons else "without titles and user names"
        until = "forever, because no lifecycle rule removes them"
        if days is not None:
            until = f"for {format_count(days, 'day')} after they were written"
        yield from wrap_text(f"What stays {names}, {until}: {', '.join(named)}.", width)
