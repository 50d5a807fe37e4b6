"""Read the reports of runs."""

import json
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from notebook_archive_cli.session import Session

_MAX_RUNS = 30


def list_runs(session: Session) -> list[dict[str, Any]]:
    """Return the newest runs that ended, the newest first: their reports without the lists of notebooks."""
    keys = [key for key in session.archive.list_keys("runs/") if key.endswith("/report.json")]
    bodies = [session.archive.read_object(key) for key in sorted(keys, reverse=True)[:_MAX_RUNS]]
    return [json.loads(body) for body in bodies if body]


def render_runs(runs: list[dict[str, Any]], width: int) -> Iterator[RenderableType]:  # noqa: ARG001
    """Return the runs as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Run", "Scope", "Status"):
        table.add_column(name, no_wrap=True)
    for run in runs:
        table.add_row(run["runId"], run["scope"], run["status"])
    yield table
