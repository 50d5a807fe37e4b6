"""Format an archive and a run report for the demonstration, at any terminal width."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.inventory import Version
from notebook_archive_cli.terminal.output import replace_unprintable

_GAP = 2
_MIN_TITLE_WIDTH = 16
_MAX_OWNER_WIDTH = 16
# If the terminal is narrow, these columns are omitted in this order.
_OPTIONAL_COLUMNS = ("Newest version", "Owner", "Versions")
_STATE_STYLES = {"protected": "green", "unprotected": "bold red"}

# Most entries in these lists of the report are also in the list `notProtected`.
_REPEATED_LISTS = {"unprotected", "skipped", "failed"}

# The states of notebooks that are not protected, the most urgent first.
_STATES = ("unprotected", "stale", "gone", "empty")


@dataclass(frozen=True, slots=True)
class Notebook:
    """One line of the notebook table. `newest` is a time in ISO 8601, or empty if nothing is archived."""

    title: str
    owner: str
    versions: int
    newest: str
    state: str


def list_notebooks(outcomes: Iterable[Mapping[str, Any]], versions: Iterable[Version]) -> list[Notebook]:
    """Join the outcomes of a run with the archived versions. Sort the notebooks by owner and title."""
    held: dict[str, list[Version]] = {}
    for version in versions:
        held.setdefault(version.item_id, []).append(version)
    notebooks = [
        Notebook(
            outcome["title"],
            outcome["owner"],
            len(own := held.get(outcome["itemId"], [])),
            max((version.created for version in own), default=""),
            outcome["protection"]["state"],
        )
        for outcome in outcomes
    ]
    return sorted(notebooks, key=lambda notebook: (notebook.owner, notebook.title.casefold()))


def build_notebook_table(notebooks: Sequence[Notebook], width: int) -> Table:
    """Return a table with one line for each notebook. Titles are cut and columns omitted so that no line wraps."""
    columns = {
        "Notebook": [_build_text(notebook.title) for notebook in notebooks],
        "Owner": [_build_text(notebook.owner) for notebook in notebooks],
        "Versions": [Text(f"{notebook.versions:,}") for notebook in notebooks],
        "Newest version": [Text(_format_time(notebook.newest)) for notebook in notebooks],
        "State": [Text(notebook.state, _STATE_STYLES.get(notebook.state, "yellow")) for notebook in notebooks],
    }
    widths = {name: max(map(cell_len, (name, *map(str, cells)))) for name, cells in columns.items()}
    widths["Owner"] = min(widths["Owner"], _MAX_OWNER_WIDTH)
    title_width = widths.pop("Notebook")
    for name in _OPTIONAL_COLUMNS:
        if _space_left(widths, width) < min(title_width, _MIN_TITLE_WIDTH):
            del widths[name]
    widths = {"Notebook": max(min(title_width, _space_left(widths, width)), 1), **widths}
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for name in widths:
        table.add_column(name, width=widths[name], no_wrap=True, overflow="ellipsis")
        table.columns[-1].justify = "right" if name == "Versions" else "left"
    for row in zip(*(columns[name] for name in widths), strict=True):
        table.add_row(*row)
    return table


def _space_left(widths: Mapping[str, int], width: int) -> int:
    return width - sum(widths.values()) - _GAP * len(widths)


def list_problems(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield each list of the report with its entries. An entry that is in several lists is yielded once."""
    not_protected = sorted(report["notProtected"], key=lambda row: _STATES.index(row["state"]))
    known = {(row["itemId"], row["reason"]) for row in not_protected}
    for name, rows in {**report, "notProtected": not_protected}.items():
        if isinstance(rows, list):
            new = [row for row in rows if name not in _REPEATED_LISTS or (row["itemId"], row["reason"]) not in known]
            if new:
                yield Text(f"\n{_format_heading(name)} ({len(new)})", style="bold")
                yield from map(_build_problem, new)


def _build_problem(row: Mapping[str, Any]) -> RenderableType:
    head = _build_text(": ".join(filter(None, (row.get("state"), row.get("title")))))
    head.no_wrap, head.overflow = True, "ellipsis"
    lines = {
        "Owner": row.get("owner"),
        "Item": row.get("itemId"),
        "Secret": row.get("secret"),
        "Snapshot": row.get("resourceKey"),
        "Reason": ": ".join(filter(None, (row.get("reason"), row.get("message")))),
        "Remedy": row.get("remedy"),
    }
    details = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    for label, value in lines.items():
        if value:
            details.add_row(label, _build_text(value))
    return Group(Padding(head, (0, 0, 0, 2)), Padding(details, (0, 0, 0, 4), expand=False))


def list_versions(versions: Iterable[Version], tags: Mapping[str, Mapping[str, str]]) -> Iterator[Text]:
    """Yield one line for each notebook and one for each archived version, with size, key, route and tags.

    Lines are not cut, so that each key can be copied.
    """
    for item_id, group in groupby(versions, key=lambda version: version.item_id):
        first, *rest = group
        yield _build_text(f"notebooks/{item_id}/  {first.metadata.get('owner', '')}: {first.metadata.get('title', '')}")
        for version in (first, *rest):
            name = version.key.removeprefix(f"notebooks/{item_id}/")
            route = version.metadata.get("route", "")
            labels = " ".join(f"{tag}={value}" for tag, value in sorted(tags[version.key].items()))
            yield _build_text(f"{version.size:>11,}  {name:<56}  {route:<15}  {labels}".rstrip())


def build_report_table(report: Mapping[str, Any]) -> Table:
    """Return the figures of a run report."""
    figures = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    for name, value in report.items():
        if not isinstance(value, list):
            figures.add_row(name, _build_text(_format_value(value)))
    return figures


def _build_text(text: str) -> Text:
    """Return a rich text without markup and without characters that move the cursor."""
    return Text(replace_unprintable(text))


def _format_time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "-"


def _format_heading(name: str) -> str:
    """Convert a camelCase name to a heading: `notProtected` becomes `Not protected`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]


def _format_value(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}: {_format_value(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)
