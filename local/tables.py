"""What the demonstration shows: the archived versions and the run report, which fit a terminal of 80 columns."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from mypy_boto3_s3 import S3Client
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.comparison import stored_snapshots
from scripts.stack import shown

# Columns that a line of an archived version takes with the route, and with the route and the tags.
_ROUTE_WIDTH = 90
_TAGS_WIDTH = 170

# What is of use to programs alone.
_INTERNAL = {"schema", "work"}

# Lists whose entries `notProtected` repeats, for the most part.
_REPEATED = {"unprotected", "skipped"}

# The most urgent first.
_STATES = ("unprotected", "stale", "gone", "empty")


def archived(s3: S3Client, bucket: str, width: int) -> Iterator[Text]:
    """Yield a line for each archived notebook and each version of it, read from S3 alone.

    Route and tags are left out where `width` has no room for them, so that each key can be copied.
    """
    yield Text("Archived versions", style="bold")
    for prefix, keys in groupby(stored_snapshots(s3, bucket), key=lambda key: key.rsplit("/", 2)[0]):
        lines = []
        title = owner = ""
        for key in keys:
            head = s3.head_object(Bucket=bucket, Key=key)
            title, owner, route = (unquote(head["Metadata"].get(name, "")) for name in ("title", "owner", "route"))
            line = f"{head['ContentLength']:>11,}  {key.removeprefix(f'{prefix}/'):<56}"
            if width >= _ROUTE_WIDTH:
                line += f"  {route:<15}"
            if width >= _TAGS_WIDTH:
                tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
                line += "  " + " ".join(
                    f"{tag['Key']}={tag['Value']}" for tag in sorted(tags, key=lambda tag: tag["Key"])
                )
            lines.append(_cut(line, width))
        yield _cut(f"{prefix}/  {owner}: {title}", width)
        yield from lines


def report(report: Mapping[str, Any], title: str) -> Table:
    """Return the figures of a run report as a table."""
    figures = Table(title=title, title_justify="left", show_header=False)
    for name, value in report.items():
        if not isinstance(value, list) and name not in _INTERNAL:
            figures.add_row(name, shown(_line(value)))
    return figures


def lists(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield each list of a run report that is not empty: what is not protected, what failed, the notices."""
    not_protected = sorted(report["notProtected"], key=lambda row: _STATES.index(row["state"]))
    known = {(row["itemId"], row["reason"]) for row in not_protected}
    for name, rows in report.items():
        if not isinstance(rows, list):
            continue
        if name == "notProtected":
            rows = not_protected
        elif name in _REPEATED:
            rows = [row for row in rows if (row["itemId"], row["reason"]) not in known]
        if rows:
            yield Text(f"{_heading(name)} ({len(rows)})", style="bold")
            yield from map(_entry, rows)


def _entry(row: Mapping[str, Any]) -> Group:
    """One entry of a list: a line that says which notebook, then what happened and what to do next."""
    what = " ".join(str(row[name]) for name in ("itemId", "secret") if row.get(name))
    head = "  ".join(filter(None, (str(row.get("state", "")), what, _named(row))))
    rest = {name: value for name, value in row.items() if name not in {"itemId", "secret", "state", "title", "owner"}}
    return Group(
        *([Padding(shown(head), (0, 0, 0, 2), expand=False)] if head else []),
        *(Padding(shown(f"{name}: {_line(value)}"), (0, 0, 0, 4), expand=False) for name, value in rest.items()),
    )


def _named(row: Mapping[str, Any]) -> str:
    return f"{row.get('owner', '')}: {row['title']}" if row.get("title") else str(row.get("owner", ""))


def _cut(text: str, width: int) -> Text:
    line = shown(text.rstrip())
    line.truncate(width, overflow="ellipsis")
    return line


def _heading(name: str) -> str:
    """A camelCase name as a heading: `unprotectedNotebooks` becomes `Unprotected notebooks`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]


def _line(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}: {_line(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_line, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)
