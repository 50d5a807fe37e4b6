"""What the demonstration shows: the archived snapshots and the run report, as tables."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from mypy_boto3_s3 import S3Client
from rich.table import Table

from local.comparison import stored_snapshots
from scripts.stack import shown


def archived(s3: S3Client, bucket: str) -> Table:
    """One row for each archived snapshot and each copy of current content, read from S3 alone."""
    table = Table(title="Archived snapshots", title_justify="left")
    table.add_column("Key", overflow="fold")
    table.add_column("Bytes", justify="right")
    table.add_column("Owner", overflow="fold")
    table.add_column("Route")
    table.add_column("Title", max_width=30, no_wrap=True, overflow="ellipsis")
    table.add_column("Tags", overflow="fold")
    for key in stored_snapshots(s3, bucket):
        head = s3.head_object(Bucket=bucket, Key=key)
        tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        table.add_row(
            shown(key),
            f"{head['ContentLength']:,}",
            *(shown(unquote(head["Metadata"].get(name, ""))) for name in ("owner", "route", "title")),
            shown(" ".join(f"{tag['Key']}={tag['Value']}" for tag in sorted(tags, key=lambda tag: tag["Key"]))),
        )
    return table


def report(report: Mapping[str, Any], title: str) -> Iterator[Table]:
    """The run report: its figures in one table, then one table for each list in it that is not empty."""
    figures = Table(title=title, title_justify="left", show_header=False)
    lists = []
    for name, value in report.items():
        if isinstance(value, list):
            lists.append((name, value))
        else:
            figures.add_row(name, shown(_line(value)))
    yield figures
    for name, rows in lists:
        if rows:
            yield _rows(name, rows)


def _rows(name: str, rows: list[Any]) -> Table:
    table = Table(title=f"{_heading(name)} ({len(rows)})", title_justify="left")
    columns = list(dict.fromkeys(column for row in rows if isinstance(row, dict) for column in row))
    for column in columns or [name]:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = [row.get(column, "") for column in columns] if isinstance(row, dict) else [row]
        table.add_row(*(shown(_line(cell)) for cell in cells))
    return table


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
